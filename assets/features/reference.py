"""What features mean, as plain Python loops: the oracle that the kernel is tested against.

Belongs here: the definition of every feature in the most obvious form, one row and one event at a time. Does not belong
here: speed, or any code that the kernel shares (apart from the declarations themselves).
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from assets.features.vocabulary import (
    COUNTED,
    Calendar,
    Category,
    DayOfWeek,
    Derived,
    Difference,
    FeatureSet,
    History,
    Hour,
    LastEvents,
    Log1p,
    Missing,
    Night,
    Predicate,
    Ratio,
    Trend,
    Weekend,
)

Row = Mapping[str, Any]
Resolutions = Mapping[str, Mapping[str, float]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MICROS = 86_400_000_000
_TIMES = ("event_time", "known_at", "as_of")


def compute(
    features: FeatureSet, resolutions: Resolutions, events: Mapping[str, pa.Table], spine: pa.Table
) -> list[dict[str, float | str | None]]:
    """The features of every spine row, in order; None where missing. Arguments as for `Kernel.compute`."""
    histories = {source: _rows(table) for source, table in events.items()}
    return [_row_features(features, resolutions, histories, row) for row in _rows(spine)]


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries; times as whole microseconds, NaN as None, -0.0 as 0.0."""
    for name in _TIMES:
        if name in table.column_names:
            position = table.column_names.index(name)
            table = table.set_column(position, name, table[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()))
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value + 0.0
    return value


def _row_features(
    features: FeatureSet, resolutions: Resolutions, histories: Mapping[str, list[dict[str, Any]]], row: Row
) -> dict[str, float | str | None]:
    values: dict[str, Any] = {}
    for request in features.request:
        value = row[request.name]
        values[request.name] = value if isinstance(request, Category) or value is None else float(value)
    for history in features.history:
        values[history.name] = _history(history, resolutions, histories[history.source], row)
    for derived in features.derived:
        value = _derived(derived, values, row["as_of"], features)
        values[derived.name] = value + 0.0 if value is not None and math.isfinite(value) else None
    return values


def _visible(feature: History, event: Row, row: Row) -> bool:
    if event[feature.key] is None or event[feature.key] != row[feature.key]:
        return False
    if event["known_at"] > row["as_of"] or event["event_time"] > row["as_of"]:
        return False
    if feature.counts_request:
        if "sequence" in row:
            earlier = (event["event_time"], event["sequence"]) < (row["as_of"], row["sequence"])
        else:
            earlier = event["event_time"] < row["as_of"]
        if not earlier:
            return False
    return _inside(feature, event[feature.time], row["as_of"])


def _inside(feature: History, time: int, as_of: int) -> bool:
    """Whether a time stands in the window, however many events the window takes."""
    micros = timedelta(microseconds=1)
    if isinstance(feature.window, Calendar):
        current = _period(feature.window, as_of)
        first = _begin(feature.window, current - feature.window.back)
        return first <= time <= as_of if feature.window.back == 0 else first <= time < _begin(feature.window, current)
    end = as_of - (feature.lag or timedelta(0)) // micros
    if isinstance(feature.window, timedelta):
        return end - feature.window // micros < time <= end
    return time <= end


def _period(window: Calendar, as_of: int) -> int:
    """Number of the day or month that the zone's calendar shows at a moment: the last that has begun by then."""
    shown = (_EPOCH + timedelta(microseconds=as_of)).astimezone(ZoneInfo(window.zone)) + timedelta(days=1)
    number = shown.toordinal() if window.unit == "day" else shown.year * 12 + shown.month - 1
    while _begin(window, number) > as_of:
        number -= 1
    return number


