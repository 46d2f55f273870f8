"""The online store in LMDB: one folder of this machine for each product, filled by one process and read by many.

Belongs here: the transactions of reading, adding and erasing. Does not belong here: filling versions (`filling.py`),
the keys (`layout.py`), the files (`files.py`), the format of the values (`event_blocks.py` and `event_records.py` of
`resources.online_store`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import lmdb

from resources.online_store.erasure import erase
from resources.online_store.event_records import NewEvent, identity
from resources.online_store.lmdb.filling import LmdbFilling
from resources.online_store.lmdb.layout import (
    CURRENT,
    STAGED,
    LmdbEntries,
    drop_records,
    event_prefix,
    find,
    get,
    mark_erased,
    read_position,
    read_state,
    settle,
    stream_key,
)
from resources.online_store.positions import StreamPosition, watermarks
from resources.online_store.source_state import EntityEvents, SourceState, encode_posted, encode_streamed
from resources.online_store.state import Snapshot, StoreState


class LmdbStore(LmdbFilling):
    """One product's events in a folder named after it; see `OnlineStore`.

    LMDB keeps the pages of erased events for reuse, and overwrites them in time.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
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

    # ------------------------------------------------------------------ reading

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`."""
        sources = {entity.source for entity in wanted}
        with self._files.failures(), self._files.environment().begin() as txn:
            state = self._current(txn)
            found = [(entity, *find(txn, state.places, entity)) for entity in wanted]
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
            settle(txn)
            mark_erased(txn)
            states = (read_state(txn, name) for name in (CURRENT, STAGED))
            # An update that is under way cannot be published: the version beneath it is marked.
            whole = (state for state in states if state is not None and len(state.places) == 1)
            return erase(LmdbEntries(txn), whole, key_column, key)

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._files.close()


def _put_event(txn: lmdb.Transaction, source: str, loaded: SourceState, event: NewEvent, record: bytes) -> bool:
    """Puts an event under its entities; False if it was there under all of them."""
    added, event_id = False, identity(record, event.event_id, corrected=loaded.corrected)
    for holder in loaded.holders(source, event.row):
        added |= txn.put(event_prefix(holder) + event_id, record, overwrite=False)
    return added
