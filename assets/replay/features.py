"""The features of a recorded decision, computed again from the lake's events as of its moment.

Belongs here: the comparison of what was logged with what the lake gives, to the last bit, and the events that explain a
difference. Does not belong here: score and outcome (`assets.serving.decision`), reading lake, store and log
(`pipelines.operations.replay`).

Lake and store are the same events by two ways, so they may differ where one way is ahead of the other:

- An event that was posted to the service is in the store at once, and in the lake when its day is made. As long as the
  lake has no such day, the decision is said to wait for it, if with that event the lake gives the logged features.
- An event that became known after the store was loaded, and that nobody posted, is in the lake alone. Training will
  see what the decision could not: this is a difference, and is named.
- A posted event that then broke its contract or lacks consent stays out of the lake: a difference, and named.
- A day of the lake that was made again since may have other events than the store was loaded with: a difference.
- A store keeps no more than the windows reach back from when it was loaded. A decision as of an earlier moment, which
  the local environment allows, lacks the oldest events of its windows: a difference, and named.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.features.kernel.kernel import Kernel, Need
from assets.features.kernel.rows import Value
from assets.features.online.request import compute_one
from assets.replay.decision import CannotReplay, Difference
from assets.serving.decision import Decision
from assets.serving.history import usable
from assets.serving.shape import DecisionRequest, RequestShape, shape_of, spine_of
from assets.vocabulary.times import SEQUENCE

Holder = Literal["lake", "store"]
Histories = Mapping[tuple[str, str], pa.Table]
"""For each (source, key column) of `Kernel.needs` the events of one entity."""

_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class LakeEvents:
    """Events of some entities as the lake has them.

    Attributes:
        tables: For each source, with key columns, times and what the kernel reads; the row id where a request is an
            event, and `sequence` where these are ordered.
        last_days: For each source the last day that the lake has.
    """

    tables: Mapping[str, pa.Table]
    last_days: Mapping[str, date | None]

    def by_entity(self, kernel: Kernel) -> "EntityIndex":
        """The same, ready to be asked for one entity at a time."""
        needs = {(need.source, need.key): need for need in kernel.needs}
        return EntityIndex(self, {at: _positions(self.tables[at[0]][at[1]]) for at in needs})


@dataclass(frozen=True, eq=False)
class EntityIndex:
    """Where each entity's events stand in the lake's tables."""

    events: LakeEvents
    positions: Mapping[tuple[str, str], Mapping[str, np.ndarray]]

    def of(self, record: Decision, bundle: Bundle) -> dict[tuple[str, str], pa.Table]:
        """The events of a decision's entities, without the request's own, which the lake has by now."""
        found = {}
        for need in bundle.parts.kernel.needs:
            at = (need.source, need.key)
            rows = self.positions[at].get(str(record.keys[need.key]), np.empty(0, np.int64))
            mine = self.events.tables[need.source].take(pa.array(rows))
            if need.includes_request and bundle.policy.row_id in mine.column_names:
                own = pc.equal(mine[bundle.policy.row_id].cast(pa.string()), str(record.row_id))
                mine = mine.filter(pc.invert(own))
            found[at] = mine
        return found


@dataclass(frozen=True)
class StoreEvents:
    """Events of a decision's entities as the online store has them now.

    Attributes:
        known_until: For each source the moment until which the store knows its events.
    """

    version: str
    known_until: Mapping[str, datetime]
    tables: Histories


@dataclass(frozen=True)
class EventGap:
    """An event that the decision's moment allows and only one of lake and store has.

    Attributes:
        waiting: The lake is not due to have it yet.
        why: A sentence.
    """

    source: str
    key: str | int
    event_time: datetime
    known_at: datetime
    held_by: Holder
    waiting: bool
    why: str


@dataclass(frozen=True)
class Parity:
    """What the lake says of a decision's features.

    Attributes:
        differences: Features that came out otherwise; empty when none did.
        gaps: Events that lake and store do not share, where that was asked for.
        waiting: The differences are those of events that have not reached the lake yet, and of nothing else.
        remark: What could not be told; empty for nothing.
    """

    differences: tuple[Difference, ...] = ()
    gaps: tuple[EventGap, ...] = ()
    waiting: bool = False
    remark: str = ""


def compare_with_lake(record: Decision, bundle: Bundle, index: EntityIndex) -> Parity:
    """Computes the features again from the lake's events and compares exactly.

    Raises:
        CannotReplay: The record lacks an input, a key or the sequence.
        FeatureError: An event cannot be computed with.
    """
    computed = compute_features(record, bundle, index.of(record, bundle))
    return Parity(_differences(record, computed))


def explain(record: Decision, bundle: Bundle, index: EntityIndex, parity: Parity, store: StoreEvents) -> Parity:
    """The same, with the events that lake and store do not share, and whether the lake only waits for some."""
    lake, kernel = index.of(record, bundle), bundle.parts.kernel
    gaps: list[EventGap] = []
    waited: dict[tuple[str, str], pa.Table] = {}
    for need in kernel.needs:
        at, last = (need.source, need.key), index.events.last_days[need.source]
        key = record.keys[need.key]
        names = [name for name in ("event_time", "known_at", *need.columns, SEQUENCE)
                 if name in lake[at].column_names and name in store.tables[at].column_names]  # fmt: skip
        theirs, ours = (_seen(part[at].select(names), need, record.as_of) for part in (store.tables, lake))
        posted = [_store_only(need.source, key, row, last) for row in _beyond(theirs, ours)]
        gaps += posted + [_lake_only(need, key, row, store) for row in _beyond(ours, theirs)]
        late = [row for row, gap in zip(_beyond(theirs, ours), posted, strict=True) if gap.waiting]
        more = pa.Table.from_pylist(late, schema=lake[at].select(names).schema)
        waited[at] = pa.concat_tables([lake[at].select(names), more])
    with_them = _differences(record, compute_features(record, bundle, waited))
    same = _differences(record, compute_features(record, bundle, store.tables))
    remark = ""
    if same:
        was = f"version {record.store_version} decided, {store.version} is there now"
        remark = f"the online store no longer gives what was logged ({was}); the events named are of today's store"
    waiting = not with_them and any(gap.waiting for gap in gaps)
    return Parity(parity.differences, tuple(gaps), waiting, remark)


def compute_features(record: Decision, bundle: Bundle, events: Histories) -> dict[str, Value]:
    """The features of a decision from the given events of its entities.

    Raises:
        CannotReplay: The record lacks an input or the sequence.
        FeatureError: An event cannot be computed with.
    """
    ordered = bundle.policy.sequence is not None
    given = {at: usable(table, ordered=ordered) for at, table in events.items()}
    shape = shape_of(bundle)
    return compute_one(bundle.parts.kernel, given, spine_of(shape, _request(record, shape)))


def _request(record: Decision, shape: RequestShape) -> DecisionRequest:
    """The request that was decided."""
    lacking = sorted((set(shape.values) - set(record.inputs)) | (set(shape.keys) - set(record.keys)))
    if lacking:
        raise CannotReplay(f"decision {record.id}: its record lacks {lacking}, which its bundle asks for")
    return DecisionRequest(
        row_id=record.row_id,
        keys=record.keys,
        as_of=record.as_of.astimezone(UTC),
        values={name: record.inputs[name] for name in shape.values},
        sequence=_sequence(record, shape),
    )


def _sequence(record: Decision, shape: RequestShape) -> int | None:
    """The row's place among those of the same microsecond; older records of rows that are numbered lack it."""
    if shape.sequence is None:
        return None
    place = record.row_id if record.sequence is None and shape.sequence == shape.row_id else record.sequence
    if not isinstance(place, int):
        raise CannotReplay(f"decision {record.id}: its record lacks '{shape.sequence}', by which rows are ordered")
    return place


