"""Tiles: what an entity with very many events is decided from, at a cost that its number of events does not change.

Belongs here: which features can be served so, cutting a big entity's events into tiles at the load, and computing from
tiles. Does not belong here: the kernel, which everybody else is computed by, and where tiles are kept: they are events
of two sources beside their own (`Tiling.tiles_source`, `chunks_source`), to the online store sources like any other.
An erasure takes the subject's events out of the chunks at once, and out of other entities' tiles with the next load.

A tile is a run of events, neighbours in time, and says of them what windows ask: how many, the exact integer sums, sums
of squares, the extremes, the first and the last. A window takes a tile whole or leaves it; where an edge falls within
one, its events are read. So a decision reads at most one tile's events for each edge, one for the present, and those
that hold an event known after the decision. Sums are whole numbers, extremes pick one of the values: the result is the
kernel's to the last bit (Gray et al. 1997 call such aggregates distributive or algebraic).

Others (`distinct`, `last`, and every kind and window that this module does not know) need the events themselves. A
source by a key that has one of them is kept as it is, and a decision reads at most `RAW_MOST` events of it.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from assets.features.arrow import read_micros, read_sequence
from assets.features.columns import Columns, read_columns
from assets.features.kernel import AS_OF, SEQUENCE, Kernel, Need
from assets.features.plan import Group
from assets.features.scope import Measure, Member, both
from resources.event_blocks import TIMESTAMP, key_text, prepared

TILED_FROM = 20_000
"""An entity with more events of a source than this is kept in tiles."""
TILE_ROWS = 512
RAW_MOST = 200_000
"""More events than this of one entity are not read one by one for a decision."""
CHUNK = "chunk"

_DAY = 86_400_000_000.0
_LIMIT = 2**62
_TIMES = ("event_time", "known_at")
_FAMILIES = ("count", "sum", "min", "max", "latest", "earliest")
# What the plan says today. A plan that says more may mean what tiles do not know, and is served from events.
_KNOWN: Mapping[type, frozenset[str]] = {
    Group: frozenset(
        (
            "source",
            "key",
            "time",
            "includes_request",
            "names",
            "windows",
            "reach",
            "settled",
            "needs",
            "filters",
            "measures",
        )
    ),
    Measure: frozenset(("family", "filters", "column", "windows", "all_history", "members")),
    Member: frozenset(("slot", "kind", "column", "window", "part", "empty")),
}


class TooManyEvents(RuntimeError):
    """An entity has more events than are read for a decision; the message names it and the features that need them."""


@dataclass(frozen=True)
class Split:
    """A source's events by one key, as they are loaded.

    Attributes:
        events: Of the entities that are kept as they are.
        tiles: A row a tile of the others: the key, when it ends, its place, and what it says of its events.
        chunks: The events of the others, each with the name of its tile.
    """

    events: pa.Table
    tiles: pa.Table
    chunks: pa.Table
    entities: int


@dataclass(frozen=True)
class Tiling:
    """How one source by one key is tiled; made by `tiling_of`.

    Attributes:
        axis: The time over which all its windows go.
    """

    source: str
    key: str
    axis: str
    groups: tuple[Group, ...]
    tile_rows: int = TILE_ROWS
    tiled_from: int = TILED_FROM

    @property
    def other(self) -> str:
        """The other time: an event may be used from the later of the two on."""
        return "known_at" if self.axis == "event_time" else "event_time"

    @property
    def tiles_source(self) -> str:
        """The store's name of the tiles."""
        return f"{self.source}__{self.key}_tiles"

    @property
    def chunks_source(self) -> str:
        """The store's name of the tiles' events."""
        return f"{self.source}__{self.key}_chunks"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column of a tile that `compute` reads."""
        found = dict.fromkeys(("number", "first", "last", "latest"))
        for group in self.groups:
            for measure in group.measures:
                if measure.family == "count":
                    found |= dict.fromkeys(_name(group, "n", part) for part in _parts(measure))
                elif measure.family == "sum":
                    found |= dict.fromkeys(_name(group, kind, measure.filters, measure.column) for kind in "nsq")
                else:
                    column = measure.column if measure.family in ("min", "max") else None
                    found[_name(group, measure.family, measure.filters, column)] = None
        return tuple(found)

    # ------------------------------------------------------------------ loading

    def split(self, table: pa.Table, *, loaded_until: datetime, lookback: timedelta | None) -> Split | None:
        """Cuts a source's events into those kept as they are and those of big entities, tiled.

        None when a tile's sums would not be exact, since a value has too many steps of its resolution.

        Raises:
            EventError: A column is missing or of another type.
        """
        table = prepared(
            table, source=self.source, key_column=self.key, loaded_until=loaded_until, lookback=lookback
        ).combine_chunks()
        coded = table[self.key].combine_chunks().dictionary_encode()
        entity = coded.indices.to_numpy()
        many = np.bincount(entity, minlength=len(coded.dictionary)) > self.tiled_from
        big = many[entity] if len(entity) else np.zeros(0, bool)
        order = np.flatnonzero(big)
        order = order[np.lexsort((_micros(table, self.other)[order], _micros(table, self.axis)[order], entity[order]))]
        tiled = table.take(pa.array(order))
        if not self._is_exact(tiled):
            return None
        return Split(table.filter(pa.array(~big)), *self._tiled(tiled, entity[order]), entities=int(many.sum()))

    def _is_exact(self, table: pa.Table) -> bool:
        """Whether the sum of the squares of any tile fits into 64 bits."""
        for group in self.groups:
            for exact in read_columns(table, group.needs, self.source)[0].exact.values():
                largest = int(np.abs(exact.steps).max(initial=0))
                if largest * largest * self.tile_rows >= _LIMIT:
                    return False
        return True

    def _tiled(self, table: pa.Table, entity: np.ndarray) -> tuple[pa.Table, pa.Table]:
        """Tiles and chunks of events in the order of entity and time; `entity` is int [rows]."""
        first = np.searchsorted(entity, entity)
        number = (np.arange(len(entity)) - first) // self.tile_rows
        starts = np.flatnonzero(np.append(True, (np.diff(entity) != 0) | (np.diff(number) != 0))[: len(entity)])
        axis, other = _micros(table, self.axis), _micros(table, self.other)
        columns: dict[str, object] = {self.key: table[self.key].take(pa.array(starts))}
        columns |= {name: _moments(_reduced(np.maximum, _micros(table, name), starts)) for name in _TIMES}
        columns |= {
            "number": number[starts],
            "first": axis[starts],
            "last": _reduced(np.maximum, axis, starts),
            "latest": _reduced(np.maximum, other, starts),
        }
        for group in self.groups:
            read, _ = read_columns(table, group.needs, self.source)
            columns |= self._said(group, read, axis, starts)
        keys = [key_text(key) for key in table[self.key].take(pa.array(starts)).to_pylist()]
        names = np.array([f"{key}#{place}" for key, place in zip(keys, number[starts].tolist(), strict=True)], object)
        sizes = np.diff(np.append(starts, len(entity)))
        chunk = pa.array(np.repeat(names, sizes), pa.string())
        return pa.table(columns), table.append_column(CHUNK, chunk)

    def _said(self, group: Group, read: Columns, axis: np.ndarray, starts: np.ndarray) -> dict[str, np.ndarray]:
        """What tiles say for a group's measures, by name."""
        said: dict[str, np.ndarray] = {}
        for measure in group.measures:
            if measure.family == "count":
                for part in _parts(measure):
                    said[_name(group, "n", part)] = _reduced(
                        np.add, _met(group, read, part, len(axis)).astype(int), starts
                    )
                continue
            keep = _met(group, read, measure.filters, len(axis))
            if measure.family == "sum":
                exact = read.exact[str(measure.column)]
                keep = keep if exact.valid is None else keep & exact.valid
                steps = np.where(keep, exact.steps, 0)
                for kind, values in (("n", keep.astype(int)), ("s", steps), ("q", steps * steps)):
                    said[_name(group, kind, measure.filters, measure.column)] = _reduced(np.add, values, starts)
            elif measure.family in ("min", "max"):
                pick, neutral = _extreme(measure.family)
                values = read.numbers[str(measure.column)]
                values = np.where(keep & ~np.isnan(values), values, neutral)
                said[_name(group, measure.family, measure.filters, measure.column)] = _reduced(pick, values, starts)
            else:
                pick, neutral = _moment(measure.family)
                said[_name(group, measure.family, measure.filters)] = _reduced(
                    pick, np.where(keep, axis, neutral), starts
                )
        return said

    # ------------------------------------------------------------------ deciding

    def wanted(self, tiles: pa.Table, spine: pa.Table, key: str | int) -> list[str]:
        """The chunks whose events a decision must read: those that a window, or the present, cuts in two.

        Raises:
            TooManyEvents: They are too many, since the decision lies far back and much became known since.
        """
        state = _Whole(self, tiles, int(read_micros(spine, AS_OF, "spine")[0]))
        if state.cut.sum() * self.tile_rows > RAW_MOST:
            raise TooManyEvents(
                f"{self.key} {key!r}: {int(state.cut.sum())} tiles of {self.source} hold events that were not known at "
                f"the moment of the decision; at most {RAW_MOST} events are read"
            )
        return [f"{key_text(key)}#{number}" for number in tiles["number"].to_numpy()[state.cut].tolist()]

    def compute(self, tiles: pa.Table, events: pa.Table, spine: pa.Table) -> dict[str, np.ndarray]:
        """The history features of one request, float64 [1] each, as the kernel computes them from all events.

        Args:
            events: Those of the wanted chunks, and the single ones.
            spine: The request, one row.
        """
        as_of = int(read_micros(spine, AS_OF, "spine")[0])
        state = _Whole(self, tiles, as_of)
        values: dict[str, np.ndarray] = {}
        for group in self.groups:
            part = _Part(self, group, tiles, state, events, spine, as_of)
            for measure in group.measures:
                for member in measure.members:
                    values[group.names[member.slot]] = np.array([part.value(measure, member)])
        return values


