"""Tiles: precomputed statistics of an entity with very many events, so that a decision's cost has a bound.

Belongs here: cutting a big entity's events into tiles at the load, and the tiles that a decision reads. Does not belong
here: which features tiles support (`tile_support.py`), computing from tiles (`tile_values.py`), the kernel, storing
tiles (`resources.online_store` keeps them as events of two more sources, `Tiling.tiles_source` and `chunks_source`). An
erasure removes the subject's events from the chunks
at once, and from other entities' tiles with the next load.

A tile is a run of events, neighbours in time, with their statistics: number, exact integer sums, sums of squares,
extremes, first and last time. A chunk is the events of one tile. A window uses a tile whole or not at all; where an
edge of the window is within a tile, the chunk is read. A decision therefore reads at most one chunk for each edge, one
for the decision time, and the chunks with an event that became known after the decision. Sums are whole numbers, and an
extreme is one of the values: the result equals the kernel's to the last bit (Gray et al. 1997 call such aggregates
distributive or algebraic).

Other features (`distinct`, `last`, every kind and window without support) need the events themselves. A source by a key
with such a feature is not tiled, and a decision reads at most `RAW_MOST` events of it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import read_micros
from assets.features.columns.column_reader import ColumnReader
from assets.features.columns.columns import Columns, read_columns
from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.aggregates.exact import largest
from assets.features.kernel.plan import Group
from assets.features.online.nested import EXTREMES, TIME_EXTREMES
from assets.features.online.tile_values import (
    Cover,
    TileColumns,
    TileValues,
    filter_mask,
    length_of,
    tile_columns_of,
)
from assets.vocabulary.times import AS_OF, TIMES, other_time
from resources.errors import LooplineError
from resources.online_store.event_blocks import TIMESTAMP, prepared
from resources.online_store.event_records import key_text

TILED_FROM = 20_000
"""An entity with more events of a source than this is tiled."""
TILE_ROWS = 512
RAW_MOST = 200_000
"""Upper bound of the single events of one entity that a decision reads."""
CHUNK = "chunk"
"""Key column of the chunks."""

_LONGEST_NAME = 63
_SHORTENED = 20
_LONGEST_KEY = 235
TILE_PLACE = ("number", "first", "last", "latest")
"""Columns of a tile apart from its key, its times and its statistics."""


class TooManyEvents(LooplineError):
    """An entity has more events than a decision reads; the message names source and key column, but not the key."""


@dataclass(frozen=True)
class Split:
    """A source's events by one key, as they are loaded.

    Attributes:
        events: The events of entities that are not tiled.
        tiles: A row for each tile: the entity key, its times, its place and its statistics.
        chunks: The events of tiled entities, each with the key of its chunk.
        entities: The number of tiled entities.
    """

    events: pa.Table
    tiles: pa.Table
    chunks: pa.Table
    entities: int


@dataclass(frozen=True)
class Tiling:
    """How one source by one key is tiled, as `tile_support.tiling_of` returns it.

    Attributes:
        axis: The axis of all its windows.
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
        return other_time(self.axis)

    @property
    def tiles_source(self) -> str:
        """The online store's name of the tiles."""
        return self._source_name("tiles")

    @property
    def chunks_source(self) -> str:
        """The online store's name of the chunks."""
        return self._source_name("chunks")

    def _source_name(self, suffix: str) -> str:
        """A name with two underscores, which tell the store that it is not a table of the lake; shortened if long."""
        name = f"{self.source}__{self.key}_{suffix}"
        short = f"{self.source[:_SHORTENED]}__{_digest(f'{self.source} {self.key}')}_{suffix}"
        return name if len(name) <= _LONGEST_NAME else short

    @cached_property
    def tile_columns(self) -> tuple[TileColumns, ...]:
        """For each group, the tiles' columns by statistic."""
        return tuple(tile_columns_of(group) for group in self.groups)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column of a tile that `compute` reads."""
        statistics = [name for columns in self.tile_columns for name in columns.values()]
        return tuple(dict.fromkeys([*TILE_PLACE, *statistics]))

    # ------------------------------------------------------------------ loading

    def split(self, table: pa.Table, *, watermark: datetime, lookback: timedelta | None) -> Split | None:
        """Separates the events of big entities, in tiles, from those of all others.

        None where a tile's sums would not be exact, because a value has too many steps of its resolution.

        Raises:
            EventError: A column is missing or has another type.
        """
        table = prepared(
            table, source=self.source, key_column=self.key, watermark=watermark, lookback=lookback
        ).combine_chunks()
        coded = table[self.key].combine_chunks().dictionary_encode()
        entity = coded.indices.to_numpy()
        is_big = np.bincount(entity, minlength=len(coded.dictionary)) > self.tiled_from
        big = is_big[entity] if len(entity) else np.zeros(0, bool)
        order = np.flatnonzero(big)
        order = order[np.lexsort((_micros(table, self.other)[order], _micros(table, self.axis)[order], entity[order]))]
        tiled = table.take(pa.array(order))
        if not self._is_exact(tiled):
            return None
        return Split(table.filter(pa.array(~big)), *self._tiled(tiled, entity[order]), entities=int(is_big.sum()))

    def _is_exact(self, table: pa.Table) -> bool:
        """Whether the sum of the squares of any tile fits into 64 bits."""
        for group in self.groups:
            for exact in read_columns(ColumnReader(table, self.source), group.needs)[0].exact.values():
                if largest(exact.steps) ** 2 * self.tile_rows >= WHOLE_LIMIT:
                    return False
        return True

    def _tiled(self, table: pa.Table, entity: np.ndarray) -> tuple[pa.Table, pa.Table]:
        """Tiles and chunks of events that are sorted by entity and time; `entity` is int [rows]."""
        first = np.searchsorted(entity, entity)
        number = (np.arange(len(entity)) - first) // self.tile_rows
        starts = np.flatnonzero(np.append(True, (np.diff(entity) != 0) | (np.diff(number) != 0))[: len(entity)])
        axis, other = _micros(table, self.axis), _micros(table, self.other)
        columns: dict[str, object] = {self.key: table[self.key].take(pa.array(starts))}
        columns |= {name: _timestamps(_reduced(np.maximum, _micros(table, name), starts)) for name in TIMES}
        columns |= {
            "number": number[starts],
            "first": axis[starts],
            "last": _reduced(np.maximum, axis, starts),
            "latest": _reduced(np.maximum, other, starts),
        }
        for group, tile_columns in zip(self.groups, self.tile_columns, strict=True):
            event_columns, _ = read_columns(ColumnReader(table, self.source), group.needs)
            for (statistic, filters, column), name in tile_columns.items():
                columns[name] = _statistic(group, statistic, filters, column, event_columns, axis, starts)
        places = zip(table[self.key].take(pa.array(starts)).to_pylist(), number[starts].tolist(), strict=True)
        chunks = np.array([_chunk_key(key, place) for key, place in places], object)
        sizes = np.diff(np.append(starts, len(entity)))
        return pa.table(columns), table.append_column(CHUNK, pa.array(np.repeat(chunks, sizes), pa.string()))

    # ------------------------------------------------------------------ deciding

    def cover(self, tiles: pa.Table, spine: pa.Table) -> Cover:
        """Which of an entity's tiles a decision uses; the spine is the request, one row."""
        windows = list(dict.fromkeys(length_of(window) for group in self.groups for window in group.windows))
        as_of = int(read_micros(spine, AS_OF, "spine")[0])
        return Cover(tiles, windows, as_of, before_only=self.groups[0].includes_request)

    def wanted(self, cover: Cover, key: str | int) -> list[str]:
        """Keys of the chunks that a decision must read: those of tiles that a window or the decision time cuts.

        Raises:
            TooManyEvents: The chunks are too many: the as-of time is long past, and many events became known since.
        """
        cut = int(cover.cut.sum())
        if cut * self.tile_rows > RAW_MOST:
            raise TooManyEvents(
                f"{self.key} has {cut} tiles of {self.source} with events that were not known at the decision time; "
                f"at most {RAW_MOST} events are read"
            )
        return [_chunk_key(key, number) for number in cover.column("number")[cover.cut].tolist()]

    def all_chunks(self, tiles: pa.Table, key: str | int) -> list[str]:
        """Keys of the chunks of all of an entity's tiles: together they hold its loaded events."""
        return [_chunk_key(key, number) for number in tiles["number"].to_pylist()]

    def compute(self, cover: Cover, events: pa.Table, spine: pa.Table) -> dict[str, float]:
        """The history features of one request, NaN where missing, as the kernel computes them from all events.

        Args:
            events: The events of the wanted chunks, and those outside all tiles.
            spine: The request, one row.
        """
        features: dict[str, float] = {}
        for group, tile_columns in zip(self.groups, self.tile_columns, strict=True):
            values = TileValues(group, tile_columns, cover, events, spine)
            for measure in group.measures:
                for member, value in zip(measure.members, values.of(measure), strict=True):
                    features[group.names[member.slot]] = value
        return features


