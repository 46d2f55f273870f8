"""The history features of a request, from the events that the online store holds of its entities.

Belongs here: which events are fetched, whether they are recent and complete enough, the choice between events and
tiles. Does not belong here: the fallback of a decision without history (`engine.py`), the store
(`resources.online_store`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.features.kernel.kernel import Need
from assets.features.kernel.rows import Value
from assets.features.online.request import compute_one
from assets.features.online.tile_support import tilings_of
from assets.features.online.tiles import CHUNK, RAW_MOST, Tiling, TooManyEvents
from assets.vocabulary.times import SEQUENCE
from resources.online_store.protocol import EntityEvents, OnlineStore, Snapshot, StoreUnavailable

Keys = Mapping[str, str | int]


class HistoryFeatures:
    """Fetches the events and computes the features of one bundle; safe to use from several threads.

    Args:
        store: The product's online store; `None` where no feature has a history.
    """

    def __init__(self, bundle: Bundle, store: OnlineStore | None) -> None:
        self._bundle = bundle
        self._store = store
        self._kernel = bundle.parts.kernel
        self._needs = self._kernel.needs
        self._ordered = bundle.policy.sequence is not None
        self._tilings = {(tiling.source, tiling.key): tiling for tiling in tilings_of(self._kernel)}
        self._max_age = timedelta(seconds=bundle.policy.max_age_seconds)

    def snapshot(self, keys: Keys) -> Snapshot | None:
        """The events and tiles of the request's entities; None where no feature has a history.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if not self._needs:
            return None
        if self._store is None:
            raise StoreUnavailable(f"no online store was opened for {self._bundle.product}")
        tiles = [_tiles(tiling, keys) for tiling in self._tilings.values()]
        return self._store.fetch_all([_entity(need, keys) for need in self._needs] + tiles)

    def stale(self, snapshot: Snapshot, as_of: datetime) -> str | None:
        """A sentence that names the first source with a watermark too long before the decision; None for none."""
        for source in dict.fromkeys(need.source for need in self._needs):
            until = snapshot.watermarks[source]  # not the tiles' watermark: tiles hold loaded events only
            if as_of - until > self._max_age:
                return (
                    f"stale: events of {source} are known until {until.isoformat()}, {_days(as_of - until)} before the "
                    f"decision; at most {_days(self._max_age)} are allowed. Load the online store: "
                    f"loopline run {self._bundle.product}"
                )
        return None

    def too_early(self, snapshot: Snapshot, as_of: datetime) -> str | None:
        """Names the first source of which a decision in the past needs events that the store left out; else None."""
        for need in self._needs:
            loaded = snapshot.loaded[need.source]
            kept_from = loaded.kept_from(need.key)
            if kept_from is None or as_of >= loaded.watermark:
                continue
            lookback = None if need.lookback is None else timedelta(microseconds=need.lookback)
            if lookback is None or as_of - lookback < kept_from:
                earliest = loaded.watermark if lookback is None else kept_from + lookback
                return (
                    f"too early: the online store keeps events of {need.source} from {kept_from.isoformat()} on, too "
                    f"few for a decision as of {as_of.isoformat()}; decide as of {earliest.isoformat()} or later"
                )
        return None

    def features(self, keys: Keys, spine: pa.Table, snapshot: Snapshot | None) -> dict[str, Value] | None:
        """The row of features, by the kernel; where an entity has very many events, from tiles.

        None if the store published another version while its events were read: fetch a new snapshot.

        Raises:
            StoreUnavailable: Events or tiles lack a column that the bundle needs.
            TooManyEvents: An entity has more events than are read for a decision, and no tiles.
        """
        if snapshot is None:
            return compute_one(self._kernel, {}, spine)
        events: dict[tuple[str, str], pa.Table | None] = {}
        from_tiles: dict[str, Value] = {}
        for need in self._needs:
            entity_events = self._complete(need, snapshot.tables[_entity(need, keys)])
            tiling = self._tilings.get((need.source, need.key))
            tiles = None if tiling is None else snapshot.tables[_tiles(tiling, keys)]
            if tiling is None or tiles is None or not tiles.num_rows:
                self._check_few(need, entity_events)
                events[need.source, need.key] = entity_events
            else:
                missing = [name for name in tiling.columns if name not in tiles.schema.names]
                if missing:
                    raise StoreUnavailable(
                        f"tiles of {need.source} in the online store lack statistics that bundle "
                        f"{self._bundle.version} needs; load the online store again: "
                        f"loopline load {self._bundle.product}"
                    )
                key = keys[need.key]
                cover = tiling.cover(tiles, spine)
                chunks = self._chunks(tiling, tiling.wanted(cover, key), snapshot.version)
                if chunks is None:
                    return None
                raw_events = [table.select(entity_events.schema.names) for table in (*chunks, entity_events)]
                from_tiles |= tiling.compute(cover, pa.concat_tables(raw_events), spine)
        return compute_one(self._kernel, events, spine, from_tiles)

    def _chunks(self, tiling: Tiling, names: list[str], version: str) -> list[pa.Table] | None:
        """The events of the named tiles; None if the store has published another version than `version`."""
        if self._store is None or not names:
            return []
        snapshot = self._store.fetch_all([EntityEvents(tiling.chunks_source, CHUNK, name) for name in names])
        return list(snapshot.tables.values()) if snapshot.version == version else None

    def _check_few(self, need: Need, table: pa.Table) -> None:
        if table.num_rows > RAW_MOST:
            raise TooManyEvents(
                f"{need.key} has {table.num_rows} events of {need.source}, whose features cannot all be computed from "
                f"tiles; at most {RAW_MOST} events are read for a decision"
            )

    def _complete(self, need: Need, table: pa.Table) -> pa.Table:
        missing = [name for name in need.of_events(self._ordered) if name not in table.schema.names]
        if missing:
            raise StoreUnavailable(
                f"events of {need.source} in the online store have no {missing}, which bundle {self._bundle.version} "
                f"needs; load the online store again: loopline load {self._bundle.product}"
            )
        return usable(table, ordered=self._ordered)


def usable(table: pa.Table, *, ordered: bool) -> pa.Table:
    """The events as the kernel takes them: without `sequence` where the product declares no order."""
    return table.drop_columns([SEQUENCE]) if SEQUENCE in table.schema.names and not ordered else table


def _tiles(tiling: Tiling, keys: Keys) -> EntityEvents:
    return EntityEvents(tiling.tiles_source, tiling.key, keys[tiling.key], optional=True)


def _entity(need: Need, keys: Keys) -> EntityEvents:
    return EntityEvents(need.source, need.key, keys[need.key])


def _days(time: timedelta) -> str:
    return f"{time / timedelta(days=1):.1f} days"
