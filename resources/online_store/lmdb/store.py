"""The online store in LMDB: one folder of this machine for each product, filled by one process and read by many.

Belongs here: the transactions of filling, reading and adding. Does not belong here: the keys (`layout.py`), the
files (`files.py`), the format of the values (`event_blocks.py` and `event_records.py` of `resources.online_store`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import lmdb
import pyarrow as pa

from resources.online_store.base import StoreBase, load_displaced
from resources.online_store.erasure import erase
from resources.online_store.event_blocks import blocks
from resources.online_store.event_records import NewEvent, identity
from resources.online_store.lmdb.files import LmdbFiles
from resources.online_store.lmdb.layout import (
    CURRENT,
    STAGED,
    LmdbEntries,
    data_prefix,
    drop_records,
    event_prefix,
    find,
    get,
    read_position,
    read_state,
    serial_prefix,
    still_staged,
    stream_key,
    supersede,
)
from resources.online_store.positions import StreamPosition, watermarks
from resources.online_store.state import (
    EntityEvents,
    Snapshot,
    SourceState,
    StoreState,
    encode_posted,
    encode_streamed,
)

_BATCH = 2000


class LmdbStore(StoreBase):
    """One product's events in a folder named after it; see `OnlineStore`.

    LMDB keeps the pages of erased events for reuse, and overwrites them in time.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(label=f"online store {folder}", product=folder.name)
        self._files = LmdbFiles(folder, label=self._label, product=self._product)
        self._known: tuple[bytes, StoreState] | None = None

    # ------------------------------------------------------------------ checks

    def verify(self) -> None:
        """See `OnlineStore.verify`."""
        self._files.verify()

    def repair(self) -> str | None:
        """See `OnlineStore.repair`."""
        return self._files.remove_damaged()

    def damage(self) -> str | None:
        """See `OnlineStore.damage`."""
        return self._files.damage()

    # ------------------------------------------------------------------ filling

    def _fill(self, version: str, source: str, key_column: str, table: pa.Table, loaded: SourceState) -> None:
        """Commits every few thousand entities, so that other writers need not wait for the whole table."""
        self._files.make_folder()
        with self._files.failures():
            staged = self._stage(version)
            prefix = data_prefix(staged.serial, source, key_column)
            self._drop_between(prefix, prefix + b"\xff" * 4, filling=staged)
            cut = blocks(table, key_column)
            while part := list(islice(cut, _BATCH)):
                with self._files.writing() as txn:
                    still_staged(txn, staged)
                    for key, block in part:
                        txn.put(prefix + key.encode(), block)
            with self._files.writing() as txn:
                latest = still_staged(txn, staged)
                txn.put(STAGED, latest.with_source(source, key_column, rows=len(table), loaded=loaded).to_json())

    def publish(self, version: str) -> StoreState:
        """See `OnlineStore.publish`."""
        with self._files.failures():
            with self._files.writing() as txn:
                staged = self._publishable(read_state(txn, STAGED), version)
                supersede(txn, read_state(txn, CURRENT), staged)
                txn.put(CURRENT, staged.to_json())
                txn.delete(STAGED)
            self._sweep(staged)
        return staged

    def _sweep(self, state: StoreState) -> None:
        """Removes the blocks that a published version replaces; its transaction removed the records."""
        self._drop_below(state.serial)

    def _stage(self, version: str) -> StoreState:
        """The staged state of a version: an unfinished load is taken over, else a new one begins."""
        with self._files.writing() as txn:
            current, staged = read_state(txn, CURRENT), read_state(txn, STAGED)
            if staged is not None and staged.version == version:
                if staged.writer != self._writer:
                    if self._filling == version:
                        raise load_displaced(version)
                    staged = replace(staged, writer=self._writer)
                    txn.put(STAGED, staged.to_json())
                self._filling = version
                return staged
            serial = max((state.serial for state in (current, staged) if state), default=0) + 1
            fresh = StoreState(version=version, serial=serial, writer=self._writer)
            txn.put(STAGED, fresh.to_json())
        self._filling = version
        self._drop_below(serial, kept=current.serial if current else None)
        return fresh

    def _drop_below(self, end: int, *, kept: int | None = None) -> None:
        """Removes the blocks of older versions. Blocks of newer versions belong to a later load."""
        serial = self._serial_from(0)
        while serial is not None and serial < end:
            if serial != kept:
                self._drop_between(serial_prefix(serial), serial_prefix(serial + 1))
            serial = self._serial_from(serial + 1)

    def _serial_from(self, lowest: int) -> int | None:
        """The lowest serial, from `lowest` on, that has blocks."""
        with self._files.environment().begin() as txn, txn.cursor() as cursor:
            if not cursor.set_range(serial_prefix(lowest)):
                return None
            return int.from_bytes(cursor.key()[1:5], "big")

    def _drop_between(self, start: bytes, stop: bytes, *, filling: StoreState | None = None) -> None:
        removed = _BATCH
        while removed == _BATCH:
            removed = 0
            with self._files.writing() as txn, txn.cursor() as cursor:
                if filling is not None:
                    still_staged(txn, filling)
                found = cursor.set_range(start)
                while found and bytes(cursor.key()) < stop and removed < _BATCH:
                    found = cursor.delete()
                    removed += 1

    # ------------------------------------------------------------------ reading

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`."""
        sources = {entity.source for entity in wanted}
        with self._files.failures(), self._files.environment().begin() as txn:
            state = self._current(txn)
            found = [(entity, *find(txn, state.serial, entity)) for entity in wanted]
            positions = {source: get(txn, stream_key(source)) for source in sources}
        return self._snapshot(state, found, positions)

    def state(self) -> StoreState | None:
        """See `OnlineStore.state`."""
        return self._read(CURRENT)

    def staged(self) -> StoreState | None:
        """See `OnlineStore.staged`."""
        return self._read(STAGED)

    def _read(self, name: bytes) -> StoreState | None:
        if not self._files.exist():
            return None
        with self._files.failures(), self._files.environment().begin() as txn:
            return read_state(txn, name)

    def watermarks(self) -> Mapping[str, datetime]:
        """See `OnlineStore.watermarks`."""
        if not self._files.exist():
            return {}
        with self._files.failures(), self._files.environment().begin() as txn:
            state = read_state(txn, CURRENT)
            positions = {source: get(txn, stream_key(source)) for source in (state.tables if state else ())}
        return watermarks(state, positions) if state else {}

    def _current(self, txn: lmdb.Transaction) -> StoreState:
        """The version that is read; parsed only when its bytes have changed."""
        raw = get(txn, CURRENT)
        if raw is None:
            raise self._not_loaded()
        known = self._known
        if known is None or known[0] != raw:
            known = (raw, StoreState.from_json(raw))
            self._known = known
        return known[1]

    # ------------------------------------------------------------------ single events

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """See `OnlineStore.append_event`."""
        event = NewEvent(row, event_id)
        with self._files.failures(), self._files.writing(create=False) as txn:
            loaded = self._loaded(self._current(txn), source)
            return _put_event(txn, source, loaded, event, encode_posted(event, loaded, source=source))

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition, *, token: str) -> int:
        """See `OnlineStore.append_stream`."""
        added = 0
        with self._files.failures(), self._files.writing(create=False) as txn:
            state = self._current(txn)
            if state.token != token:
                raise self._replaced()
            loaded = self._loaded(state, source)
            for event, record in encode_streamed(events, loaded, source=source):
                added += _put_event(txn, source, loaded, event, record)
            txn.put(stream_key(source), position.to_json())
        return added

    def position(self, source: str) -> StreamPosition | None:
        """See `OnlineStore.position`."""
        if not self._files.exist():
            return None
        with self._files.failures(), self._files.environment().begin() as txn:
            return read_position(txn, source)

    def expire(self, now: datetime) -> int:
        """See `OnlineStore.expire`."""
        if not self._files.exist():
            return 0
        with self._files.failures(), self._files.writing() as txn:
            state = read_state(txn, CURRENT)
            return drop_records(txn, state.expiry(now)) if state else 0

    def erase(self, key_column: str, key: str | int) -> int:
        """See `OnlineStore.erase`."""
        if not self._files.exist():
            return 0
        with self._files.failures(), self._files.writing() as txn:
            states = (read_state(txn, name) for name in (CURRENT, STAGED))
            return erase(LmdbEntries(txn), states, key_column, key)

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._files.close()


def _put_event(txn: lmdb.Transaction, source: str, loaded: SourceState, event: NewEvent, record: bytes) -> bool:
    """Puts an event under its entities; False if it was there under all of them."""
    added, event_id = False, identity(record, event.event_id, corrected=loaded.corrected)
    for holder in loaded.holders(source, event.row):
        added |= txn.put(event_prefix(holder) + event_id, record, overwrite=False)
    return added
