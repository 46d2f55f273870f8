"""The definition of every feature in plain Python: the oracle of the kernel's tests and of the leakage audit.

Belongs here: each feature over events in the most obvious form, one row and one event at a time. Does not belong here:
features of other features (`reference_derived.py`), optimisations, or code of the kernel (apart from declarations and
names of columns).
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from assets.features.reference_derived import derived_value
from assets.vocabulary import (
    COUNTED,
    Calendar,
    FeatureSet,
    History,
    LastEvents,
    Number,
    Predicate,
)
from assets.vocabulary.times import AS_OF, SEQUENCE, TIMES, other_time
from resources.moments import DAY_US, EPOCH

Row = Mapping[str, Any]
Resolutions = Mapping[str, Mapping[str, float]]

_MICROSECOND = timedelta(microseconds=1)


def compute(
    features: FeatureSet, resolutions: Resolutions, events: Mapping[str, pa.Table], spine: pa.Table
) -> list[dict[str, float | str | None]]:
    """The features of every spine row, in order, None where missing; arguments as for `Kernel.compute`."""
    histories = {source: _rows(table) for source, table in events.items()}
    return [_row_features(features, resolutions, histories, row) for row in _rows(spine)]


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries; times as whole microseconds, NaN as None, -0.0 as 0.0."""
    for name in (*TIMES, AS_OF):
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
        values[request.name] = float(value) if isinstance(request, Number) and value is not None else value
    for history in features.history:
        values[history.name] = _history(history, resolutions, histories[history.source], row)
    for derived in features.derived:
        value = derived_value(derived, values, row["as_of"], features)
        values[derived.name] = value + 0.0 if value is not None and math.isfinite(value) else None
    return values


def _is_usable(feature: History, event: Row, row: Row) -> bool:
    """Whether the event is of the row's entity, was known, is before the request, and is in the window."""
    if event[feature.key] is None or event[feature.key] != row[feature.key]:
        return False
    if event["known_at"] > row["as_of"] or event["event_time"] > row["as_of"]:
        return False
    if feature.counts_request:
        if SEQUENCE in row:
            earlier = (event["event_time"], event[SEQUENCE]) < (row["as_of"], row[SEQUENCE])
        else:
            earlier = event["event_time"] < row["as_of"]
        if not earlier:
            return False
    return _in_window(feature, event[feature.time], row["as_of"])


def _in_window(feature: History, time: int, as_of: int) -> bool:
    """Whether a time is in the window; a window of a number of events holds all times up to the decision."""
    if isinstance(feature.window, Calendar):
        current = _period(feature.window, as_of)
        first = _begin(feature.window, current - feature.window.back)
        return first <= time <= as_of if feature.window.back == 0 else first <= time < _begin(feature.window, current)
    end = as_of - (feature.lag or timedelta(0)) // _MICROSECOND
    if isinstance(feature.window, timedelta):
        return end - feature.window // _MICROSECOND < time <= end
    return time <= end


def _period(window: Calendar, as_of: int) -> int:
    """Number of the zone's day or month at a moment: the last one that has begun by then."""
    shown = (EPOCH + timedelta(microseconds=as_of)).astimezone(ZoneInfo(window.zone)) + timedelta(days=1)
    number = shown.toordinal() if window.unit == "day" else shown.year * 12 + shown.month - 1
    while _begin(window, number) > as_of:
        number -= 1
    return number


