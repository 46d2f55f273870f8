"""The rule of a label over whole tables: how each row turned out, and when that became final.

Belongs here: the rule of `assets.product.Label` for many rows at once. Does not belong here: reading tables
(`assets.training.assets`), the join of labels with features (`learning.py`), the join with decisions
(`assets.feedback.outcomes`).

Every kind of label is one computation. An event of the label source counts for a row from the time at which it became
known to the time at which a revision replaces it. So a row's label has a course: it changes at these times, and the
last change by now says what the label is and since when.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product import Label
from assets.training.rows.tables import RowsError, column_of, micros_of
from resources.moments import DAY_US, micros

_TIME = pa.timestamp("us", tz="UTC")
_NEVER = np.iinfo(np.int64).max
_ALWAYS = np.iinfo(np.int64).min
_UNKNOWN = -1


@dataclass(frozen=True)
class _Counted:
    """Events that count for rows, each for one row; int64 [n] each, times in microseconds.

    Attributes:
        row: The position of the row.
        time: When the event happened.
        known: When it became known.
        replaced: When a revision replaced it; `_NEVER` where none did by now.
        positive: bool [n], whether its value reaches the bar.
    """

    row: NDArray[np.int64]
    time: NDArray[np.int64]
    known: NDArray[np.int64]
    replaced: NDArray[np.int64]
    positive: NDArray[np.bool_]

    def take(self, index: NDArray[np.int64]) -> "_Counted":
        return _Counted(
            self.row[index], self.time[index], self.known[index], self.replaced[index], self.positive[index]
        )


def mature_labels(
    spine: pa.Table,
    label_events: pa.Table,
    label: Label,
    now: datetime,
    *,
    row_id: str = "row_id",
    as_of: str = "as_of",
) -> pa.Table:
    """The label of every spine row whose label is final at `now`.

    A label is final when its maturity has passed and something is known of the row; the absence of an event is known
    without any event. Corrections that became known by `now` are taken.

    Args:
        spine: Columns `row_id` (unique), `as_of` (timestamp) and `label.spine_column` where the label names one.
        label_events: Columns `label.row_id`, `label.column`, `label.record_key`, `event_time`, `known_at`.
        label: The rule.
        now: With a time zone; no event known later is used.
        row_id, as_of: The spine's names for these columns.

    Returns:
        One row per spine row, in its order: `row_id` (under the spine's name), `label` (int8; null where not final),
        `known_at` (since when the label is final: its maturity, or the arrival of the event or revision that made it
        what it is if later; null where nothing was known yet), `revision` (int32; how many statements about the row a
        later one had replaced by now) and `told` (whether an event says what the label is; the absence of an event says
        so by itself). A row whose outcome was withdrawn has a null label, and the time of the withdrawal.

    Raises:
        RowsError: A column is missing, has nulls or is of a wrong type; a spine row occurs twice; `now` has no time
            zone.
    """
    now_us = _aware_micros(now)
    ids = column_of(spine, row_id, "the spine").combine_chunks()
    if pc.count_distinct(ids, mode="all").as_py() != len(ids):
        raise RowsError(f"'{row_id}' is not unique among the spine's {len(ids)} rows: a row is decided once")
    decided_at = micros_of(spine, as_of, "the spine")
    counted = _counted(spine, label_events, label, now_us, row_id=row_id, decided_at=decided_at)
    state, since = _last_state(counted, label, len(ids))
    due = decided_at + _span_micros(label.maturity)
    is_due = (due <= now_us) & ((state != _UNKNOWN) | (since != _ALWAYS))
    final = is_due & (state != _UNKNOWN)
    replaced = np.bincount(counted.row[counted.replaced != _NEVER], minlength=len(ids))
    return pa.table(
        {
            row_id: ids,
            "label": pa.array(state.astype(np.int8), mask=~final),
            "known_at": pa.array(np.maximum(due, since), type=pa.int64(), mask=~is_due).cast(_TIME),
            "revision": pa.array(replaced.astype(np.int32)),
            "told": pa.array(since != _ALWAYS),
        }
    )


def labels_so_far(
    spine: pa.Table,
    label_events: pa.Table,
    label: Label,
    now: datetime,
    *,
    row_id: str = "row_id",
    as_of: str = "as_of",
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """What is known of each row's label at `now`, final or not.

    Arguments as for `mature_labels`; `row_id` may occur more than once.

    Returns:
        The state, int8 [n]: 1 for bad, 0 for nothing bad yet, -1 where the label source has said nothing; and the days
        from the decision to the time since which it is so, float64 [n], NaN where it never changed.

    Raises:
        RowsError: As `mature_labels`.
    """
    decided_at = micros_of(spine, as_of, "the spine")
    counted = _counted(spine, label_events, label, _aware_micros(now), row_id=row_id, decided_at=decided_at)
    state, since = _last_state(counted, label, len(decided_at))
    days = np.where(since == _ALWAYS, np.nan, (since - decided_at) / DAY_US)
    return state.astype(np.int8), days


def days_to_label(
    spine: pa.Table, label_events: pa.Table, label: Label, now: datetime, *, row_id: str = "row_id"
) -> NDArray[np.float64]:
    """Days from each decision to its first positive event: float64 [n]; NaN where there is none by `now`.

    Arguments as for `mature_labels`. Days are counted to the event time and not to known_at: batches arrive at one hour
    of the day, so the time to arrival would depend on the hour of the decision. The absence of an event has no time.

    Raises:
        RowsError: As `mature_labels`.
    """
    decided_at = micros_of(spine, "as_of", "the spine")
    if label.kind == "absence":
        return np.full(len(decided_at), np.nan)
    counted = _counted(spine, label_events, label, _aware_micros(now), row_id=row_id, decided_at=decided_at)
    bad = counted.take(np.flatnonzero(counted.positive & (counted.replaced == _NEVER)))
    first_bad = np.full(len(decided_at), _NEVER, dtype=np.int64)
    np.minimum.at(first_bad, bad.row, bad.time)
    return np.where(first_bad == _NEVER, np.nan, (first_bad - decided_at) / DAY_US)


def _counted(
    spine: pa.Table,
    events: pa.Table,
    label: Label,
    now_us: int,
    *,
    row_id: str,
    decided_at: NDArray[np.int64],
) -> _Counted:
    """The events known by now that count for a row: all of an outcome's revisions, else those within the horizon."""
    where = f"the label source '{label.source}'"
    of_rows = column_of(spine, label.spine_column or row_id, "the spine").combine_chunks()
    entities = pc.unique(of_rows).drop_null()
    try:
        of_events = column_of(events, label.row_id, where).combine_chunks().cast(entities.type)
        values = _numbers(column_of(events, label.column, where), label) if label.column else None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Without Arrow's error: it quotes the value that it cannot read.
        raise RowsError(
            f"{where}: {label.row_id} must be {entities.type}, as in the spine, and {label.column} a number"
        ) from None
    entity = _codes(of_events, entities)
    time, known = micros_of(events, "event_time", where), micros_of(events, "known_at", where)
    usable = np.flatnonzero((entity >= 0) & (known <= now_us))
    entity, time, known = entity[usable], time[usable], known[usable]
    number = np.ones(len(usable)) if values is None else values.to_numpy()[usable]
    replaced = np.full(len(usable), _NEVER)
    records = _records(events, label, where)
    if records is not None:
        replaced = _replaced(entity, records[usable], time, known, number)
    positive = np.ones(len(usable), bool) if values is None else number >= (1.0 if label.positive else label.at_least)
    if label.settled:
        positive, has_value = positive & ~np.isnan(number), ~np.isnan(number)
    else:
        # The absence of an event is the absence of those that reach the bar.
        has_value = positive if label.kind == "absence" else np.ones(len(usable), bool)
    kept = np.flatnonzero(has_value & (replaced > known))
    found = _Counted(kept, time[kept], known[kept], replaced[kept], positive[kept])
    horizon = None if label.settled else _span_micros(label.horizon)
    return _for_rows(found, entity[kept], _codes(of_rows, entities), decided_at, horizon)


def _numbers(values: pa.ChunkedArray, label: Label) -> pa.ChunkedArray:
    """The values of the label as numbers; of texts 1 for a positive one and 0 for another."""
    if not label.positive:
        return values.cast(pa.float64())
    reached = pc.is_in(values.cast(pa.string()), value_set=pa.array(label.positive))
    return pc.if_else(pc.is_valid(values), reached, None).cast(pa.float64())


def _for_rows(
    events: _Counted,
    entity: NDArray[np.int64],
    row_entity: NDArray[np.int64],
    decided_at: NDArray[np.int64],
    horizon: int | None,
) -> _Counted:
    """Each event once for each row of its entity that was decided within the horizon before it (None: of all rows)."""
    moments = np.unique(decided_at)
    width = len(moments) + 1
    places = row_entity * width + np.searchsorted(moments, decided_at)
    order = np.argsort(places, kind="stable")
    places = places[order]
    if horizon is None:
        first, last = entity * width, entity * width + width - 1
    else:
        first = entity * width + np.searchsorted(moments, events.time - horizon, side="left")
        last = entity * width + np.searchsorted(moments, events.time, side="right") - 1
    start = np.searchsorted(places, first, side="left")
    counts = np.maximum(np.searchsorted(places, last, side="right") - start, 0)
    event = np.repeat(np.arange(len(entity)), counts)
    within = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = events.take(event)
    rows = order[start[event] + within].astype(np.int64)
    return _Counted(rows, found.time, found.known, found.replaced, found.positive)


def _records(events: pa.Table, label: Label, where: str) -> NDArray[np.int64] | None:
    """The record of each event as a code, -1 without a record key; None where events are not revised."""
    if label.settled:
        return np.zeros(events.num_rows, np.int64)  # an outcome is the one record of its row
    if label.record_key is None:
        return None
    column = column_of(events, label.record_key, where).combine_chunks()
    return _codes(column, pc.unique(column).drop_null())


def _replaced(
    entity: NDArray[np.int64],
    records: NDArray[np.int64],
    time: NDArray[np.int64],
    known: NDArray[np.int64],
    number: NDArray[np.float64],
) -> NDArray[np.int64]:
    """When each event was replaced by the next revision of its record; `_NEVER` for the last one.

    Revisions are ordered by known_at, event time and value, so that the order of the rows does not matter.
    """
    order = np.lexsort((number, time, known, records, entity))
    before, after = order[:-1], order[1:]
    same = (entity[before] == entity[after]) & (records[before] == records[after]) & (records[before] >= 0)
    replaced = np.full(len(entity), _NEVER)
    replaced[before[same]] = known[after[same]]
    return replaced


def _last_state(counted: _Counted, label: Label, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row its label (-1 for unknown) and since when it is that; `_ALWAYS` where it never changed."""
    gone = np.flatnonzero(counted.replaced != _NEVER)
    row = np.concatenate([counted.row, counted.row[gone]])
    moment = np.concatenate([counted.known, counted.replaced[gone]])
    seen = np.concatenate([np.ones(len(counted.row), np.int64), -np.ones(len(gone), np.int64)])
    bad = seen * np.concatenate([counted.positive, counted.positive[gone]])
    order = np.lexsort((moment, row))
    row, moment = row[order], moment[order]
    # The sums of a row are 0 again before the next one only if the sums of the rows before it are subtracted.
    first_of_row = np.searchsorted(row, row, side="left")
    seen, bad = _running(seen[order], first_of_row), _running(bad[order], first_of_row)
    last_of_moment = np.append((row[1:] != row[:-1]) | (moment[1:] != moment[:-1]), True)[: len(row)]
    row, moment, seen, bad = row[last_of_moment], moment[last_of_moment], seen[last_of_moment], bad[last_of_moment]
    initial = 1 if label.kind == "absence" else _UNKNOWN
    observed = np.zeros(len(row), np.int64) if label.kind == "absence" else (bad > 0).astype(np.int64)
    course = np.where(seen > 0, observed, initial)
    before = np.where(
        np.append(True, row[1:] != row[:-1])[: len(row)], initial, np.append(initial, course[:-1])[: len(row)]
    )
    state, since = np.full(rows, initial), np.full(rows, _ALWAYS)
    state[row] = course  # of several changes of a row the last one stays
    changed = course != before
    since[row[changed]] = moment[changed]
    return state, since


def _running(values: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Running sums, each from the first position of its row on."""
    sums = np.append(0, np.cumsum(values))
    return sums[1:] - sums[first]


def _codes(column: pa.Array, values: pa.Array) -> NDArray[np.int64]:
    """The position of each value among the values; -1 for a null and for another value."""
    return np.asarray(pc.fill_null(pc.index_in(column, value_set=values, skip_nulls=True), -1).to_numpy(), np.int64)


def _aware_micros(now: datetime) -> int:
    if now.tzinfo is None:
        raise RowsError(f"now {now.isoformat()} has no time zone: give it UTC")
    return micros(now)


def _span_micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
