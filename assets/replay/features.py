"""The features of a recorded decision, recomputed from the lake's events as of the decision.

Belongs here: comparing logged features with recomputed ones, to the last bit, and the events that explain a
difference. Does not belong here: score and outcome (`decision.py`), reading lake, store and log
(`pipelines.operations.decisions.replay`).

Events reach the lake and the online store by different paths, so the two may hold different events:

- An event posted to the service is in the store at once, and in the lake once its day is materialised. Until then the
  comparison is `waiting` for the event, if the lake's events together with it give the logged features.
- An event that became known after the store was loaded and was not posted is in the lake only. Training will see it
  though the decision could not: a difference; the event is named.
- A posted event that broke its contract or lacks consent is not in the lake: a difference; the event is named.
- A day of the lake that was rematerialised may have other events than the store was loaded with: a difference.
- A store keeps only the events within the lookback before its load. A decision as of an earlier time, which the local
  environment allows, lacks the oldest events of its windows: a difference; the events are named.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.features.kernel.kernel import Need
from assets.features.kernel.rows import Value
from assets.features.online.request import compute_one
from assets.replay.decision import Difference
from assets.replay.lake_events import EntityIndex, EntityTables
from assets.serving.decision import CannotReplay, Decision
from assets.serving.history import usable
from assets.serving.requests.shape import DecisionRequest, RequestShape, shape_of, spine_of
from assets.vocabulary.times import SEQUENCE
from resources.online_store.event_blocks import TIMESTAMP

Holder = Literal["lake", "store"]
GapCause = Literal["not_in_lake_yet", "not_in_lake", "late_event", "past_decision", "other_table_version"]


@dataclass(frozen=True)
class StoreEvents:
    """Events of a decision's entities that the online store holds now.

    Attributes:
        watermarks: For each source the time until which the store knows its events.
    """

    version: str
    watermarks: Mapping[str, datetime]
    tables: EntityTables


@dataclass(frozen=True)
class EventGap:
    """An event known at the decision's as-of time that only the lake or only the store has.

    Attributes:
        waiting: Whether the event's day is not in the lake yet.
        why: The cause, in a sentence.
        cause: `late_event`: known after the store's events end, and not posted; `past_decision`: older than the store's
            lookback; `other_table_version`: the store was loaded from other rows of its day than the lake has now.
    """

    source: str
    key: str | int
    event_time: datetime
    known_at: datetime
    held_by: Holder
    waiting: bool
    why: str
    cause: GapCause


@dataclass(frozen=True)
class Parity:
    """The logged features of a decision compared with those from the lake.

    Attributes:
        differences: Features that differ; empty when none does.
        gaps: Events that only the lake or only the store has; empty before `explain`.
        waiting: Whether events that are not in the lake yet explain every difference.
        remark: A limit of the comparison, in a sentence; empty for none.
    """

    differences: tuple[Difference, ...] = ()
    gaps: tuple[EventGap, ...] = ()
    waiting: bool = False
    remark: str = ""


def compare_with_lake(record: Decision, bundle: Bundle, index: EntityIndex) -> Parity:
    """Recomputes the features from the lake's events and compares them to the last bit.

    Raises:
        CannotReplay: The record lacks an input, a key or the sequence.
        FeatureError: A feature cannot be computed from an event.
    """
    computed = compute_features(record, bundle, index.of(record, bundle))
    return Parity(_differences(record, computed))


def explain(
    record: Decision, bundle: Bundle, index: EntityIndex, parity: Parity, store: StoreEvents, *, name_gaps: bool = True
) -> Parity:
    """Adds to a comparison whether the lake waits for events, or else the events that only one of the two has.

    Args:
        name_gaps: Whether the events of lake and store are compared, which takes long, where the lake does not merely
            wait.
    """
    lake, needs = index.of(record, bundle), bundle.parts.kernel.needs
    waiting: list[EventGap] = []
    completed: dict[tuple[str, str], pa.Table] = {}
    for need in needs:
        lake_events, store_events = _alike(need, lake, store.tables)
        last_day, key = index.events.last_days[need.source], record.keys[need.key]
        rows = _known(store_events, need, record.as_of, after=last_day)
        waiting += [_store_gap(need.source, key, row, last_day) for row in rows.to_pylist()]
        completed[need.source, need.key] = pa.concat_tables([lake_events, rows.cast(lake_events.schema)])
    if waiting and not _differences(record, compute_features(record, bundle, completed)):
        return Parity(parity.differences, tuple(waiting), waiting=True)
    if not name_gaps:
        return replace(parity, remark="its events were not compared; replay it alone for them")
    gaps: list[EventGap] = []
    for need in needs:
        lake_events, store_events = _alike(need, lake, store.tables)
        last_day, key = index.events.last_days[need.source], record.keys[need.key]
        in_lake = _known(lake_events, need, record.as_of).to_pylist()
        in_store = _known(store_events, need, record.as_of).to_pylist()
        gaps += [_store_gap(need.source, key, row, last_day) for row in _surplus(in_store, in_lake)]
        gaps += [_lake_gap(need, key, row, store) for row in _surplus(in_lake, in_store)]
    remark = ""
    if _differences(record, compute_features(record, bundle, store.tables)):
        remark = (
            f"version {record.store_version} of the online store decided; version {store.version} is live and no "
            f"longer gives the logged features, and the named events are those of the live version"
        )
    return Parity(parity.differences, tuple(gaps), remark=remark)


def _alike(need: Need, lake: EntityTables, store: EntityTables) -> tuple[pa.Table, pa.Table]:
    """The events of lake and store with the same columns: times, and what features read."""
    lake_events, store_events = lake[need.source, need.key], store[need.source, need.key]
    read = dict.fromkeys(("event_time", "known_at", *need.columns, SEQUENCE))
    names = [name for name in read if name in lake_events.column_names and name in store_events.column_names]
    return lake_events.select(names), store_events.select(names)


def compute_features(record: Decision, bundle: Bundle, events: EntityTables) -> dict[str, Value]:
    """The features of a decision from the given events of its entities.

    Raises:
        CannotReplay: The record lacks an input or the sequence.
        FeatureError: A feature cannot be computed from an event.
    """
    ordered = bundle.policy.sequence is not None
    usable_events = {pair: usable(table, ordered=ordered) for pair, table in events.items()}
    shape = shape_of(bundle)
    return compute_one(bundle.parts.kernel, usable_events, spine_of(shape, _request(record, shape)))


def _request(record: Decision, shape: RequestShape) -> DecisionRequest:
    """The request, as recorded."""
    missing = sorted((set(shape.values) - set(record.inputs)) | (set(shape.keys) - set(record.keys)))
    if missing:
        raise CannotReplay(f"decision {record.id}: its record lacks {', '.join(missing)}, which its bundle needs")
    return DecisionRequest(
        row_id=record.row_id,
        keys=record.keys,
        as_of=record.as_of.astimezone(UTC),
        values={name: record.inputs[name] for name in shape.values},
        sequence=_sequence(record, shape),
    )


def _sequence(record: Decision, shape: RequestShape) -> int | None:
    """Order of the row among rows of the same microsecond; in older records a numeric row id is the order."""
    if shape.sequence is None:
        return None
    sequence = record.row_id if record.sequence is None and shape.sequence == shape.row_id else record.sequence
    if not isinstance(sequence, int):
        raise CannotReplay(f"decision {record.id}: its record lacks '{shape.sequence}', by which rows are ordered")
    return sequence


def _differences(record: Decision, computed: Mapping[str, Any]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, record.features.get(name), value)
        for name, value in computed.items()
        if _bits(record.features.get(name)) != _bits(value)
    )


def _bits(value: Any) -> Any:
    return float(value).hex() if isinstance(value, (int, float)) else value


def _known(events: pa.Table, need: Need, as_of: datetime, *, after: date | None = None) -> pa.Table:
    """The events known at the as-of time, within the lookback of the windows, and known after the given day."""
    until = pa.scalar(as_of, TIMESTAMP)
    kept = events.filter(
        pc.and_kleene(pc.less_equal(events["known_at"], until), pc.less_equal(events["event_time"], until))
    )
    if need.lookback is not None:
        since = pa.scalar(as_of - timedelta(microseconds=need.lookback), TIMESTAMP)
        kept = kept.filter(pc.greater(kept["known_at"], since))
    if after is None:
        return kept
    end = datetime(after.year, after.month, after.day, tzinfo=UTC) + timedelta(days=1)
    return kept.filter(pc.greater_equal(kept["known_at"], pa.scalar(end, TIMESTAMP)))


def _surplus(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that the others lack, duplicates counted: the difference of two multisets."""
    unmatched = Counter(tuple(row.values()) for row in others)
    surplus = []
    for row in rows:
        values = tuple(row.values())
        if unmatched[values] > 0:
            unmatched[values] -= 1
        else:
            surplus.append(row)
    return surplus


