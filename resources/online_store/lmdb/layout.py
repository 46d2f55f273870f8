"""The keys of the LMDB online store, and the entries that are read and removed within one transaction.

Belongs here: the keys, and reading and removing single entries. Does not belong here: opening, committing and failures
(`files.py`), filling and fetching (`store.py`), the format of the values (`resources.online_store.event_blocks`,
`resources.online_store.event_records`).

Keys, `0` being a zero byte:

    0 current                                 the version that is read
    0 staged                                  the version that is being filled
    0 stream source                           how far a source's stream was read
    a source 0 key column 0 key 0 event id    the record of one event
    d serial source 0 key column 0 key        the block of an entity in the version of that serial (4 bytes); empty in
                                              the upper layer of a version for an entity without a block
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import lmdb

from resources.online_store.base import load_displaced
from resources.online_store.erasure import Place
from resources.online_store.event_records import key_text
from resources.online_store.positions import StreamPosition
from resources.online_store.source_state import EntityEvents
from resources.online_store.state import StoreState, restart_needed

CURRENT = b"\x00current"
STAGED = b"\x00staged"
_ID_BYTES = 16


def get(txn: lmdb.Transaction, key: bytes) -> bytes | None:
    """The value of a key; `None` when there is none."""
    raw = txn.get(key)
    return None if raw is None else bytes(raw)


def read_state(txn: lmdb.Transaction, name: bytes) -> StoreState | None:
    """The state under CURRENT or STAGED; `None` when there is none."""
    raw = get(txn, name)
    return None if raw is None else StoreState.from_json(raw)


def still_staged(txn: lmdb.Transaction, staged: StoreState) -> StoreState:
    """The staged state as it is now.

    Raises:
        StoreError: Another version is being filled.
    """
    latest = read_state(txn, STAGED)
    if latest is None or latest.token != staged.token:
        raise load_displaced(staged.version)
    return latest


def serial_prefix(serial: int) -> bytes:
    """The prefix of all blocks of a version."""
    return b"d" + serial.to_bytes(4, "big")


def data_prefix(serial: int, source: str, key_column: str) -> bytes:
    """The prefix of a source's blocks by one key column, in one version."""
    return serial_prefix(serial) + f"{source}\0{key_column}\0".encode()


def event_prefix(holder: EntityEvents) -> bytes:
    """The prefix of an entity's records."""
    return _source_prefix(holder.source) + f"{holder.key_column}\0{key_text(holder.key)}\0".encode()


def _source_prefix(source: str) -> bytes:
    return f"a{source}\0".encode()


def stream_key(source: str) -> bytes:
    """The key of the position of a source's stream."""
    return f"\x00stream{source}".encode()


def read_position(txn: lmdb.Transaction, source: str) -> StreamPosition | None:
    """How far a source's stream was read; `None` when it never was."""
    raw = get(txn, stream_key(source))
    return None if raw is None else StreamPosition.from_json(raw)


def find(txn: lmdb.Transaction, places: Sequence[int], entity: EntityEvents) -> tuple[bytes | None, list[bytes]]:
    """An entity's block, if it has one, from the first of these serials that has one, and its records."""
    key, block = key_text(entity.key).encode(), None
    for serial in places:
        block = get(txn, data_prefix(serial, entity.source, entity.key_column) + key)
        if block is not None:
            break
    return block or None, [record for _, record in _entries(txn, event_prefix(entity))]