class _Whole:
    """Which tiles a decision takes whole, which it cuts, and which it leaves: bool [tiles]."""

    def __init__(self, tiling: Tiling, tiles: pa.Table, as_of: int) -> None:
        first, last, latest = (tiles[name].to_numpy() for name in ("first", "last", "latest"))
        windows = [window for group in tiling.groups for window in group.windows]
        before_only = any(group.includes_request for group in tiling.groups)
        cut = (last >= as_of if before_only else last > as_of) | (latest > as_of)
        seen = first <= as_of
        if None not in windows:
            seen &= last > as_of - max(window for window in windows if window is not None)
        for window in windows:
            if window is not None:
                cut |= (first <= as_of - window) & (last > as_of - window)
        self.first, self.cut, self.whole = first, cut & seen, ~cut & seen


class _Part:
    """The parts of one group's values for one request: from whole tiles, from events, and from the request itself."""

    def __init__(
        self,
        tiling: Tiling,
        group: Group,
        tiles: pa.Table,
        state: _Whole,
        events: pa.Table,
        spine: pa.Table,
        as_of: int,
    ) -> None:
        self._group, self._tiles, self._state, self._as_of = group, tiles, state, as_of
        self._columns, self._own = read_columns(
            events, group.needs, tiling.source, spine if group.includes_request else None
        )
        self._time, other = (read_micros(events, name, tiling.source) for name in (tiling.axis, tiling.other))
        usable = (other <= as_of) & (self._time <= as_of)
        if group.includes_request:
            usable &= self._time < as_of
            ours, theirs = read_sequence(spine, SEQUENCE, "spine"), read_sequence(events, SEQUENCE, tiling.source)
            if ours is not None and theirs is not None:
                usable |= (other <= as_of) & (self._time == as_of) & (theirs < ours[0])
        self._usable = usable

    def value(self, measure: Measure, member: Member) -> float:
        """One feature, by the formulas of `aggregates.py`."""
        window = self._group.windows[measure.windows[member.window]]
        if measure.family == "count":
            n = self._count(measure.filters, window)
            if member.kind != "share":
                return float(n) if n else member.empty
            return float(self._count(member.part, window)) / (n * 1.0) if n else member.empty
        if measure.family == "sum":
            return self._sum(measure, member, window)
        if measure.family in ("min", "max"):
            return self._extreme(measure, member, window)
        return self._age(measure, member, window)

    def _count(self, filters: int, window: int | None) -> int:
        own = 0 if self._own is None else int(_met(self._group, self._own, filters, 1)[0])
        kept = _met(self._group, self._columns, filters, len(self._time)) & self._inside(window)
        return self._total(_name(self._group, "n", filters), window) + int(kept.sum()) + own

    def _sum(self, measure: Measure, member: Member, window: int | None) -> float:
        name, filters = str(measure.column), measure.filters
        exact, resolution = self._columns.exact[name], self._group.needs.exact[name]
        kept = _met(self._group, self._columns, filters, len(self._time)) & self._inside(window)
        steps = exact.steps[kept if exact.valid is None else kept & exact.valid].tolist()
        if self._own is not None:
            mine = self._own.exact[name]
            own = both(_met(self._group, self._own, filters, 1), mine.valid)
            if own is not None and own[0]:
                steps.append(int(mine.steps[0]))
        n = self._total(_name(self._group, "n", filters, name), window) + len(steps)
        total = self._total(_name(self._group, "s", filters, name), window) + sum(steps)
        up, down = float(resolution.numerator), float(resolution.denominator)
        if member.kind == "sum":
            return float(total) * up / down if n else member.empty
        if member.kind == "mean":
            return float(total) * up / (n * down) if n else member.empty
        if n < 2:
            return member.empty
        squares = self._total(_name(self._group, "q", filters, name), window) + sum(step * step for step in steps)
        return math.sqrt(float(n * squares - total * total) / float(n * (n - 1))) * up / down

    def _extreme(self, measure: Measure, member: Member, window: int | None) -> float:
        pick, neutral = _extreme(measure.family)
        name = _name(self._group, measure.family, measure.filters, measure.column)
        kept = _met(self._group, self._columns, measure.filters, len(self._time)) & self._inside(window)
        found = [self._tiles[name].to_numpy()[self._taken(window)], self._columns.numbers[str(measure.column)][kept]]
        if self._own is not None and _met(self._group, self._own, measure.filters, 1)[0]:
            found.append(self._own.numbers[str(measure.column)])
        values = np.concatenate(found)
        best = float(pick.reduce(values[~np.isnan(values)], initial=neutral))
        return member.empty if math.isinf(best) else best

    def _age(self, measure: Measure, member: Member, window: int | None) -> float:
        pick, neutral = _moment(measure.family)
        kept = _met(self._group, self._columns, measure.filters, len(self._time)) & self._inside(window)
        name = _name(self._group, measure.family, measure.filters)
        values = np.concatenate([self._tiles[name].to_numpy()[self._taken(window)], self._time[kept]])
        moment = int(pick.reduce(values, initial=neutral))
        return member.empty if moment == neutral else (self._as_of - moment) / _DAY

    def _inside(self, window: int | None) -> np.ndarray:
        """bool [events]: the usable ones of the window."""
        return self._usable if window is None else self._usable & (self._time > self._as_of - window)

    def _taken(self, window: int | None) -> np.ndarray:
        """bool [tiles]: those that the window takes whole."""
        return self._state.whole if window is None else self._state.whole & (self._state.first > self._as_of - window)

    def _total(self, name: str, window: int | None) -> int:
        return sum(self._tiles[name].to_numpy()[self._taken(window)].tolist())


