"""Where the Redis online store keeps what, and what is removed of a subject.

Belongs here: the keys, and the removing of single entries. Does not belong here: connections, filling and reading
(`redis_store.py`), the format of the values (`event_blocks.py`).

Keys, after `loopline:{product}:` (the braces keep a product on one node of a cluster):

    current, staged                           the version that is read, and the one that is being filled
    token                                     serial and writer of the version that is read
    stream                                    hash: source -> how far its stream was read
    data:serial:source:key column             hash: entity key -> block, in the version of that serial
    event:source:key column:key               hash: event id -> one event, as JSON
"""

from collections.abc import Iterable, Iterator, Set
from typing import Any

import pyarrow.compute as pc

from resources.online_store.event_blocks import EventError, block_table, entities_of, key_text, rows_with, without
from resources.online_store.state import EntityEvents, StoreState

MARK = b""
"""A field that every hash of blocks has, so that one without entities is not taken for one that Redis has dropped."""


class RedisKeys:
    """The keys of one product."""

    def __init__(self, product: str) -> None:
        self.prefix = f"loopline:{{{product}}}:"
        self.current, self.staged = f"{self.prefix}current", f"{self.prefix}staged"
        self.token, self.stream = f"{self.prefix}token", f"{self.prefix}stream"

    def data(self, serial: int, source: str, key_column: str) -> str:
        """The hash of a source's blocks, in one version."""
        return f"{self.prefix}data:{serial}:{source}:{key_column}"

    def event(self, entity: EntityEvents) -> str:
        """The hash of an entity's single events."""
        return f"{self.prefix}event:{entity.source}:{entity.key_column}:{key_text(entity.key)}"

    def data_hashes(self, client: Any) -> Iterator[tuple[int, bytes]]:
        """Each hash of blocks that Redis has, with its version's serial."""
        for parts, name in self._found(client, "data:*"):
            yield int(parts[1]), name

    def event_hashes(self, client: Any) -> Iterator[tuple[str, bytes]]:
        """Each hash of single events that Redis has, with its source."""
        for parts, name in self._found(client, "event:*"):
            yield parts[1], name

    def _found(self, client: Any, pattern: str) -> Iterator[tuple[list[str], bytes]]:
        for name in list(client.scan_iter(match=self.prefix + pattern, count=1000)):
            yield name.decode().removeprefix(self.prefix).split(":"), name


class RedisEraser:
    """Removes what is kept of a subject."""

    def __init__(self, client: Any, keys: RedisKeys) -> None:
        self._client, self._keys = client, keys

    def erase_entity(self, state: StoreState, entity: EntityEvents) -> int:
        """Removes an entity's own events of a source, and before them those of other entities that are the same."""
        loaded = state.sources[entity.source]
        others = set(loaded.rows) - {entity.key_column}
        removed = self._erase_own_events(entity, others)
        data = self._keys.data(state.serial, entity.source, entity.key_column)
        try:
            own = block_table(self._client.hget(data, key_text(entity.key)), loaded.schema)
        except EventError:
            # A damaged block does not tell who else holds its events.
            removed += self.erase_everywhere(state, entity, others)
        else:
            removed += len(own)
            for other in others:
                for key in pc.unique(own[other]).drop_null().to_pylist():
                    self._erase_within(state, EntityEvents(entity.source, other, key), entity)
        self._client.hdel(data, key_text(entity.key))
        return removed

    def _erase_own_events(self, entity: EntityEvents, others: Set[str]) -> int:
        events = self._client.hgetall(self._keys.event(entity))
        unreadable = []
        for event_id, event in events.items():
            holders = entities_of(event, others)
            if holders is None:
                unreadable.append(event_id)
            for column, key in (holders or {}).items():
                self._client.hdel(self._keys.event(EntityEvents(entity.source, column, key)), event_id)
        if unreadable:
            for source, name in self._keys.event_hashes(self._client):
                if source == entity.source:
                    self._client.hdel(name, *unreadable)
        self._client.unlink(self._keys.event(entity))
        return len(events)

    def erase_everywhere(self, state: StoreState, erased: EntityEvents, key_columns: Iterable[str]) -> int:
        """Removes an entity's events from all entities of its source by these key columns; returns how many."""
        loaded, removed = state.sources[erased.source], 0
        for key_column in key_columns:
            for key, block in self._client.hscan_iter(self._keys.data(state.serial, erased.source, key_column)):
                if key == MARK:
                    continue
                found = rows_with(block, loaded.schema, erased.key_column, erased.key)
                if found:
                    self._erase_within(state, EntityEvents(erased.source, key_column, key.decode()), erased)
                removed += found
        for source, name in self._keys.event_hashes(self._client):
            for event_id, event in self._client.hgetall(name).items() if source == erased.source else ():
                if entities_of(event, (erased.key_column,)) == {erased.key_column: key_text(erased.key)}:
                    removed += self._client.hdel(name, event_id)
        return removed

    def _erase_within(self, state: StoreState, holder: EntityEvents, erased: EntityEvents) -> None:
        data = self._keys.data(state.serial, holder.source, holder.key_column)
        block = self._client.hget(data, key_text(holder.key))
        if block is None:
            return
        kept = without(block, state.sources[holder.source].schema, erased.key_column, erased.key)
        if kept is None:
            self._client.hdel(data, key_text(holder.key))
        else:
            self._client.hset(data, key_text(holder.key), kept)
