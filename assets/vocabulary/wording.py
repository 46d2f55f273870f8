"""Names and sentences for features that were given none.

Belongs here: turning a declaration into plain words. Does not belong here: checks, arithmetic, tables of words
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
    "mean_time_between": "Mean of the days",
    "min_time_between": "Fewest days",
    "max_time_between": "Most days",
    "std_time_between": "Standard deviation of the days",
}


class Condition(Protocol):
    """What is read of a predicate."""

    @property
    def column(self) -> str: ...
    @property
    def test(self) -> str: ...
    @property
    def values(self) -> tuple[object, ...]: ...


class Aggregate(Protocol):
    """What is read of a history feature."""

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
    kind: str,
    column: str | None,
    share: Iterable[Condition],
    window: Window | None,
    lag: timedelta | None = None,
) -> str:
    """`transactions_direction_debit_sum_amount_90d`; the caller checks that it is a name."""
    parts = [
        source,
        *map(_condition_label, filters),
        kind,
        column or "",
        *map(_condition_label, share),
        window_label(window),
        f"lag_{window_label(lag)}" if lag else "",
    ]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(part for part in parts if part).lower()).strip("_")


def kind_label(kind: str, column: str | None, level: float | None, half_life: timedelta | None) -> str:
    """What is computed, as a part of a name: `sum_amount`, `p90_amount`, `decayed_count_half_life_7d`."""
    what = kind
    if level is not None:
        what = "median" if level == 0.5 else f"p{100 * level:g}".replace(".", "_")
    parts = [what, column or "", "" if half_life is None else f"half_life_{window_label(half_life)}"]
    return "_".join(part for part in parts if part)


def _condition_label(condition: Condition) -> str:
    if condition.test == "in":
        return "_".join([condition.column, *map(str, condition.values)])
    return f"{condition.column}_{condition.test}_{condition.values[0]:g}"


def history_sentence(feature: Aggregate) -> str:
    """The meaning of a history feature, as a clause without a full stop."""
    events = feature.source.replace("_", " ") + _conditions(" with ", feature.filters)
    column = (feature.column or "").replace("_", " ")
    when = _when(feature)
    own = ", this one included" if feature.counts_request else ""
    match feature.kind:
        case "count":
            return f"Number of {events} {when}{own}"
        case "sum":
            return f"Sum of {column} over {events} {when}{own}"
        case "mean":
            return f"Mean {column} of {events} {when}{own}"
        case "min":
            return f"Smallest {column} of {events} {when}{own}"
        case "max":
            return f"Largest {column} of {events} {when}{own}"
        case "std":
            return f"Standard deviation of {column} of {events} {when}{own}"
        case "distinct":
            return f"Number of different values of {column} in {events} {when}{own}"
        case "share":
            return f"Share{_conditions(' with ', feature.share)} among {events} {when}{own}"
        case "last":
            return f"Latest {column} of {events} {when}"
        case "first":
            return f"Earliest {column} of {events} {when}"
        case "quantile":
            return f"{_quantile_words(feature.level or 0.0)} {column} of {events} {when}{own}"
        case "mode":
            return f"Most frequent {column} of {events} {when}{own}"
        case "mean_time_between" | "min_time_between" | "max_time_between" | "std_time_between":
            return f"{_BETWEEN[feature.kind]} between consecutive {events} {when}{own}"
        case "streak":
            return f"Number of the latest {events} in a row{_conditions(' with ', feature.share)} {when}{own}"
        case "slope":
            return f"Rise a day of {column} over {events} {when}{own}"
        case "decayed_sum":
            return f"Sum of {column} over {events} {when}, {_halved(feature.half_life)}{own}"
        case "decayed_count":
            return f"Number of {events} {when}, {_halved(feature.half_life)}{own}"
        case "time_since_last":
            return f"Days since the latest of {events} {when}"
        case _:
            return f"Days since the earliest of {events} {when}"


def _quantile_words(level: float) -> str:
    return {0.0: "Smallest", 0.5: "Median", 1.0: "Largest"}.get(level) or f"{100 * level:g}% quantile of"


def _halved(half_life: timedelta | None) -> str:
    return f"each weighted by half for every {window_words(half_life or _DAY)} of its age"


def _when(feature: Aggregate) -> str:
    known, window = "that became known " if feature.time == "known_at" else "", feature.window
    until = f"up to {window_words(feature.lag)} before the decision" if feature.lag else "up to the decision"
    if isinstance(window, LastEvents):
        last = "last" if window.count == 1 else f"last {window.count}"
        return f"among the {last} of them {'to become known ' if known else ''}{until}"
    if isinstance(window, Calendar) and window.back:
        whole = f"{window.back} calendar {window.unit}s" if window.back > 1 else f"calendar {window.unit}"
        return f"{known}in the {whole} before that of the decision ({window.zone})"
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


def _conditions(lead: str, conditions: tuple[Condition, ...]) -> str:
    if not conditions:
        return ""
    return lead + " and ".join(map(_condition_words, conditions))


def _condition_words(condition: Condition) -> str:
    column = condition.column.replace("_", " ")
    match condition.test:
        case "at_least":
            return f"{column} at least {condition.values[0]:g}"
        case "below":
            return f"{column} below {condition.values[0]:g}"
        case _:
            return f"{column} {' or '.join(str(v).replace('_', ' ') for v in condition.values)}"
