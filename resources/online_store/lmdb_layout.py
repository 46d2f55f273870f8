"""Where the LMDB online store keeps what, and what is done within one transaction.

Belongs here: the keys and the reading and removing of single entries. Does not belong here: opening, committing and
failures (`lmdb_store.py`), the format of the values (`event_blocks.py`).

Keys, `0` being a zero byte:

    0 current                                 the version that is read
    0 staged                                  the version that is being filled
    0 stream source                           how far a source's stream was read
    a source 0 key column 0 key 0 event id    one event, as JSON
    d serial source 0 key column 0 key        the block of an entity in the version of that serial (4 bytes)
"""

from collections.abc import Callable, Iterable, Set
from datetime import datetime

import lmdb
import pyarrow.compute as pc

from resources.online_store.event_blocks import (
    EventError,
    block_table,
    entities_of,
    is_expired,
    is_superseded,
    key_text,
    rows_with,
    without,
)
from resources.online_store.state import EntityEvents, StoreError, StoreState, StreamPosition, restart_needed

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
        raise StoreError(f"another load took the place of version '{staged.version}'; load one at a time")
    return latest


def data_prefix(serial: int, source: str, key_column: str) -> bytes:
    """What the keys of a source's blocks start with, in one version."""
    return serial_prefix(serial) + f"{source}\0{key_column}\0".encode()


def serial_prefix(serial: int) -> bytes:
    """What the keys of all blocks of a version start with."""
    return b"d" + serial.to_bytes(4, "big")


def event_prefix(entity: EntityEvents) -> bytes:
    """What the keys of an entity's single events start with."""
    return event_prefix_of_source(entity.source) + f"{entity.key_column}\0{key_text(entity.key)}\0".encode()


def event_prefix_of_source(source: str) -> bytes:
    """What the keys of all single events of a source start with."""
    return f"a{source}\0".encode()


def stream_key(source: str) -> bytes:
    """The key of how far a source's stream was read."""
    return f"\x00stream{source}".encode()


def read_position(txn: lmdb.Transaction, source: str) -> StreamPosition | None:
    """How far a source's stream was read; `None` when it never was."""
    raw = get(txn, stream_key(source))
    return None if raw is None else StreamPosition.from_json(raw)


def find(txn: lmdb.Transaction, serial: int, entity: EntityEvents) -> tuple[bytes | None, list[bytes]]:
    """An entity's block, if it has one, and its single events."""
    block = get(txn, data_prefix(serial, entity.source, entity.key_column) + key_text(entity.key).encode())
    return block, [event for _, event in _events(txn, event_prefix(entity))]


def _events(txn: lmdb.Transaction, prefix: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    with txn.cursor() as cursor:
        more = cursor.set_range(prefix)
        while more and (key := bytes(cursor.key())).startswith(prefix):
            found.append((key, bytes(cursor.value())))
            more = cursor.next()
    return found


def supersede(txn: lmdb.Transaction, before: StoreState | None, state: StoreState) -> None:
    """Removes the single events in whose place the version's own are; a stream that these lack is read again."""

    def gone(source: str, event: bytes) -> bool:
        loaded = state.sources.get(source)
        return loaded is None or is_superseded(event, loaded.schema, loaded_until=loaded.loaded_until)

    _drop_events(txn, gone)
    for source in {*state.sources, *(before.sources if before else ())}:
        if restart_needed(before, state, source):
            txn.delete(stream_key(source))


def expire_events(txn: lmdb.Transaction, state: StoreState, now: datetime) -> int:
    """Removes the single events that lie further back than their source's lookback; returns how many."""
    edges = state.expiry_edges(now)
    return _drop_events(txn, lambda source, event: source in edges and is_expired(event, before=edges[source]))


def _drop_events(txn: lmdb.Transaction, gone: Callable[[str, bytes], bool]) -> int:
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


def erase_entity(txn: lmdb.Transaction, state: StoreState, entity: EntityEvents) -> int:
    """Removes an entity's own events of a source, and the same events from where other entities hold them."""
    loaded = state.sources[entity.source]
    others = set(loaded.rows) - {entity.key_column}
    removed = _erase_own_events(txn, entity, others)
    name = data_prefix(state.serial, entity.source, entity.key_column) + key_text(entity.key).encode()
    try:
        own = block_table(get(txn, name), loaded.schema)
    except EventError:
        # A damaged block does not tell who else holds its events.
        removed += erase_everywhere(txn, state, entity, others)
    else:
        removed += len(own)
        for other in others:
            for key in pc.unique(own[other]).drop_null().to_pylist():
                _erase_within(txn, state, EntityEvents(entity.source, other, key), entity)
    txn.delete(name)
    return removed


def _erase_own_events(txn: lmdb.Transaction, entity: EntityEvents, others: Set[str]) -> int:
    events = _events(txn, event_prefix(entity))
    unreadable = set()
    for name, event in events:
        txn.delete(name)
        holders = entities_of(event, others)
        if holders is None:
            unreadable.add(name[-_ID_BYTES:])
        for column, key in (holders or {}).items():
            txn.delete(event_prefix(EntityEvents(entity.source, column, key)) + name[-_ID_BYTES:])
    if unreadable:
        for name, _ in _events(txn, event_prefix_of_source(entity.source)):
            if name[-_ID_BYTES:] in unreadable:
                txn.delete(name)
    return len(events)


def erase_everywhere(txn: lmdb.Transaction, state: StoreState, erased: EntityEvents, key_columns: Iterable[str]) -> int:
    """Removes an entity's events from all entities of its source by these key columns; returns how many."""
    loaded, removed = state.sources[erased.source], 0
    for key_column in key_columns:
        prefix = data_prefix(state.serial, erased.source, key_column)
        for name, block in _events(txn, prefix):
            found = rows_with(block, loaded.schema, erased.key_column, erased.key)
            if found:
                key = name[len(prefix) :].decode()
                _erase_within(txn, state, EntityEvents(erased.source, key_column, key), erased)
            removed += found
    for name, event in _events(txn, event_prefix_of_source(erased.source)):
        if entities_of(event, (erased.key_column,)) == {erased.key_column: key_text(erased.key)}:
            removed += txn.delete(name)
    return removed


def _erase_within(txn: lmdb.Transaction, state: StoreState, holder: EntityEvents, erased: EntityEvents) -> None:
    name = data_prefix(state.serial, holder.source, holder.key_column) + key_text(holder.key).encode()
    block = get(txn, name)
    if block is None:
        return
    kept = without(block, state.sources[holder.source].schema, erased.key_column, erased.key)
    if kept is None:
        txn.delete(name)
    else:
        txn.put(name, kept)