def _differences(record: Decision, computed: Mapping[str, Any]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, record.features.get(name), value)
        for name, value in computed.items()
        if _bits(record.features.get(name)) != _bits(value)
    )


def _bits(value: Any) -> Any:
    return float(value).hex() if isinstance(value, (int, float)) else value


def _seen(events: pa.Table, need: Need, as_of: datetime) -> list[dict[str, Any]]:
    """The events that the decision's moment allows and its windows reach."""
    moment = pa.scalar(as_of, _TIME)
    kept = events.filter(
        pc.and_(pc.less_equal(events["known_at"], moment), pc.less_equal(events["event_time"], moment))
    )
    if need.lookback is not None:
        since = pa.scalar(as_of - timedelta(microseconds=need.lookback), _TIME)
        kept = kept.filter(pc.greater(kept["known_at"], since))
    rows: list[dict[str, Any]] = kept.to_pylist()
    return rows


def _beyond(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that the others lack; a row that stands twice must stand there twice."""
    left = Counter(tuple(row.values()) for row in others)
    found = []
    for row in rows:
        values = tuple(row.values())
        if left[values] > 0:
            left[values] -= 1
        else:
            found.append(row)
    return found


def _store_only(source: str, key: str | int, row: Mapping[str, Any], last: date | None) -> EventGap:
    waiting = last is None or row["known_at"].astimezone(UTC).date() > last
    if waiting:
        why = f"not in the lake yet: its {source} end on {last or 'no day'}"
    else:
        why = "the lake has that day without it: it never came from its source, broke its contract or lacks consent"
    return EventGap(source, key, row["event_time"], row["known_at"], "store", waiting, why)


def _lake_only(need: Need, key: str | int, row: Mapping[str, Any], store: StoreEvents) -> EventGap:
    until = store.known_until[need.source]
    if row["known_at"] >= until:
        why = f"it became known after what the store holds (until {until.isoformat()}) and was not posted"
    elif need.lookback is not None and row["known_at"] <= until - timedelta(microseconds=need.lookback):
        why = f"older than what the store keeps (it holds until {until.isoformat()}): this decision was as of the past"
    else:
        why = f"the store holds events until {until.isoformat()} and lacks it"
    return EventGap(need.source, key, row["event_time"], row["known_at"], "lake", False, why)


def _positions(column: pa.ChunkedArray) -> dict[str, np.ndarray]:
    """For each value, as text, where it stands."""
    coded = column.combine_chunks().dictionary_encode()
    codes = pc.fill_null(coded.indices, -1).to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(coded.dictionary) + 1))
    values = coded.dictionary.to_pylist()
    return {str(value): order[ends[at] : ends[at + 1]] for at, value in enumerate(values)}
