"""The blocks of a store that follow from changed rows.

Belongs here: from the stored blocks of the entities that have changed rows, and these rows, to the blocks of the next
version. Does not belong here: which rows have changed (`changes.py`), storing blocks (`resources.online_store`).

A block's events are sorted by `known_at`; those of one moment stand in the order in which the lake is read. Rows that
came are read behind all that stay, and so were those that are gone: they are the last of their moment.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.arrow import read_micros
from assets.features.online.changes import Changed, LoadsWhole, kept
from assets.features.online.load import SourceLoad
from assets.features.online.tiles import CHUNK, Tiling
from resources.online_store.errors import EventError
from resources.online_store.event_blocks import blocks, blocks_table, prepared
from resources.online_store.event_records import key_text
from resources.online_store.protocol import Basis, Change, NewBlock, OnlineStore, SourceState, StoreState

_PART = 2000


@dataclass(frozen=True)
class Renewal:
    """The renewal of one source by one key.

    Attributes:
        upon: The version whose blocks are renewed.
        load: The load whose blocks they will be.
        tiling: As for a whole load (`put_source`).
    """

    store: OnlineStore
    upon: StoreState
    load: SourceLoad
    tiling: Tiling | None
    changed: Changed
    basis: Basis

    def changes(self) -> list[Change]:
        """The changes of the source by the key, and of its tiles and chunks.

        Raises:
            LoadsWhole: What would be stored does not follow from what is stored; also while the blocks are read.
            StoreError: The store does not answer.
        """
        source, key, changed = self.load.source, self.load.key, self.changed
        loaded = self.upon.source(source, key)
        if not changed.come.schema.equals(loaded.schema):
            raise LoadsWhole(f"{source} has other columns than before")
        tables = [rows[key] for rows in (changed.gone, changed.left, changed.come)]
        keys = pc.unique(pa.chunked_array([part for table in tables for part in table.chunks], tables[0].type))
        keys = keys.take(pc.array_sort_indices(keys))
        if self.tiling is None:
            return [self._change(source, key, loaded, self._of_entities(loaded, keys, changed))]
        for name in (self.tiling.tiles_source, self.tiling.chunks_source):
            if name not in self.upon.sources:
                raise LoadsWhole(f"{source} by {key} had no tiles")
        tiles = self._stored(self.tiling.tiles_source, key, keys)
        is_tiled = pa.array([tile is not None for tile in tiles], pa.bool_())
        tiled, others = keys.filter(is_tiled), keys.filter(pc.invert(is_tiled))
        of_others = self._of_entities(loaded, others, self._rows_of(others))
        return [
            *self._of_tiles(self.tiling, loaded, tiled, self._rows_of(tiled)),
            self._change(source, key, loaded, of_others),
        ]

    def _change(self, source: str, key: str, was: SourceState, blocks: Iterable[NewBlock]) -> Change:
        load = self.load
        loaded = SourceState(
            {key: was.rows[key]}, was.schema, load.watermark, load.table_version, load.lookback, load.corrected,
            basis=self.basis,
        )  # fmt: skip
        return Change(source, key, loaded, blocks)

    # ------------------------------------------------------------------ entities that are not tiled

    def _of_entities(self, loaded: SourceState, keys: pa.Array, changed: Changed) -> Iterator[NewBlock]:
        source, key, more = self.load.source, self.load.key, 0
        for first in range(0, len(keys), _PART):
            part = keys.slice(first, _PART)
            found = self._stored(source, key, part)
            held, sizes = self._events(found, loaded)
            held = _without_last(held, _of(changed.gone, key, part), key, part)
            rows = kept(self.load, pa.concat_tables([held, _of(changed.come, key, part)]))
            counts = np.bincount(pc.index_in(rows[key], value_set=part).to_numpy(), minlength=len(part)).tolist()
            if self.tiling is not None and max(counts) > self.tiling.tiled_from:
                raise LoadsWhole(f"an entity has so many events of {source} now that it is to be tiled")
            made = dict(blocks(rows, key))
            for text, before, had, has in zip(_texts(part), found, sizes, counts, strict=True):
                more += has - had
                if made.get(text) != before:
                    yield NewBlock(text, made.get(text), has - had)
        self._check(more, changed)

    def _check(self, more: int, changed: Changed) -> None:
        """Raises LoadsWhole where the store did not have the rows that it says it was loaded with."""
        if more != changed.more:
            raise LoadsWhole(f"the store has not the events of {self.load.source} with which it was loaded")

    # ------------------------------------------------------------------ tiled entities

    def _of_tiles(self, tiling: Tiling, loaded: SourceState, keys: pa.Array, changed: Changed) -> list[Change]:
        """The changes of tiles and chunks. All tiles of an entity are cut again: they begin with its first event."""
        if len(changed.gone):
            raise LoadsWhole(f"days of {self.load.source} were replaced that have events of tiled entities")
        of_tiles = self.upon.source(tiling.tiles_source, self.load.key)
        of_chunks = self.upon.source(tiling.chunks_source, CHUNK)
        tiles: list[NewBlock] = []
        chunks: list[NewBlock] = []
        for number in range(len(keys)):
            one = keys.slice(number, 1)
            cut = self._cut_again(tiling, loaded, one, _of(changed.come, self.load.key, one))
            tiles += cut[0]
            chunks += cut[1]
        self._check(sum(chunk.more for chunk in chunks), changed)
        return [
            self._change(tiling.tiles_source, self.load.key, of_tiles, tiles),
            self._change(tiling.chunks_source, CHUNK, of_chunks, chunks),
        ]

    def _cut_again(
        self, tiling: Tiling, loaded: SourceState, one: pa.Array, come: pa.Table
    ) -> tuple[list[NewBlock], list[NewBlock]]:
        """The tile block and the chunk blocks of one entity.

        Its events are read in the order of their tiles, not of the lake: events of one `known_at` may be exchanged, but
        tiles sort by both times, and those with both times the same are in the order of the lake.
        """
        key, (entity,) = self.load.key, one.to_pylist()
        of_tiles, of_chunks = (self.upon.sources[name] for name in (tiling.tiles_source, tiling.chunks_source))
        tiles, _ = self._events(self._stored(tiling.tiles_source, key, one), of_tiles)
        names = tiling.all_chunks(tiles.sort_by("number"), entity)
        found = self.store.loaded_blocks(self.upon, tiling.chunks_source, CHUNK, names)
        held, sizes = self._events(found, of_chunks)
        rows = pa.concat_tables([held.select(loaded.schema.names), come])
        split = tiling.split(rows, watermark=self.load.watermark, lookback=self.load.lookback)
        if split is None or split.entities != 1:
            raise LoadsWhole(f"a tiled entity of {self.load.source} is no longer one")
        new_tiles = self._block_of(split.tiles, tiling.tiles_source, key, of_tiles)
        new_chunks = self._block_of(split.chunks, tiling.chunks_source, CHUNK, of_chunks)
        had = dict(zip(names, sizes, strict=True))
        has = dict(zip(*split.chunks[CHUNK].value_counts().flatten(), strict=True)) if len(split.chunks) else {}
        counts = {str(name): int(count.as_py()) for name, count in has.items()}
        return (
            [NewBlock(key_text(entity), new_tiles[key_text(entity)], len(split.tiles) - len(tiles))],
            [
                NewBlock(name, new_chunks.get(name), counts.get(name, 0) - had.get(name, 0))
                for name in {**had, **new_chunks}
            ],
        )

    def _block_of(self, rows: pa.Table, source: str, key_column: str, was: SourceState) -> dict[str, bytes]:
        load = self.load
        rows = prepared(rows, source=source, key_column=key_column, watermark=load.watermark, lookback=load.lookback)
        if not rows.schema.equals(was.schema):
            raise LoadsWhole(f"{source} has other columns than before")
        return dict(blocks(rows, key_column))

    # ------------------------------------------------------------------ what is stored

    def _stored(self, source: str, key_column: str, keys: pa.Array) -> Sequence[bytes | None]:
        return self.store.loaded_blocks(self.upon, source, key_column, _texts(keys))

    def _events(self, found: Sequence[bytes | None], loaded: SourceState) -> tuple[pa.Table, list[int]]:
        try:
            return blocks_table(found, loaded.schema)
        except EventError as error:
            raise LoadsWhole(str(error)) from error

    def _rows_of(self, keys: pa.Array) -> Changed:
        changed, key = self.changed, self.load.key
        return Changed(*(_of(rows, key, keys) for rows in (changed.gone, changed.left, changed.come)))


def _of(rows: pa.Table, key: str, keys: pa.Array) -> pa.Table:
    """Those of the rows that are of one of the entities, in their order."""
    return rows.filter(pc.is_in(rows[key], value_set=keys))


def _texts(keys: pa.Array) -> list[str]:
    return [key_text(key) for key in keys.to_pylist()]


def _without_last(held: pa.Table, gone: pa.Table, key: str, keys: pa.Array) -> pa.Table:
    """The events of entities without the last of each moment, as many as are gone of it.

    Args:
        held: Sorted by entity, in the order of the keys, and by `known_at`.
    """
    if not len(gone):
        return held
    moments = np.concatenate([_moments(rows, key, keys) for rows in (held, gone)])
    groups, group = np.unique(moments, axis=0, return_inverse=True)
    of_held, of_gone = np.split(group.reshape(-1), [len(held)])
    many, fewer = (np.bincount(of, minlength=len(groups)) for of in (of_held, of_gone))
    if (fewer > many).any():
        raise LoadsWhole("the store lacks events of days that were replaced")
    to_end = np.cumsum(many)[of_held] - np.arange(len(held))
    return held.filter(pa.array(to_end > fewer[of_held]))


def _moments(rows: pa.Table, key: str, keys: pa.Array) -> np.ndarray:
    """For each event its entity, as a place among the keys, and its `known_at`: int64 [rows, 2]."""
    entity = pc.index_in(rows[key], value_set=keys).to_numpy().astype(np.int64)
    return np.stack([entity, read_micros(rows, "known_at", "events")], axis=1)
