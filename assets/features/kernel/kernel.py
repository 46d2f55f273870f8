"""The kernel: one computation of a feature set over many rows.

Belongs here: compiling a feature set, and running it over Arrow tables. Does not belong here: how windows are found
(`windows.py`, `edges.py`), what is computed over them (`aggregates.py`), the features of one request
(`assets.features.online.request`), Spark (`assets.features.table`), anything with a state.

What can be known before data is seen is done once, by `compile_features`; what remains is a fixed number of NumPy
calls, whether there is one row or a million.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import read_micros
from assets.features.columns.columns import read_keys
from assets.features.columns.reader import Reader
from assets.features.kernel.aggregates import FAMILIES
from assets.features.kernel.edges import edges
from assets.features.kernel.group_events import SEQUENCE, Moments, read_events, read_moments
from assets.features.kernel.parts import parts
from assets.features.kernel.plan import Group, groups_of
from assets.features.kernel.revisions import facts_of, same_facts
from assets.features.kernel.rows import feature_table
from assets.features.kernel.scope import Scope
from assets.features.kernel.windows import (
    NEVER,
    Events,
    Rows,
    ordered,
    ranges,
    replaced_later,
    spelled_out,
    unknown_yet,
)
from assets.vocabulary import FeatureError, FeatureSet

MOST_EVENTS = 10_000_000
"""Events of a source that are computed on at once: some gigabytes of arrays."""


@dataclass(frozen=True)
class Need:
    """What the kernel reads of one source by one key, beside the key itself.

    Attributes:
        columns: Columns of the events, `event_time` and `known_at` (and for sources that include the request, an
            optional `sequence`) apart; where facts are corrected, the column that names them is one.
        reach: How far before a decision events matter, in microseconds; None for all history.
        includes_request: Whether requests are events of the source.
        request: Columns that the spine must have because the request counts as an event.
    """

    source: str
    key: str
    columns: tuple[str, ...]
    reach: int | None
    includes_request: bool
    request: tuple[str, ...]

    def of_events(self, ordered: bool) -> tuple[str, ...]:
        """Every column of the events that is read, beside the key; `ordered`: rows of a microsecond have an order."""
        return ("event_time", "known_at", *self.columns, *((SEQUENCE,) if self.includes_request and ordered else ()))


@dataclass(frozen=True)
class Kernel:
    """A compiled feature set; made by `compile_features`.

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
        """What is read of each source by each key, in order of first use."""
        found: dict[tuple[str, str], Need] = {}
        for group in self.groups:
            before = found.get((group.source, group.key))
            fact = () if group.fact is None else (group.fact,)
            columns = tuple(dict.fromkeys([*(before.columns if before else ()), *group.needs.names, *fact]))
            unbounded = group.reach is None or (before is not None and before.reach is None)
            reach = None if unbounded else max(group.reach or 0, (before.reach or 0) if before else 0)
            own = group.sequenced or (before is not None and before.includes_request)
            asked = (*(before.request if before else ()), *(group.needs.names if group.includes_request else ()))
            request = tuple(dict.fromkeys(asked))
            found[group.source, group.key] = Need(group.source, group.key, columns, reach, own, request)
        return tuple(found.values())

    def compute(self, events: Mapping[str, pa.Table | None], spine: pa.Table) -> pa.Table:
        """The features of every spine row.

        Args:
            events: For each source its events, with the key columns, `event_time`, `known_at` and what `needs` names;
                None for a source without events.
            spine: The rows: key columns, `as_of`, request columns; `sequence` where events of the same microsecond
                are ordered.

        Returns:
            One row a spine row, in its order; columns `features.names`, numbers as float64, categories as string,
            null where missing.

        Raises:
            FeatureError: A table lacks a column, or holds what cannot be computed exactly.
        """
        history: dict[str, np.ndarray] = {}
        for key in self.features.keys:
            history |= self.compute_entity(key, events, spine)
        return self.finish(history, spine)

    def compute_entity(
        self, key: str, events: Mapping[str, pa.Table | None], spine: pa.Table, *, most_events: int = MOST_EVENTS
    ) -> dict[str, np.ndarray]:
        """The history features over one entity key, float64 [rows] with NaN for missing; many entities at once.

        A feature that is a text is object [rows] with None for missing.

        Args:
            most_events: A source with more events than this is taken in ranges of the rows' moments, one after another,
                each with at most this many events: those that its rows can reach, and other versions of their facts.
                Where one row reaches more than half of that, it is up to twice what that row reaches; a single moment
                is computed with all that its rows reach. Features without a finite reach (all history, numbers of
                events) hold all events of the source at once. Beside a range, the tables given are held, and of each
                event its entity, its time and its fact.
        """
        values: dict[str, np.ndarray] = {}
        moments = read_moments(Reader(spine, "spine"))
        for group in self.groups:
            if group.key == key:
                if group.source not in events:
                    raise FeatureError(f"events of '{group.source}' are not given; '{group.names[0]}' needs them")
                values |= _many(group, events[group.source], spine, moments, most_events)
        return {name: values[name] for name in self.features.names if name in values}

    def finish(self, history: Mapping[str, np.ndarray], spine: pa.Table) -> pa.Table:
        """Request features from the spine, the given history features and the derived ones, as a table in order."""
        return feature_table(self.features, history, spine)

    def to_dict(self) -> dict[str, Any]:
        """A JSON value from which `from_dict` makes the same kernel."""
        return {"features": self.features.to_dict(), "resolutions": self.resolutions}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Kernel":
        """The kernel that `to_dict` wrote.

        Raises:
            FeatureError: The record is none.
        """
        if set(record) != {"features", "resolutions"}:
            raise FeatureError(f"a kernel has features and resolutions; this record has {sorted(record)}")
        return cls(FeatureSet.from_dict(record["features"]), record["resolutions"])


