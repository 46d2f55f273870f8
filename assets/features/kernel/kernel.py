"""The kernel: one computation of a feature set over many rows.

Belongs here: compiling a feature set, and running it over Arrow tables. Does not belong here: windows (`windows.py`,
`edges.py`), aggregates over them (`aggregates`), the features of one request (`assets.features.online.request`),
Spark (`assets.features.table`), anything with state.

`compile_features` does all work that needs no data, once; a computation is then a fixed number of NumPy calls, for any
number of rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import read_micros
from assets.features.columns.column_reader import ColumnReader
from assets.features.columns.columns import read_keys
from assets.features.kernel.aggregates.compute import FAMILIES
from assets.features.kernel.batches import batches
from assets.features.kernel.edges import edges
from assets.features.kernel.group_events import SpineTimes, read_events, read_spine_times
from assets.features.kernel.plan import Group, groups_of
from assets.features.kernel.revisions import record_codes, with_all_revisions
from assets.features.kernel.rows import feature_table
from assets.features.kernel.scope import Scope
from assets.features.kernel.windows import (
    NEVER,
    EventArrays,
    RowArrays,
    ordered,
    ranges,
    recompute_per_row,
    rows_with_later_revisions,
    rows_with_unknown_events,
)
from assets.vocabulary import FeatureError, FeatureSet
from assets.vocabulary.times import SEQUENCE, TIMES
from resources.errors import listed

MOST_EVENTS = 10_000_000
"""Events of a source that are held at once: some gigabytes of arrays."""


@dataclass(frozen=True)
class Need:
    """The columns that the kernel reads of one source by one key, apart from the key itself.

    Attributes:
        columns: Columns of the events, with the record key where the source sends revisions; without `event_time` and
            `known_at` (and, for sources that include the request, without the optional `sequence`).
        lookback: The longest time before a decision at which an event can count, in microseconds; None for all history.
        includes_request: Whether requests are events of the source.
        request: Columns that the spine must have because the request counts as an event.
    """

    source: str
    key: str
    columns: tuple[str, ...]
    lookback: int | None
    includes_request: bool
    request: tuple[str, ...]

    def of_events(self, ordered: bool) -> tuple[str, ...]:
        """Every column that is read of the events, apart from the key; `ordered`: whether rows have a sequence."""
        return (*TIMES, *self.columns, *((SEQUENCE,) if self.includes_request and ordered else ()))


@dataclass(frozen=True)
class Kernel:
    """A compiled feature set, as `compile_features` returns it.

    Attributes:
        resolutions: For each source, the resolution of its exact columns, as its contract declares.
    """

    features: FeatureSet
    resolutions: Mapping[str, Mapping[str, float]]
    groups: tuple[Group, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolutions", {s: dict(columns) for s, columns in self.resolutions.items()})
        object.__setattr__(self, "groups", groups_of(self.features, self.resolutions))

    @property
    def needs(self) -> tuple[Need, ...]:
        """The columns that are read of each source by each key, in order of first use."""
        needs: dict[tuple[str, str], Need] = {}
        for group in self.groups:
            before = needs.get((group.source, group.key))
            record_key = () if group.record_key is None else (group.record_key,)
            columns = tuple(dict.fromkeys([*(before.columns if before else ()), *group.needs.names, *record_key]))
            unbounded = group.lookback is None or (before is not None and before.lookback is None)
            lookback = None if unbounded else max(group.lookback or 0, (before.lookback or 0) if before else 0)
            includes_request = group.sequenced or (before is not None and before.includes_request)
            requested = (*(before.request if before else ()), *(group.needs.names if group.includes_request else ()))
            request = tuple(dict.fromkeys(requested))
            needs[group.source, group.key] = Need(group.source, group.key, columns, lookback, includes_request, request)
        return tuple(needs.values())

    def compute(self, events: Mapping[str, pa.Table | None], spine: pa.Table) -> pa.Table:
        """The features of every spine row.

        Args:
            events: For each source its events, with the key columns, `event_time`, `known_at` and the columns of
                `needs`; None for a source without events.
            spine: The rows: key columns, `as_of`, request columns; `sequence` where events of the same microsecond
                are ordered.

        Returns:
            A row for each spine row, in the same order; columns `features.names`, numbers as float64, categories as
            string, null where missing.

        Raises:
            FeatureError: A table lacks a column, or holds a value that cannot be computed exactly.
        """
        history: dict[str, np.ndarray] = {}
        for key in self.features.keys:
            history |= self.compute_entity(key, events, spine)
        return self.finish(history, spine)

    def compute_entity(
        self, key: str, events: Mapping[str, pa.Table | None], spine: pa.Table, *, most_events: int = MOST_EVENTS
    ) -> dict[str, np.ndarray]:
        """The history features over one entity key, of many entities: float64 [rows] with NaN for missing.

        A text feature is object [rows] with None for missing.

        Args:
            most_events: A source with more events than this is computed in ranges of as-of times, one after another. A
                range holds at most this many events, plus the other revisions of their records. If one row's window
                alone holds over half the limit, the range may hold up to twice that window; rows of the same as-of time
                are always in one range. For features without a finite lookback (all history, numbers of events) all
                events of the source are held at once. The given tables, and each event's entity, time and record, stay
                in memory throughout.
        """
        values: dict[str, np.ndarray] = {}
        spine_times = read_spine_times(ColumnReader(spine, "spine"))
        for group in self.groups:
            if group.key == key:
                if group.source not in events:
                    raise FeatureError(f"events of '{group.source}' are not given; '{group.names[0]}' needs them")
                values |= _compute_group(group, events[group.source], spine, spine_times, most_events)
        return {name: values[name] for name in self.features.names if name in values}

    def finish(self, history: Mapping[str, np.ndarray], spine: pa.Table) -> pa.Table:
        """The feature table: request features of the spine, the given history features, and derived features."""
        return feature_table(self.features, history, spine)

    def to_dict(self) -> dict[str, Any]:
        """The kernel as a JSON value, which `from_dict` reads."""
        return {"features": self.features.to_dict(), "resolutions": self.resolutions}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Kernel":
        """The kernel that `to_dict` wrote.

        Raises:
            FeatureError: The record is not of a kernel.
        """
        if set(record) != {"features", "resolutions"}:
            raise FeatureError(f"a kernel has features and resolutions; this record has {listed(sorted(record))}")
        return cls(FeatureSet.from_dict(record["features"]), record["resolutions"])


def compile_features(features: FeatureSet, resolutions: Mapping[str, Mapping[str, float]]) -> Kernel:
    """The kernel of a feature set.

    Args:
        resolutions: For each source, the resolution of each exact numeric column (cents: 0.01).

    Raises:
        FeatureError: A column without a resolution is added up.
    """
    return Kernel(features, resolutions)


def compute_arrays(group: Group, events: EventArrays, rows: RowArrays) -> dict[str, np.ndarray]:
    """The features of a group, float64 [rows] each with NaN for missing; events may come in any order."""
    events = ordered(events, rows, group.lookback, group.orders_ties)
    latest = events if events.replaced_at is None else events.take(np.flatnonzero(events.replaced_at == NEVER))
    edge = edges(latest, rows, group.windows, group.includes_request, group.end)
    values = _group_values(group, Scope(latest, rows, edge, group.needs.exact, group.filters))
    # These values are wrong for a row decided before an event of its window was known or replaced: such rows are
    # recomputed, each from exactly the events that it may use.
    wrong = rows_with_unknown_events(latest, rows, edge)
    if latest is not events:
        edge = edges(events, rows, group.windows, group.includes_request, group.end)
        wrong = np.union1d(wrong, rows_with_later_revisions(events, rows, edge))
    for chunk, chunk_events, chunk_rows in recompute_per_row(events, rows, edge, wrong):
        chunk_edge = edges(chunk_events, chunk_rows, group.windows, group.includes_request, group.end)
        scope = Scope(chunk_events, chunk_rows, chunk_edge, group.needs.exact, group.filters)
        for slot, corrected in enumerate(_group_values(group, scope)):
            values[slot][chunk] = corrected
    return dict(zip(group.names, values, strict=True))


def _group_values(group: Group, scope: Scope) -> list[np.ndarray]:
    """The features of a group in the order of its names."""
    values: list[np.ndarray] = [np.empty(0)] * len(group.names)
    for measure in group.measures:
        for member, value in zip(measure.members, FAMILIES[measure.family](scope, measure), strict=True):
            values[member.slot] = value
    return values


def _compute_group(
    group: Group, table: pa.Table | None, spine: pa.Table, spine_times: SpineTimes, most_events: int
) -> dict[str, np.ndarray]:
    """The features of a group for many rows."""
    if table is None:
        return _compute_without_events(group, spine, spine_times)
    event_entities, row_entities = read_keys(table, spine, group.key, group.source)
    if table.num_rows <= most_events or group.lookback is None or not len(row_entities):
        return _compute_at_once(group, table, spine, event_entities, row_entities, spine_times)
    time = read_micros(table, group.time, group.source)
    records = None if group.record_key is None else record_codes(table, group.record_key, group.source)
    values: dict[str, np.ndarray] = {}
    times_of_rows = spine_times.as_of
    for rows, first, last in ranges(np.sort(time[event_entities >= 0]), times_of_rows, group.lookback, most_events):
        usable = (event_entities >= 0) & (time > first) & (time <= last)
        if records is not None:
            usable = with_all_revisions(event_entities, records, usable)
        chosen = np.flatnonzero(usable)
        range_values = _compute_at_once(
            group, table.take(pa.array(chosen)), spine.take(pa.array(rows)), event_entities[chosen], row_entities[rows],
            spine_times.take(rows),
        )  # fmt: skip
        for name, value in range_values.items():
            values.setdefault(name, np.empty(len(row_entities), value.dtype))[rows] = value
    return values


def _compute_at_once(
    group: Group,
    table: pa.Table,
    spine: pa.Table,
    event_entities: np.ndarray,
    row_entities: np.ndarray,
    spine_times: SpineTimes,
) -> dict[str, np.ndarray]:
    """The features of a group with all given events held at once; entities are codes."""
    events, columns = read_events(
        group, ColumnReader(table, group.source), ColumnReader(spine, "spine"), event_entities, spine_times
    )
    rows = RowArrays(row_entities, spine_times.as_of, spine_times.sequence, columns)
    values: dict[str, np.ndarray] = {}
    for batch in batches(event_entities, row_entities):
        batch_events, batch_rows = batch.of(events, rows)
        # Windows of sorted rows lie close together, which makes the searches faster.
        order = np.lexsort((batch_rows.as_of, batch_rows.entity))
        for name, value in compute_arrays(group, batch_events, batch_rows.take(order)).items():
            values.setdefault(name, np.empty(len(row_entities), value.dtype))[batch.rows[order]] = value
    return values


def _compute_without_events(group: Group, spine: pa.Table, spine_times: SpineTimes) -> dict[str, np.ndarray]:
    """The features of a group whose source has no events."""
    events, columns = read_events(group, None, ColumnReader(spine, "spine"), np.zeros(0, np.int64), spine_times)
    entity = np.zeros(len(spine), np.int64)
    return compute_arrays(group, events, RowArrays(entity, spine_times.as_of, spine_times.sequence, columns))
