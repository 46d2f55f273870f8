"""Tiles: what an entity with very many events is decided from, at a cost that its number of events does not change.

Belongs here: which features can be served so, and cutting a big entity's events into tiles at the load. Does not
belong here: computing from tiles (`tile_values.py`), the kernel, by which everybody else is computed, and where tiles
are kept: they are events of two sources beside their own (`Tiling.tiles_source`, `chunks_source`), to the online store
sources like any other. An erasure takes the subject's events out of the chunks at once, and out of other entities'
tiles with the next load.

A tile is a run of events, neighbours in time, and says of them what windows ask: how many, the exact integer sums, sums
of squares, the extremes, the first and the last. A window takes a tile whole or leaves it; where an edge falls within
one, its events are read. So a decision reads at most one tile's events for each edge, one for the present, and those
that hold an event known after the decision. Sums are whole numbers, extremes pick one of the values: the result is the
kernel's to the last bit (Gray et al. 1997 call such aggregates distributive or algebraic).

Others (`distinct`, `last`, and every kind and window that this module does not know) need the events themselves. A
source by a key that has one of them is kept as it is, and a decision reads at most `RAW_MOST` events of it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import read_micros
from assets.features.columns.columns import Columns, read_columns
from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.columns.reader import Reader
from assets.features.kernel.group_events import AS_OF
from assets.features.kernel.kernel import Kernel, Need
from assets.features.kernel.plan import Group
from assets.features.kernel.scope import Measure, Member
from assets.features.online.nested import EXTREMES, MOMENTS
from assets.features.online.tile_values import Cover, Names, Values, length_of, met, names_of
from assets.vocabulary import ALGEBRAIC
from resources.errors import LooplineError
from resources.online_store.event_blocks import TIMESTAMP, prepared
from resources.online_store.event_records import key_text

TILED_FROM = 20_000
"""An entity with more events of a source than this is kept in tiles."""
TILE_ROWS = 512
RAW_MOST = 200_000
"""More events than this of one entity are not read one by one for a decision."""
CHUNK = "chunk"

_LONGEST_NAME = 63
_SHORTENED = 20
_LONGEST_OWNER = 235
_TIMES = ("event_time", "known_at")
_PLACES = ("number", "first", "last", "latest")
"""Columns of a tile beside its key, its times and what it says."""


class TooManyEvents(LooplineError):
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
        return self._made("tiles")

    @property
    def chunks_source(self) -> str:
        """The store's name of the tiles' events."""
        return self._made("chunks")

    def _made(self, what: str) -> str:
        """A name with two underscores, by which the store knows that it is of no table; shortened where it is long."""
        name = f"{self.source}__{self.key}_{what}"
        short = f"{self.source[:_SHORTENED]}__{_digest(f'{self.source} {self.key}')}_{what}"
        return name if len(name) <= _LONGEST_NAME else short

    @cached_property
    def names(self) -> tuple[Names, ...]:
        """For each group, the tiles' columns by what they say."""
        return tuple(names_of(group) for group in self.groups)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column of a tile that `compute` reads."""
        said = [name for names in self.names for name in names.values()]
        return tuple(dict.fromkeys([*_PLACES, *said]))

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
            for exact in read_columns(Reader(table, self.source), group.needs)[0].exact.values():
                largest = int(np.abs(exact.steps).max(initial=0))
                if largest * largest * self.tile_rows >= WHOLE_LIMIT:
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
        for group, names in zip(self.groups, self.names, strict=True):
            read, _ = read_columns(Reader(table, self.source), group.needs)
            for asked, name in names.items():
                columns[name] = self._said(group, *asked, read, axis, starts)
        named = zip(table[self.key].take(pa.array(starts)).to_pylist(), number[starts].tolist(), strict=True)
        chunks = np.array([_chunk(key, place) for key, place in named], object)
        sizes = np.diff(np.append(starts, len(entity)))
        return pa.table(columns), table.append_column(CHUNK, pa.array(np.repeat(chunks, sizes), pa.string()))

    def _said(
        self, group: Group, kind: str, filters: int, column: str | None, read: Columns, axis: np.ndarray,
        starts: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """What tiles say: `n` how many, `s` and `q` the sums of steps and of their squares, else the extreme."""
        keep = met(group, read, filters, len(axis))
        if kind in ("latest", "earliest"):
            moment = MOMENTS[kind]
            return _reduced(moment.of_array, np.where(keep, axis, moment.nothing), starts)
        if kind in ("min", "max"):
            extreme, values = EXTREMES[kind], read.numbers[str(column)]
            return _reduced(extreme.of_array, np.where(keep & ~np.isnan(values), values, extreme.nothing), starts)
        if column is None:
            return _reduced(np.add, keep.astype(np.int64), starts)
        exact = read.exact[column]
        keep = keep if exact.valid is None else keep & exact.valid
        steps = np.where(keep, exact.steps, 0)
        return _reduced(np.add, {"n": keep.astype(np.int64), "s": steps, "q": steps * steps}[kind], starts)

    # ------------------------------------------------------------------ deciding

    def cover(self, tiles: pa.Table, spine: pa.Table) -> Cover:
        """What a decision takes of an entity's tiles; the spine is the request, one row."""
        windows = list(dict.fromkeys(length_of(window) for group in self.groups for window in group.windows))
        as_of = int(read_micros(spine, AS_OF, "spine")[0])
        return Cover(tiles, windows, as_of, before_only=self.groups[0].includes_request)

    def wanted(self, cover: Cover, key: str | int) -> list[str]:
        """The chunks whose events a decision must read: those that a window, or the present, cuts in two.

        Raises:
            TooManyEvents: They are too many, since the decision lies far back and much became known since.
        """
        cut = int(cover.cut.sum())
        if cut * self.tile_rows > RAW_MOST:
            raise TooManyEvents(
                f"{self.key} {key!r}: {cut} tiles of {self.source} hold events that were not known at "
                f"the moment of the decision; at most {RAW_MOST} events are read"
            )
        return [_chunk(key, number) for number in cover.column("number")[cover.cut].tolist()]

    def compute(self, cover: Cover, events: pa.Table, spine: pa.Table) -> dict[str, float]:
        """The history features of one request, NaN where missing, as the kernel computes them from all events.

        Args:
            events: Those of the wanted chunks, and the single ones.
            spine: The request, one row.
        """
        found: dict[str, float] = {}
        for group, names in zip(self.groups, self.names, strict=True):
            values = Values(group, names, cover, events, spine)
            for measure in group.measures:
                for member, value in zip(measure.members, values.of(measure), strict=True):
                    found[group.names[member.slot]] = value
        return found


