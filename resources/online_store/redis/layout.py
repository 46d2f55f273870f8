"""The keys of the Redis online store, and its single entries.

Belongs here: the keys, and reading and removing single entries. Does not belong here: connections
(`clients.py`), filling and reading (`store.py`), the format of the values (`resources.online_store.event_blocks`,
`resources.online_store.event_records`).

Keys, after `loopline:{product}:` (the braces keep a product on one node of a cluster):

    current, staged                           the version that is read, and the one that is being filled
    token                                     serial and writer of the version that is read, behind its layers
    stream                                    hash: source -> how far its stream was read
    data:serial:source:key column             hash: entity key -> block, in the version of that serial; empty in the
                                              upper layer of a version for an entity without a block
    event:source:key column:key               hash: event id -> the record of one event
"""

from collections.abc import Iterable, Iterator
from typing import Any

from resources.online_store.erasure import Place
from resources.online_store.event_records import key_text
from resources.online_store.source_state import EntityEvents

MARK = b""
"""A field of every hash of blocks; it distinguishes a hash without entities from one that Redis has dropped."""


class RedisKeys:
    """The keys of one product."""

    def __init__(self, product: str) -> None:
        self.prefix = f"loopline:{{{product}}}:"
        self.current, self.staged = f"{self.prefix}current", f"{self.prefix}staged"
        self.token, self.stream = f"{self.prefix}token", f"{self.prefix}stream"

    def data(self, serial: int, source: str, key_column: str) -> str:
        """The hash of a source's blocks, in one version."""
        return f"{self.prefix}data:{serial}:{source}:{key_column}"

    def event(self, holder: EntityEvents) -> str:
        """The hash of an entity's records."""
        return f"{self.prefix}event:{holder.source}:{holder.key_column}:{key_text(holder.key)}"

    def data_hashes(self, client: Any) -> Iterator[tuple[int, bytes]]:
        """Each hash of blocks in Redis, with the serial of its version."""
        for parts, name in self._found(client, "data:*"):
            yield int(parts[1]), name

    def event_hashes(self, client: Any) -> Iterator[tuple[str, bytes]]:
        """Each hash of records in Redis, with its source."""
        for parts, name in self._found(client, "event:*"):
            yield parts[1], name

    def _found(self, client: Any, pattern: str) -> Iterator[tuple[list[str], bytes]]:
        for name in list(client.scan_iter(match=self.prefix + pattern, count=1000)):
            yield name.decode().removeprefix(self.prefix).split(":"), name


class RedisEntries:
    """The entries of one product; see `resources.online_store.erasure.Entries`."""

    def __init__(self, client: Any, keys: RedisKeys) -> None:
        self._client, self._keys = client, keys

    def block(self, serial: int, holder: EntityEvents) -> bytes | None:
        """See `Entries.block`."""
        found: bytes | None = self._client.hget(*self._block_field(serial, holder))
        return found

    def put_block(self, serial: int, holder: EntityEvents, block: bytes | None) -> None:
        """See `Entries.put_block`."""
        if block is None:
            self._client.hdel(*self._block_field(serial, holder))
        else:
            self._client.hset(*self._block_field(serial, holder), block)

    def blocks(self, serial: int, source: str, key_column: str) -> Iterable[tuple[str, bytes]]:
        """See `Entries.blocks`."""
        for key, block in self._client.hscan_iter(self._keys.data(serial, source, key_column)):
            if key != MARK:
                yield key.decode(), block

    def place(self, holder: EntityEvents, event_id: bytes) -> Place:
        """See `Entries.place`."""
        return self._keys.event(holder).encode(), event_id

    def records(self, holder: EntityEvents) -> Iterable[tuple[bytes, bytes]]:
        """See `Entries.records`."""
        found: dict[bytes, bytes] = self._client.hgetall(self._keys.event(holder))
        return found.items()

    def records_of_source(self, source: str) -> Iterable[tuple[Place, bytes]]:
        """See `Entries.records_of_source`."""
        for found, name in self._keys.event_hashes(self._client):
            if found == source:
                for event_id, record in self._client.hgetall(name).items():
                    yield (name, event_id), record

    def remove_record(self, place: Place) -> bool:
        """See `Entries.remove_record`."""
        return bool(self._client.hdel(*place))

    def remove_records(self, holder: EntityEvents) -> None:
        """See `Entries.remove_records`."""
        self._client.unlink(self._keys.event(holder))

    def _block_field(self, serial: int, holder: EntityEvents) -> tuple[str, str]:
        return self._keys.data(serial, holder.source, holder.key_column), key_text(holder.key)