def _statistic(
    group: Group, statistic: str, filters: int, column: str | None, columns: Columns, axis: np.ndarray,
    starts: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """A statistic of each tile (see `tile_columns_of`); tiles begin at `starts`."""
    keep = filter_mask(group, columns, filters, len(axis))
    if statistic in TIME_EXTREMES:
        extreme = TIME_EXTREMES[statistic]
        return _reduced(extreme.of_array, np.where(keep, axis, extreme.nothing), starts)
    if statistic in EXTREMES:
        extreme, values = EXTREMES[statistic], columns.numbers[str(column)]
        return _reduced(extreme.of_array, np.where(keep & ~np.isnan(values), values, extreme.nothing), starts)
    if column is None:
        return _reduced(np.add, keep.astype(np.int64), starts)
    exact = columns.exact[column]
    keep = keep if exact.valid is None else keep & exact.valid
    steps = np.where(keep, exact.steps, 0)
    return _reduced(np.add, {"n": keep.astype(np.int64), "s": steps, "q": steps * steps}[statistic], starts)


def _chunk_key(key: str | int, number: int) -> str:
    """Store key of one tile's events; long entity keys are hashed because key plus number would exceed the limit."""
    text = key_text(key)
    return f"{text if len(text.encode()) <= _LONGEST_KEY else _digest(text)}#{number}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _reduced(pick: np.ufunc, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The values of each tile reduced; none without tiles."""
    if not len(starts):
        return values[:0]
    reduced: np.ndarray = pick.reduceat(values, starts)
    return reduced


def _micros(table: pa.Table, name: str) -> np.ndarray:
    return read_micros(table, name, "events")


def _timestamps(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.int64()).cast(TIMESTAMP)