def tiling_of(kernel: Kernel, need: Need) -> Tiling | None:
    """How a source is tiled by a key; None when a feature over it needs the events themselves."""
    groups = tuple(group for group in kernel.groups if (group.source, group.key) == (need.source, need.key))
    if untiled(kernel, need):
        return None
    return Tiling(need.source, need.key, groups[0].time, groups)


def untiled(kernel: Kernel, need: Need) -> tuple[str, ...]:
    """The features over a source by a key that need the events themselves; all, where the plan is not understood."""
    groups = [group for group in kernel.groups if (group.source, group.key) == (need.source, need.key)]
    every = tuple(name for group in groups for name in group.names)
    understood = all({field.name for field in fields(kind)} == known for kind, known in _KNOWN.items())
    if not understood or len({(group.time, group.includes_request) for group in groups}) != 1:
        return every
    return tuple(
        group.names[member.slot]
        for group in groups
        for measure in group.measures
        for member in measure.members
        if measure.family not in _FAMILIES or member.kind == "last"
    )


def tilings_of(kernel: Kernel) -> Iterator[Tiling]:
    """Every tiling of a kernel."""
    for need in kernel.needs:
        tiling = tiling_of(kernel, need)
        if tiling is not None:
            yield tiling


# ---------------------------------------------------------------------- small things