def _begin(window: Calendar, number: int) -> int:
    """The first moment at which the zone's clock shows the midnight of a day, or of a month's first day."""
    day = number if window.unit == "day" else datetime(number // 12, number % 12 + 1, 1).toordinal()
    midnight = datetime.fromordinal(day)
    return (midnight.replace(tzinfo=ZoneInfo(window.zone)) - EPOCH) // _MICROSECOND


def _latest_revisions(feature: History, events: Iterable[dict[str, Any]], row: Row) -> list[dict[str, Any]]:
    """The entity's events as they were known at the row: the latest known revision of each record."""
    without_key: list[dict[str, Any]] = []
    latest: dict[Any, dict[str, Any]] = {}
    for event in events:
        if event[feature.key] is None or event[feature.key] != row[feature.key] or event["known_at"] > row["as_of"]:
            continue
        record = None if feature.record_key is None else event[feature.record_key]
        if record is None:
            without_key.append(event)
        elif record not in latest or _revision_order(event) > _revision_order(latest[record]):
            latest[record] = event
    return without_key + list(latest.values())


def _revision_order(event: Row) -> tuple[int, int, int]:
    return (event["known_at"], event["event_time"], event.get(SEQUENCE, 0))


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


def _history(feature: History, resolutions: Resolutions, events: list[dict[str, Any]], row: Row) -> float | str | None:
    usable = [e for e in _latest_revisions(feature, events, row) if _is_usable(feature, e, row)]
    earlier = [e for e in usable if _matches(feature.filters, e)]
    counted: list[Row] = list(earlier)
    request_counts = feature.counts_request and _matches(feature.filters, row)
    if isinstance(feature.window, LastEvents):
        earlier = _last_n(feature, earlier, feature.window.count, row)
        counted = list(_last_n(feature, earlier, feature.window.count - request_counts, row))
    if request_counts:
        counted.append(row)
    empty = 0.0 if feature.kind in COUNTED and feature.empty is None else feature.empty
    if feature.kind in ("last", "first", "time_since_last", "time_since_first"):
        return _single_event(feature, earlier, row) if earlier else empty
    if feature.kind.endswith("time_between"):
        return _between(feature.kind, sorted(_time(feature, e) for e in counted), empty)
    if feature.kind == "streak":
        return _streak(feature, counted, row) if counted else empty
    if feature.kind == "decayed_count":
        weights = [_weight(feature, e, row) for e in counted]
        return float(sum(weights)) if counted else empty
    if feature.kind in ("count", "share"):
        if not counted:
            return empty
        if feature.kind == "count":
            return float(len(counted))
        return sum(_matches(feature.share, e) for e in counted) / len(counted)
    counted = [e for e in counted if e[str(feature.column)] is not None]
    values = [e[str(feature.column)] for e in counted]
    if feature.kind == "mode" and values:
        most = max(values.count(value) for value in values)
        mode = min(value for value in values if values.count(value) == most)
        return mode if feature.is_text else float(mode)
    if len(values) < (2 if feature.kind == "std" else 1):
        return empty
    if feature.kind == "distinct":
        return float(len(set(values)))
    if feature.kind in ("min", "max"):
        return float(min(values) if feature.kind == "min" else max(values))
    resolution = Fraction(repr(float(resolutions[feature.source][str(feature.column)])))
    steps = [Fraction(round(float(v) * resolution.denominator / resolution.numerator)) * resolution for v in values]
    if feature.kind == "quantile":
        return _quantile(sorted(steps), Fraction(repr(feature.level)))
    if feature.kind == "slope":
        return _slope([Fraction(_time(feature, e), DAY_US) for e in counted], steps, empty)
    if feature.kind == "decayed_sum":
        return float(sum(step * _weight(feature, e, row) for step, e in zip(steps, counted, strict=True)))
    return _summed(feature, values, resolution)


def _time(feature: History, event: Row) -> int:
    """The time of an event on the axis of the windows; that of a request is its as-of time."""
    return int(event[feature.time] if feature.time in event else event["as_of"])


def _between(kind: str, times: list[int], empty: float | None) -> float | None:
    gaps = [after - before for before, after in itertools.pairwise(times)]
    if len(gaps) < (2 if kind == "std_time_between" else 1):
        return empty
    if kind == "mean_time_between":
        return float(Fraction(sum(gaps), len(gaps) * DAY_US))
    if kind == "std_time_between":
        mean = Fraction(sum(gaps), len(gaps))
        return math.sqrt(float(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1))) / DAY_US
    return (min(gaps) if kind == "min_time_between" else max(gaps)) / DAY_US


def _streak(feature: History, counted: list[Row], row: Row) -> float:
    """Counts back from the request or the latest event; of tied events, those that break the streak are the last."""
    earlier = [event for event in counted if event is not row]
    earlier.sort(key=lambda e: (*_order(feature, e, row), not _matches(feature.share, e)), reverse=True)
    latest_first = [*(event for event in counted if event is row), *earlier]
    return float(len(list(itertools.takewhile(lambda e: _matches(feature.share, e), latest_first))))


def _quantile(values: list[Fraction], level: Fraction) -> float:
    """Type 7 of Hyndman and Fan."""
    place = (len(values) - 1) * level
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return float(values[below] + (place - below) * (values[above] - values[below]))


def _slope(times: list[Fraction], values: list[Fraction], empty: float | None) -> float | None:
    if len(set(times)) < 2:
        return empty
    mean_time, mean_value = sum(times) / len(times), sum(values) / len(values)
    rise = sum((t - mean_time) * (v - mean_value) for t, v in zip(times, values, strict=True))
    return float(rise / sum((t - mean_time) ** 2 for t in times))


def _weight(feature: History, event: Row, row: Row) -> Fraction:
    """2 ** -(age / half_life), with mantissas of 32 bits; 0 from four blocks of 16 half-lives on."""
    half_life = (feature.half_life or timedelta(0)) // _MICROSECOND
    now, then = row["as_of"], _time(feature, event)
    if now // half_life // 16 - then // half_life // 16 >= 4:
        return Fraction(0)
    halvings = now // half_life - then // half_life
    return Fraction(_mantissa(then, half_life), _mantissa(now, half_life)) / 2**halvings


def _mantissa(time: int, half_life: int) -> int:
    return round(2.0**32 * math.exp2(time % half_life / half_life))


def _order(feature: History, event: Row, row: Row) -> tuple[int, int, int]:
    """The order of events: time, sequence, the other time; events with the same order are tied."""
    sequence = event[SEQUENCE] if feature.includes_request and SEQUENCE in row else 0
    return (event[feature.time], sequence, event[other_time(feature.time)])


def _last_n(feature: History, events: list[dict[str, Any]], n: int, row: Row) -> list[dict[str, Any]]:
    """The last n events, and all that are tied with the earliest of them."""
    if n == 0 or len(events) <= n:
        return events if n else []
    nth = sorted(_order(feature, event, row) for event in events)[-n]
    return [event for event in events if _order(feature, event, row) >= nth]


def _single_event(feature: History, events: list[dict[str, Any]], row: Row) -> float | None:
    """Value or age of the latest or the earliest event; ties go by sequence, then the other time, then the value."""
    if feature.kind == "time_since_first":
        return (row["as_of"] - min(e[feature.time] for e in events)) / DAY_US
    if feature.kind == "time_since_last":
        return (row["as_of"] - max(e[feature.time] for e in events)) / DAY_US
    column = str(feature.column)
    if feature.kind == "first":
        value = min(events, key=lambda e: (*_order(feature, e, row), e[column] is None, e[column]))[column]
    else:
        value = max(events, key=lambda e: (*_order(feature, e, row), e[column] is not None, e[column]))[column]
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