def compile_features(features: FeatureSet, resolutions: Mapping[str, Mapping[str, float]]) -> Kernel:
    """The kernel of a feature set.

    Args:
        resolutions: For each source, the resolution of each exact numeric column (cents: 0.01).

    Raises:
        FeatureError: A column is added up that has no resolution.
    """
    return Kernel(features, resolutions)


def compute_arrays(group: Group, events: Events, rows: Rows) -> dict[str, np.ndarray]:
    """The features of a group, float64 [rows] each with NaN for missing; events may come in any order."""
    events = ordered(events, rows, group.reach, group.settled)
    final = events if events.until is None else events.take(np.flatnonzero(events.until == NEVER))
    edge = edges(final, rows, group.windows, group.includes_request, group.end)
    values = _measured(group, Scope(final, rows, edge, group.needs.exact, group.filters))
    # Rows that must not use some event of their window yet, or must use one that was replaced later, are computed
    # again, each from just what it may use.
    wrong = unknown_yet(final, rows, edge)
    if final is not events:
        edge = edges(events, rows, group.windows, group.includes_request, group.end)
        wrong = np.union1d(wrong, replaced_later(events, rows, edge))
    for part, own, mine in spelled_out(events, rows, edge, wrong):
        again = edges(own, mine, group.windows, group.includes_request, group.end)
        for slot, better in enumerate(_measured(group, Scope(own, mine, again, group.needs.exact, group.filters))):
            values[slot][part] = better
    return dict(zip(group.names, values, strict=True))


def _measured(group: Group, scope: Scope) -> list[np.ndarray]:
    values: list[np.ndarray] = [np.empty(0)] * len(group.names)
    for measure in group.measures:
        for member, value in zip(measure.members, FAMILIES[measure.family](scope, measure), strict=True):
            values[member.slot] = value
    return values


def _many(
    group: Group, table: pa.Table | None, spine: pa.Table, moments: Moments, most_events: int
) -> dict[str, np.ndarray]:
    """A group over the events of many entities."""
    if table is None:
        return _without_events(group, spine, moments)
    theirs, ours = read_keys(table, spine, group.key, group.source)
    if table.num_rows <= most_events or group.reach is None or not len(ours):
        return _together(group, table, spine, theirs, ours, moments)
    time = read_micros(table, group.time, group.source)
    facts = None if group.fact is None else facts_of(table, group.fact, group.source)
    values: dict[str, np.ndarray] = {}
    for rows, first, last in ranges(np.sort(time[theirs >= 0]), moments.as_of, group.reach, most_events):
        seen = (theirs >= 0) & (time > first) & (time <= last)
        if facts is not None:
            seen = same_facts(theirs, facts, seen)
        chosen = np.flatnonzero(seen)
        events, own = table.take(pa.array(chosen)), spine.take(pa.array(rows))
        found = _together(group, events, own, theirs[chosen], ours[rows], moments.take(rows))
        for name, value in found.items():
            values.setdefault(name, np.empty(len(ours), value.dtype))[rows] = value
    return values


def _together(
    group: Group, table: pa.Table, spine: pa.Table, theirs: np.ndarray, ours: np.ndarray, moments: Moments
) -> dict[str, np.ndarray]:
    """A group over all events and rows given, the entities of both as codes."""
    events, columns = read_events(group, Reader(table, group.source), Reader(spine, "spine"), theirs, moments)
    rows = Rows(ours, moments.as_of, moments.sequence, columns)
    values: dict[str, np.ndarray] = {}
    for part in parts(theirs, ours):
        own, mine = part.of(events, rows)
        order = np.lexsort((mine.as_of, mine.entity))  # neighbours in the events are looked up one after another
        for name, value in compute_arrays(group, own, mine.take(order)).items():
            values.setdefault(name, np.empty(len(ours), value.dtype))[part.rows[order]] = value
    return values


def _without_events(group: Group, spine: pa.Table, moments: Moments) -> dict[str, np.ndarray]:
    """A group of a source that has none."""
    events, columns = read_events(group, None, Reader(spine, "spine"), np.zeros(0, np.int64), moments)
    return compute_arrays(group, events, Rows(np.zeros(len(spine), np.int64), moments.as_of, moments.sequence, columns))