def tiling_of(kernel: Kernel, need: Need) -> Tiling | None:
    """How a source is tiled by a key; None when a feature over it needs the events themselves."""
    groups = tuple(group for group in kernel.groups if (group.source, group.key) == (need.source, need.key))
    if untiled(kernel, need):
        return None
    return Tiling(need.source, need.key, groups[0].time, groups)


def untiled(kernel: Kernel, need: Need) -> tuple[str, ...]:
    """The features over a source by a key that need the events themselves.

    All of them do where their windows have two axes, and where a column has the name of one that tiles have.
    """
    groups = [group for group in kernel.groups if (group.source, group.key) == (need.source, need.key)]
    stored = [name for other in kernel.needs if other.source == need.source for name in (other.key, *other.columns)]
    axes = {(group.time, group.includes_request) for group in groups}
    if len(axes) != 1 or need.key in _PLACES or CHUNK in stored:
        return tuple(name for group in groups for name in group.names)
    return tuple(
        group.names[member.slot]
        for group in groups
        for measure in group.measures
        for member in measure.members
        if member.kind not in ALGEBRAIC or not _slides(group, measure, member)
    )


def _slides(group: Group, measure: Measure, member: Member) -> bool:
    """Whether the window goes back from the decision by a length of time, over events that are never corrected."""
    window = group.windows[measure.windows[member.window]]
    return group.fact is None and group.end == 0 and (window is None or isinstance(window, int))


def tilings_of(kernel: Kernel) -> Iterator[Tiling]:
    """Every tiling of a kernel."""
    for need in kernel.needs:
        tiling = tiling_of(kernel, need)
        if tiling is not None:
            yield tiling


def _chunk(key: str | int, number: int) -> str:
    """The name of a tile's events: a key of the store itself, which a long one with a number would not be."""
    text = key_text(key)
    return f"{text if len(text.encode()) <= _LONGEST_OWNER else _digest(text)}#{number}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _reduced(pick: np.ufunc, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if not len(starts):
        return values[:0]
    reduced: np.ndarray = pick.reduceat(values, starts)
    return reduced


def _micros(table: pa.Table, name: str) -> np.ndarray:
    return read_micros(table, name, "events")


def _moments(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.int64()).cast(TIMESTAMP)