def _store_gap(source: str, key: str | int, row: Mapping[str, Any], last_day: date | None) -> EventGap:
    waiting = last_day is None or row["known_at"].astimezone(UTC).date() > last_day
    if waiting:
        why = f"not in the lake yet: its {source} end on {last_day or 'no day'}"
    else:
        why = "the lake has that day without it: it never came from its source, broke its contract or lacks consent"
    cause: GapCause = "not_in_lake_yet" if waiting else "not_in_lake"
    return EventGap(source, key, row["event_time"], row["known_at"], "store", waiting, why, cause)


def _lake_gap(need: Need, key: str | int, row: Mapping[str, Any], store: StoreEvents) -> EventGap:
    until = store.watermarks[need.source]
    cause: GapCause
    if row["known_at"] >= until:
        cause = "late_event"
        why = f"it became known after the store's events end ({until.isoformat()}) and was not posted"
    elif need.lookback is not None and row["known_at"] <= until - timedelta(microseconds=need.lookback):
        cause = "past_decision"
        why = f"older than the store's lookback (its events end {until.isoformat()}): this decision was as of the past"
    else:
        cause = "other_table_version"
        why = f"the store's events end {until.isoformat()}, but it lacks this one"
    return EventGap(need.source, key, row["event_time"], row["known_at"], "lake", False, why, cause)
