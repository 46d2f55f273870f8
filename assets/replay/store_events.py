"""The events of an entity that the online store holds, whether it keeps them one by one or in tiles.

Belongs here: reading them for a replay, once for each entity. Does not belong here: the comparison with the lake
(`features.py`), how a decision reads tiles (`assets.serving.history`).
"""

from collections.abc import Mapping

import pyarrow as pa

from assets.features.kernel.kernel import Kernel, Need
from assets.features.online.tile_support import tilings_of
from assets.features.online.tiles import CHUNK
from assets.replay.features import StoreEvents
from resources.online_store.protocol import EntityEvents, OnlineStore, StoreUnavailable


class StoreReader:
    """Reads the events of entities; the many events of a tiled one are read once."""

    def __init__(self, kernel: Kernel, store: OnlineStore) -> None:
        self._kernel, self._store = kernel, store
        self._tilings = {(tiling.source, tiling.key): tiling for tiling in tilings_of(kernel)}
        self._tiled: dict[EntityEvents, pa.Table] = {}
        self._version = ""

    def of(self, keys: Mapping[str, str | int]) -> StoreEvents:
        """The events of a decision's entities, all from one version of the store.

        Args:
            keys: For each key column the key.

        Raises:
            StoreUnavailable: The store cannot be read, or published another version meanwhile.
        """
        entities = {need: EntityEvents(need.source, need.key, keys[need.key]) for need in self._kernel.needs}
        tiles = [
            EntityEvents(tiling.tiles_source, tiling.key, keys[tiling.key], optional=True)
            for tiling in self._tilings.values()
        ]
        snapshot = self._store.fetch_all([*entities.values(), *tiles])
        if snapshot.version != self._version:
            self._tiled, self._version = {}, snapshot.version
        tables = {
            (need.source, need.key): self._complete(need, entity, snapshot.tables) for need, entity in entities.items()
        }
        return StoreEvents(snapshot.version, snapshot.watermarks, tables)

    def _complete(self, need: Need, entity: EntityEvents, tables: Mapping[EntityEvents, pa.Table]) -> pa.Table:
        """The entity's events outside tiles, and those of all its tiles."""
        single, tiling = tables[entity], self._tilings.get((need.source, need.key))
        if tiling is None:
            return single
        tiles = tables[EntityEvents(tiling.tiles_source, tiling.key, entity.key, optional=True)]
        if not tiles.num_rows:
            return single
        if entity in self._tiled:
            return self._tiled[entity]
        wanted = [EntityEvents(tiling.chunks_source, CHUNK, name) for name in tiling.all_chunks(tiles, entity.key)]
        chunks = self._store.fetch_all(wanted)
        if chunks.version != self._version:
            raise StoreUnavailable("another version of the online store was published during the replay; run it again")
        events = pa.concat_tables([table.select(single.schema.names) for table in (*chunks.tables.values(), single)])
        self._tiled[entity] = events
        return events