def _parts(measure: Measure) -> Sequence[int]:
    shares = [member.part for member in measure.members if member.kind == "share"]
    return list(dict.fromkeys([measure.filters, *shares]))


def _name(group: Group, kind: str, filters: int, column: str | None = None) -> str:
    """The same for the same conditions, whatever else the features ask."""
    text = f"{group.time} {group.filters[filters]!r} {column} {group.needs.exact.get(str(column))}"
    return f"{kind}_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def _met(group: Group, columns: Columns, filters: int, rows: int) -> np.ndarray:
    """bool [rows]: which meet all conditions."""
    met = np.ones(rows, bool)
    for predicate in group.filters[filters]:
        met &= columns.masks[predicate]
    return met


def _extreme(family: str) -> tuple[np.ufunc, float]:
    return (np.minimum, math.inf) if family == "min" else (np.maximum, -math.inf)


def _moment(family: str) -> tuple[np.ufunc, int]:
    return (np.maximum, -_LIMIT) if family == "latest" else (np.minimum, _LIMIT)


def _reduced(pick: np.ufunc, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if not len(starts):
        return values[:0]
    reduced: np.ndarray = pick.reduceat(values, starts)
    return reduced


def _micros(table: pa.Table, name: str) -> np.ndarray:
    return read_micros(table, name, "events")


def _moments(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.int64()).cast(TIMESTAMP)