def _entries(txn: lmdb.Transaction, prefix: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    with txn.cursor() as cursor:
        more = cursor.set_range(prefix)
        while more and (key := bytes(cursor.key())).startswith(prefix):
            found.append((key, bytes(cursor.value())))
            more = cursor.next()
    return found


def supersede(txn: lmdb.Transaction, before: StoreState | None, state: StoreState) -> None:
    """Removes the records that a published version supersedes, and the positions of streams to be read again."""
    drop_records(txn, state.supersedes)
    for source in {*state.sources, *(before.sources if before else ())}:
        if restart_needed(before, state, source):
            txn.delete(stream_key(source))


def settle(txn: lmdb.Transaction, *, most: int | None = None) -> None:
    """Moves blocks of the version that is read from its upper layer to the lower one; after the last one it has one.

    Args:
        most: Moves at most so many; None for all.
    """
    state = read_state(txn, CURRENT)
    if state is None or len(state.places) == 1:
        return
    above, below = serial_prefix(state.places[0]), serial_prefix(state.base)
    with txn.cursor() as cursor:
        moved, more = 0, cursor.set_range(above)
        while more and (key := bytes(cursor.key())).startswith(above):
            if moved == most:
                return
            under, block = below + key[len(above) :], bytes(cursor.value())
            cursor.delete()
            if block:
                txn.put(under, block)
            else:
                txn.delete(under)
            moved, more = moved + 1, cursor.set_range(above)
    txn.put(CURRENT, replace(state, layers=(state.base,)).to_json())


def mark_erased(txn: lmdb.Transaction) -> None:
    """Marks the versions as ones from which events are erased, so that no update is made upon them."""
    for name in (CURRENT, STAGED):
        state = read_state(txn, name)
        if state is not None:
            txn.put(name, replace(state, is_erased=True).to_json())


def drop_records(txn: lmdb.Transaction, gone: Callable[[str, bytes], bool]) -> int:
    """Removes the records for which the test of source and record holds; returns how many."""
    removed = 0
    with txn.cursor() as cursor:
        more = cursor.set_range(b"a")
        while more and (key := bytes(cursor.key())).startswith(b"a"):
            source = key[1 : key.index(b"\0")].decode()
            if gone(source, bytes(cursor.value())):
                removed += 1
                more = cursor.delete()
            else:
                more = cursor.next()
    return removed


class LmdbEntries:
    """The entries within one transaction; see `resources.online_store.erasure.Entries`."""

    def __init__(self, txn: lmdb.Transaction) -> None:
        self._txn = txn

    def block(self, serial: int, holder: EntityEvents) -> bytes | None:
        """See `Entries.block`."""
        return get(self._txn, self._block_key(serial, holder))

    def put_block(self, serial: int, holder: EntityEvents, block: bytes | None) -> None:
        """See `Entries.put_block`."""
        if block is None:
            self._txn.delete(self._block_key(serial, holder))
        else:
            self._txn.put(self._block_key(serial, holder), block)

    def blocks(self, serial: int, source: str, key_column: str) -> Iterable[tuple[str, bytes]]:
        """See `Entries.blocks`."""
        prefix = data_prefix(serial, source, key_column)
        return [(key[len(prefix) :].decode(), block) for key, block in _entries(self._txn, prefix)]

    def place(self, holder: EntityEvents, event_id: bytes) -> Place:
        """See `Entries.place`."""
        return event_prefix(holder), event_id

    def records(self, holder: EntityEvents) -> Iterable[tuple[bytes, bytes]]:
        """See `Entries.records`."""
        return [(key[-_ID_BYTES:], record) for key, record in _entries(self._txn, event_prefix(holder))]

    def records_of_source(self, source: str) -> Iterable[tuple[Place, bytes]]:
        """See `Entries.records_of_source`."""
        found = _entries(self._txn, _source_prefix(source))
        return [((key[:-_ID_BYTES], key[-_ID_BYTES:]), record) for key, record in found]

    def remove_record(self, place: Place) -> bool:
        """See `Entries.remove_record`."""
        return bool(self._txn.delete(place[0] + place[1]))

    def remove_records(self, holder: EntityEvents) -> None:
        """See `Entries.remove_records`."""
        for key, _ in _entries(self._txn, event_prefix(holder)):
            self._txn.delete(key)

    def _block_key(self, serial: int, holder: EntityEvents) -> bytes:
        return data_prefix(serial, holder.source, holder.key_column) + key_text(holder.key).encode()
