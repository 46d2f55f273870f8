"""The online store in LMDB: one folder of this machine a product, filled by one process and read by many.

Belongs here: transactions, and noticing that the files went away. Does not belong here: the keys (`lmdb_layout.py`) and
the format of the values (`event_blocks.py`).
"""

import os
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import lmdb
import pyarrow as pa

from resources.online_store.event_blocks import (
    EventError,
    NewEvent,
    arrival_micros,
    blocks,
    decode,
    encode_event,
    identity,
    micros,
    prepared,
)
from resources.online_store.lmdb_layout import (
    CURRENT,
    STAGED,
    data_prefix,
    erase_entity,
    erase_everywhere,
    event_prefix,
    expire_events,
    find,
    get,
    read_position,
    read_state,
    serial_prefix,
    still_staged,
    stream_key,
    supersede,
)
from resources.online_store.protocol import (
    EntityEvents,
    Snapshot,
    SourceState,
    StoreError,
    StoreState,
    StoreUnavailable,
    StreamPosition,
    VersionReplaced,
    checked_name,
    checked_version,
)
from resources.online_store.state import encode_posted, known_until

_MAP_BYTES = 64 * 2**30
_READERS = 512
_BATCH = 2000


class LmdbStore:
    """One product's events in a folder; see `OnlineStore`.

    LMDB maps the files, so a removed file would still answer. Every read therefore looks whether the file is the one
    that was opened, and opens it anew when the folder was replaced. Erased bytes are given back to LMDB, which writes
    over them in time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "data.mdb"
        self._lock = threading.Lock()
        self._opened: lmdb.Environment | None = None
        self._identity: tuple[int, int] | None = None
        self._known: tuple[bytes, StoreState] | None = None
        self._writer = uuid.uuid4().hex
        self._filling: str | None = None

    # ------------------------------------------------------------------ filling

    def put_events(
        self,
        source: str,
        key_column: str,
        table: pa.Table,
        *,
        version: str,
        loaded_until: datetime,
        lookback: timedelta | None = None,
        table_version: int | None = None,
        corrected: bool = False,
    ) -> int:
        """See `OnlineStore.put_events`. Commits every few thousand entities, so that appended events need not wait."""
        checked_name(source, "source")
        checked_name(key_column, "key column")
        table = prepared(table, source=source, key_column=key_column, loaded_until=loaded_until, lookback=lookback)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._failures():
            staged = self._stage(checked_version(version))
            prefix = data_prefix(staged.serial, source, key_column)
            self._drop_between(prefix, prefix + b"\xff" * 4, filling=staged)
            cut = blocks(table, key_column)
            while part := list(islice(cut, _BATCH)):
                with self._writing() as txn:
                    still_staged(txn, staged)
                    for key, block in part:
                        txn.put(prefix + key.encode(), block)
            loaded = SourceState({}, table.schema.remove_metadata(), loaded_until, table_version, lookback, corrected)
            with self._writing() as txn:
                latest = still_staged(txn, staged)
                txn.put(STAGED, latest.with_source(source, key_column, rows=len(table), loaded=loaded).to_json())
        return len(table)

    def publish(self, version: str) -> StoreState:
        """See `OnlineStore.publish`."""
        with self._failures():
            with self._writing() as txn:
                staged = read_state(txn, STAGED)
                if staged is None or staged.version != version:
                    found = f"'{staged.version}' is being filled" if staged else "none is being filled"
                    raise StoreError(f"version '{version}' cannot be published: {found}; fill it with put_events")
                if staged.writer != self._writer:
                    raise StoreError(f"another load took the place of version '{version}'; load one at a time")
                supersede(txn, read_state(txn, CURRENT), staged)
                txn.put(CURRENT, staged.to_json())
                txn.delete(STAGED)
            self._sweep(staged)
        return staged

    def _sweep(self, state: StoreState) -> None:
        """Removes the blocks that a published version replaces; its transaction removed the single events."""
        self._drop_below(state.serial)

    def _stage(self, version: str) -> StoreState:
        with self._writing() as txn:
            current, staged = read_state(txn, CURRENT), read_state(txn, STAGED)
            if staged is not None and staged.version == version:
                if staged.writer != self._writer:
                    if self._filling == version:
                        raise StoreError(f"another load took the place of version '{version}'; load one at a time")
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
        """Removes the blocks of older versions. Those of newer ones are of a load that began since."""
        serial = self._serial_from(0)
        while serial is not None and serial < end:
            if serial != kept:
                self._drop_between(serial_prefix(serial), serial_prefix(serial + 1))
            serial = self._serial_from(serial + 1)

    def _serial_from(self, lowest: int) -> int | None:
        with self._environment().begin() as txn, txn.cursor() as cursor:
            if not cursor.set_range(serial_prefix(lowest)):
                return None
            return int.from_bytes(cursor.key()[1:5], "big")

    def _drop_between(self, start: bytes, stop: bytes, *, filling: StoreState | None = None) -> None:
        removed = _BATCH
        while removed == _BATCH:
            removed = 0
            with self._writing() as txn, txn.cursor() as cursor:
                if filling is not None:
                    still_staged(txn, filling)
                found = cursor.set_range(start)
                while found and bytes(cursor.key()) < stop and removed < _BATCH:
                    found = cursor.delete()
                    removed += 1

    # ------------------------------------------------------------------ reading

    def fetch(self, source: str, key_column: str, key: str | int) -> pa.Table:
        """See `OnlineStore.fetch`."""
        wanted = EntityEvents(source, key_column, key)
        return self.fetch_all((wanted,)).tables[wanted]

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`."""
        sources = {entity.source for entity in wanted}
        with self._failures(), self._environment().begin() as txn:
            state = self._current(txn)
            found = [(entity, *find(txn, state.serial, entity)) for entity in wanted]
            positions = {source: get(txn, stream_key(source)) for source in sources}
        tables = {}
        for entity, block, rows in found:
            loaded = state.find(entity)
            if loaded is None:
                tables[entity] = pa.table({})
                continue
            try:
                tables[entity] = decode(block, rows, loaded.schema, since=loaded.loaded_until)
            except EventError as error:
                raise StoreUnavailable(f"online store {self._folder}: {entity}: {error}") from error
        return Snapshot(version=state.version, tables=tables, known_until=known_until(state, positions))

    def state(self) -> StoreState | None:
        """See `OnlineStore.state`."""
        return self._read(CURRENT)

    def staged(self) -> StoreState | None:
        """See `OnlineStore.staged`."""
        return self._read(STAGED)

    def _read(self, name: bytes) -> StoreState | None:
        if not self._file.exists():
            return None
        with self._failures(), self._environment().begin() as txn:
            return read_state(txn, name)

    def known_until(self) -> Mapping[str, datetime]:
        """See `OnlineStore.known_until`."""
        if not self._file.exists():
            return {}
        with self._failures(), self._environment().begin() as txn:
            state = read_state(txn, CURRENT)
            positions = {source: get(txn, stream_key(source)) for source in (state.tables if state else ())}
        return known_until(state, positions) if state else {}

    def version(self) -> str | None:
        """See `OnlineStore.version`."""
        state = self.state()
        return state.version if state else None

    def _current(self, txn: lmdb.Transaction) -> StoreState:
        raw = get(txn, CURRENT)
        if raw is None:
            raise StoreUnavailable(
                f"online store {self._folder} holds nothing; load it: loopline load {self._folder.name}"
            )
        known = self._known
        if known is None or known[0] != raw:
            known = (raw, StoreState.from_json(raw))
            self._known = known
        return known[1]

    # ------------------------------------------------------------------ single events

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """See `OnlineStore.append_event`."""
        event = NewEvent(row, event_id)
        with self._failures(), self._writing(create=False) as txn:
            loaded = self._loaded(txn, source)
            stored = encode_posted(event, loaded, source=source)
            return _put_event(txn, source, loaded, event, stored)

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition, *, token: str) -> int:
        """See `OnlineStore.append_stream`."""
        added = 0
        with self._failures(), self._writing(create=False) as txn:
            state = self._current(txn)
            if state.token != token:
                raise VersionReplaced(f"online store {self._folder}: version {state.version} was published meanwhile")
            loaded = self._loaded(txn, source)
            for event in events:
                stored = encode_event(event, loaded.schema, source=source)
                if arrival_micros(stored) >= micros(loaded.loaded_until):
                    added += _put_event(txn, source, loaded, event, stored)
            txn.put(stream_key(source), position.to_json())
        return added

    def position(self, source: str) -> StreamPosition | None:
        """See `OnlineStore.position`."""
        if not self._file.exists():
            return None
        with self._failures(), self._environment().begin() as txn:
            return read_position(txn, source)

    def expire(self, now: datetime) -> int:
        """See `OnlineStore.expire`."""
        if not self._file.exists():
            return 0
        with self._failures(), self._writing() as txn:
            state = read_state(txn, CURRENT)
            return expire_events(txn, state, now) if state else 0

    def _loaded(self, txn: lmdb.Transaction, source: str) -> SourceState:
        state = self._current(txn)
        if source not in state.sources:
            raise StoreUnavailable(f"online store {self._folder} has nothing of {source}; it has {[*state.sources]}")
        return state.sources[source]

    def erase(self, key_column: str, key: str | int) -> int:
        """See `OnlineStore.erase`."""
        if not self._file.exists():
            return 0
        removed = 0
        with self._failures(), self._writing() as txn:
            for state in (read_state(txn, CURRENT), read_state(txn, STAGED)):
                for source, loaded in state.sources.items() if state else ():
                    if state is not None and key_column in loaded.rows:
                        removed += erase_entity(txn, state, EntityEvents(source, key_column, key))
                    elif state is not None and key_column in loaded.schema.names:
                        removed += erase_everywhere(txn, state, EntityEvents(source, key_column, key), loaded.rows)
        return removed

    def close(self) -> None:
        """See `OnlineStore.close`."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    # ------------------------------------------------------------------ files

    def _environment(self, *, create: bool = False) -> lmdb.Environment:
        try:
            status = os.stat(self._file)
            identity = (status.st_dev, status.st_ino)
        except OSError as error:
            if not create:
                self._forget()
                raise StoreUnavailable(
                    f"online store {self._folder} is not there: {error}; load it: loopline load {self._folder.name}"
                ) from error
            identity = None
        opened = self._opened
        if opened is not None and identity == self._identity:
            return opened
        return self._open()

    def _open(self) -> lmdb.Environment:
        with self._lock:
            # The old one closes itself once no transaction of another thread uses it.
            self._opened = None
            opened = lmdb.open(str(self._folder), map_size=_MAP_BYTES, max_readers=_READERS, create=False)
            opened.reader_check()
            status = os.stat(self._file)
            self._identity = (status.st_dev, status.st_ino)
            self._opened = opened
            return opened

    def _forget(self) -> None:
        with self._lock:
            self._opened = None

    @contextmanager
    def _writing(self, *, create: bool = True) -> Iterator[lmdb.Transaction]:
        with self._environment(create=create).begin(write=True) as txn:
            yield txn

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except lmdb.MapFullError as error:
            raise StoreError(
                f"online store {self._folder} is full ({_MAP_BYTES >> 30} GiB); give it less history or use Redis"
            ) from error
        except lmdb.Error as error:
            raise StoreUnavailable(f"online store {self._folder} cannot be used: {error}") from error


def _put_event(txn: lmdb.Transaction, source: str, loaded: SourceState, event: NewEvent, stored: bytes) -> bool:
    """Puts an event under its entities; False when it was there under all of them."""
    added, event_id = False, identity(stored, event.event_id, corrected=loaded.corrected)
    for key_column in loaded.keyed(event.row):
        entity = EntityEvents(source, key_column, event.row[key_column])  # type: ignore[arg-type]
        added |= txn.put(event_prefix(entity) + event_id, stored, overwrite=False)
    return added