def _begin(window: Calendar, number: int) -> int:
    """The moment at which the zone's clock first shows the midnight of a day, or of a month's first day."""
    day = number if window.unit == "day" else datetime(number // 12, number % 12 + 1, 1).toordinal()
    midnight = datetime.fromordinal(day)
    return (midnight.replace(tzinfo=ZoneInfo(window.zone)) - _EPOCH) // timedelta(microseconds=1)


def _versions(feature: History, events: Iterable[dict[str, Any]], row: Row) -> list[dict[str, Any]]:
    """The entity's events as they were known at the row: of each fact its last version."""
    found: list[dict[str, Any]] = []
    latest: dict[Any, dict[str, Any]] = {}
    for event in events:
        if event[feature.key] is None or event[feature.key] != row[feature.key] or event["known_at"] > row["as_of"]:
            continue
        if feature.fact is None or event[feature.fact] is None:
            found.append(event)
        elif event[feature.fact] not in latest or _age(event) > _age(latest[event[feature.fact]]):
            latest[event[feature.fact]] = event
    return found + list(latest.values())


def _age(event: Row) -> tuple[int, int, int]:
    return (event["known_at"], event["event_time"], event.get("sequence", 0))


def _matches(conditions: Iterable[Predicate], event: Row) -> bool:
    for condition in conditions:
        value = event[condition.column]
        if value is None:
            return False
        if condition.test == "in" and value not in condition.values:
            return False
        if condition.test == "at_least" and not value >= condition.values[0]:
            return False
        if condition.test == "below" and not value < condition.values[0]:
            return False
    return True


def _history(feature: History, resolutions: Resolutions, events: list[dict[str, Any]], row: Row) -> float | None:
    there = [e for e in _versions(feature, events, row) if _visible(feature, e, row)]
    earlier = [e for e in there if _matches(feature.filters, e)]
    counted: list[Row] = list(earlier)
    own = feature.counts_request and _matches(feature.filters, row)
    if isinstance(feature.window, LastEvents):
        earlier = _newest(feature, earlier, feature.window.count, row)
        counted = list(_newest(feature, earlier, feature.window.count - own, row))
    if own:
        counted.append(row)
    empty = 0.0 if feature.kind in COUNTED and feature.empty is None else feature.empty
    if feature.kind in ("last", "time_since_last", "time_since_first"):
        return _moment(feature, earlier, row) if earlier else empty
    if feature.kind in ("count", "share"):
        if not counted:
            return empty
        if feature.kind == "count":
            return float(len(counted))
        return sum(_matches(feature.share, e) for e in counted) / len(counted)
    values = [e[str(feature.column)] for e in counted if e[str(feature.column)] is not None]
    if len(values) < (2 if feature.kind == "std" else 1):
        return empty
    if feature.kind == "distinct":
        return float(len(set(values)))
    if feature.kind in ("min", "max"):
        return float(min(values) if feature.kind == "min" else max(values))
    return _summed(feature, values, Fraction(repr(float(resolutions[feature.source][str(feature.column)]))))


def _order(feature: History, event: Row, row: Row) -> tuple[int, int, int]:
    """What puts events in order: their time, the sequence where there is one, and their other time."""
    other = "known_at" if feature.time == "event_time" else "event_time"
    sequence = event["sequence"] if feature.includes_request and "sequence" in row else 0
    return (event[feature.time], sequence, event[other])


def _newest(feature: History, events: list[dict[str, Any]], n: int, row: Row) -> list[dict[str, Any]]:
    """The last n events, and whatever is as late as the earliest of them."""
    if n == 0 or len(events) <= n:
        return events if n else []
    nth = sorted(_order(feature, event, row) for event in events)[-n]
    return [event for event in events if _order(feature, event, row) >= nth]


def _moment(feature: History, events: list[dict[str, Any]], row: Row) -> float | None:
    """What the latest or the earliest event says; ties: by sequence, then the other time, then the value."""
    if feature.kind == "time_since_first":
        return (row["as_of"] - min(e[feature.time] for e in events)) / _DAY_MICROS
    if feature.kind == "time_since_last":
        return (row["as_of"] - max(e[feature.time] for e in events)) / _DAY_MICROS
    column = str(feature.column)

    def order(event: Row) -> tuple[Any, ...]:
        value = event[column]
        return (*_order(feature, event, row), value is not None, value)

    value = max(events, key=order)[column]
    return None if value is None else float(value)


def _summed(feature: History, values: list[Any], resolution: Fraction) -> float:
    up, down = float(resolution.numerator), float(resolution.denominator)
    steps = [round(float(value) * down / up) for value in values]
    n, total = len(steps), sum(steps)
    if feature.kind == "sum":
        return float(total) * up / down
    if feature.kind == "mean":
        return float(total) * up / (n * down)
    numerator = n * sum(s * s for s in steps) - total * total
    return math.sqrt(float(numerator) / float(n * (n - 1))) * up / down


def _derived(feature: Derived, values: Mapping[str, Any], as_of: int, features: FeatureSet) -> float | None:
    moment = _EPOCH + timedelta(microseconds=as_of)
    match feature:
        case Weekend():
            return float(moment.weekday() >= 5)
        case Night():
            return float(moment.hour <= feature.until_hour)
        case DayOfWeek():
            return float(moment.weekday())
        case Hour():
            return float(moment.hour)
        case Missing():
            return float(values[feature.of] is None)
        case Log1p():
            value = values[feature.of]
            return None if value is None or value <= -1 else math.log1p(value)
        case Ratio():
            return _quotient(values[feature.numerator], values[feature.denominator])
        case Difference():
            left, right = values[feature.left], values[feature.right]
            return None if left is None or right is None else left - right
        case Trend():
            windows = {h.name: h.window for h in features.history if isinstance(h.window, timedelta)}
            recent = values[feature.recent]
            scale = windows[feature.longer] / windows[feature.recent]
            return _quotient(None if recent is None else recent * scale, values[feature.longer])


def _quotient(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or denominator is None or denominator == 0:
        return None
    try:
        return numerator / denominator
    except OverflowError:
        return None
