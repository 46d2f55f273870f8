"""Default names of features and their definitions in words.

Belongs here: the name and the sentence of a declaration. Does not belong here: checks, arithmetic, the catalogue
(`assets.features.catalogue.entries`).
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

from assets.vocabulary.windows import Calendar, LastEvents, Window

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_BETWEEN = {
    "mean_time_between": "Mean days",
    "min_time_between": "Fewest days",
    "max_time_between": "Most days",
    "std_time_between": "Standard deviation of the days",
}


class Condition(Protocol):
    """The attributes of a predicate that wording reads."""

    @property
    def column(self) -> str: ...
    @property
    def test(self) -> str: ...
    @property
    def values(self) -> tuple[object, ...]: ...


class Aggregate(Protocol):
    """The attributes of a history feature that wording reads."""

    @property
    def kind(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def column(self) -> str | None: ...
    @property
    def window(self) -> Window | None: ...
    @property
    def lag(self) -> timedelta | None: ...
    @property
    def filters(self) -> tuple[Condition, ...]: ...
    @property
    def share(self) -> tuple[Condition, ...]: ...
    @property
    def time(self) -> str: ...
    @property
    def counts_request(self) -> bool: ...
    @property
    def level(self) -> float | None: ...
    @property
    def half_life(self) -> timedelta | None: ...


def window_label(window: Window | None) -> str:
    """`30d`, `6h`, `90s`, `this_month`, `last_3_months_europe_berlin`, `last_10_events`; empty for all history."""
    if window is None:
        return ""
    if isinstance(window, LastEvents):
        return f"last_{window.count}_events" if window.count > 1 else "last_event"
    if isinstance(window, Calendar):
        zone = "" if window.zone == "UTC" else f"_{window.zone}"
        if window.back:
            return (f"last_{window.back}_{window.unit}s" if window.back > 1 else f"last_{window.unit}") + zone
        return ("today" if window.unit == "day" else f"this_{window.unit}") + zone
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (timedelta(seconds=1), "s")):
        if window % unit == timedelta(0):
            return f"{window // unit}{letter}"
    return f"{window // timedelta(microseconds=1)}us"


def default_name(
    source: str,
    filters: Iterable[Condition],
    aggregate: str,
    share: Iterable[Condition],
    window: Window | None,
    lag: timedelta | None = None,
) -> str:
    """`transactions_direction_debit_sum_amount_90d`; the caller checks that it is a valid name.

    Args:
        aggregate: Kind, column and parameters, as `kind_label` returns them.
    """
    parts = [
        source,
        *map(_condition_label, filters),
        aggregate,
        *map(_condition_label, share),
        window_label(window),
        f"lag_{window_label(lag)}" if lag else "",
    ]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(part for part in parts if part).lower()).strip("_")


def kind_label(kind: str, column: str | None, level: float | None, half_life: timedelta | None) -> str:
    """Kind, column and parameters as a part of a name: `sum_amount`, `p90_amount`, `decayed_count_half_life_7d`."""
    label = kind
    if level is not None:
        label = "median" if level == 0.5 else f"p{100 * level:g}".replace(".", "_")
    parts = [label, column or "", "" if half_life is None else f"half_life_{window_label(half_life)}"]
    return "_".join(part for part in parts if part)


def _condition_label(condition: Condition) -> str:
    if condition.test == "in":
        return "_".join([condition.column, *map(str, condition.values)])
    return f"{condition.column}_{condition.test}_{condition.values[0]:g}"


def history_sentence(feature: Aggregate) -> str:
    """The definition of a history feature, as a clause without a full stop."""
    column, events, when = feature.column, _events(feature), _when(feature)
    over = f"{events} {when}" + (", the request included" if feature.counts_request else "")
    match feature.kind:
        case "count":
            return f"Number of {over}"
        case "sum":
            return f"Sum of {column} over {over}"
        case "mean":
            return f"Mean {column} of {over}"
        case "min":
            return f"Smallest {column} of {over}"
        case "max":
            return f"Largest {column} of {over}"
        case "std":
            return f"Standard deviation of {column} over {over}"
        case "distinct":
            return f"Number of different values of {column} in {over}"
        case "share" if feature.filters or isinstance(feature.window, LastEvents):
            return f"Share of {over} that have {_conditions(feature.share)}"
        case "share":
            return f"Share of {events} with {_conditions(feature.share)}{over.removeprefix(events)}"
        case "last":
            return f"Latest {column} of {events} {when}"
        case "first":
            return f"Earliest {column} of {events} {when}"
        case "quantile":
            return f"{_quantile_words(feature.level or 0.0)} {column} of {over}"
        case "mode":
            return f"Most frequent {column} of {over}"
        case "mean_time_between" | "min_time_between" | "max_time_between" | "std_time_between":
            return f"{_BETWEEN[feature.kind]} between consecutive events of {over}"
        case "streak":
            return f"Number of latest consecutive events of {over} that have {_conditions(feature.share)}"
        case "slope":
            return f"Daily slope of {column} over {over}"
        case "decayed_sum":
            return f"Sum of {column} over {over}, {_halved(feature.half_life)}"
        case "decayed_count":
            return f"Number of {over}, {_halved(feature.half_life)}"
        case "time_since_last":
            return f"Days since the latest event of {events} {when}"
        case _:
            return f"Days since the earliest event of {events} {when}"


def _quantile_words(level: float) -> str:
    return {0.0: "Smallest", 0.5: "Median", 1.0: "Largest"}.get(level) or f"{100 * level:g}% quantile of"


def _halved(half_life: timedelta | None) -> str:
    return f"each weight halving with every {window_words(half_life or _DAY)} of age"


def _events(feature: Aggregate) -> str:
    events = feature.source.replace("_", " ")
    if isinstance(feature.window, LastEvents):
        count = feature.window.count
        events = f"the last {count} {events}" if count > 1 else f"the last event of {events}"
    return f"{events} with {_conditions(feature.filters)}" if feature.filters else events


def _when(feature: Aggregate) -> str:
    known, window = "that became known " if feature.time == "known_at" else "", feature.window
    until = f"up to {window_words(feature.lag)} before the decision" if feature.lag else "up to the decision"
    if isinstance(window, LastEvents):
        return f"to become known {until}" if known else until
    if isinstance(window, Calendar) and window.back:
        periods = f"{window.back} calendar {window.unit}s" if window.back > 1 else f"calendar {window.unit}"
        return f"{known}in the {periods} before the {window.unit} of the decision ({window.zone})"
    if isinstance(window, Calendar):
        return f"{known}in the calendar {window.unit} of the decision ({window.zone}), {until}"
    return f"{known}at any time {until}" if window is None else f"{known}in the {window_words(window)} {until}"


def window_words(window: timedelta) -> str:
    """`30 days`, `6 hours`."""
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (timedelta(seconds=1), "second")):
        if window % unit == timedelta(0):
            number = window // unit
            return word if number == 1 else f"{number} {word}s"
    return f"{window.total_seconds():g} seconds"


def _conditions(conditions: tuple[Condition, ...]) -> str:
    return " and ".join(map(_condition_words, conditions))


def _condition_words(condition: Condition) -> str:
    match condition.test:
        case "at_least":
            return f"{condition.column} >= {condition.values[0]:g}"
        case "below":
            return f"{condition.column} < {condition.values[0]:g}"
        case _:
            return f"{condition.column} = {' or '.join(map(str, condition.values))}"
