"""Filling versions of an LMDB store: loads of everything, and updates of some entities.

Belongs here: the transactions that fill, publish and sweep versions. Does not belong here: reading and adding events
(`store.py`), the keys and what one transaction does with them (`layout.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow as pa

from resources.online_store.base import StoreBase, load_displaced
from resources.online_store.event_blocks import blocks
from resources.online_store.lmdb.files import LmdbFiles
from resources.online_store.lmdb.layout import (
    CURRENT,
    STAGED,
    data_prefix,
    get,
    read_state,
    serial_prefix,
    settle,
    still_staged,
    supersede,
)
from resources.online_store.source_state import SourceState
from resources.online_store.state import NewBlock, StoreState

_BATCH = 2000
_SETTLED = 500


class LmdbFilling(StoreBase):
    """The part of an LMDB store that fills versions."""

    def __init__(self, folder: Path) -> None:
        super().__init__(label=f"online store {folder}", product=folder.name)
        self._files = LmdbFiles(folder, label=self._label, product=self._product)

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
        self._drop_below(state.serial, kept=state)

    def _stage(self, version: str) -> StoreState:
        """The staged state of a version: an unfinished load is taken over, else a new one begins."""
        with self._files.writing() as txn:
            current, staged = read_state(txn, CURRENT), read_state(txn, STAGED)
            if staged is not None and staged.version == version and not staged.layers:
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
        self._drop_below(serial, kept=current)
        return fresh

    def _drop_below(self, end: int, *, kept: StoreState | None) -> None:
        """Removes the blocks of older versions but one. Blocks of newer versions belong to a later load."""
        places = kept.places if kept else ()
        serial = self._serial_from(0)
        while serial is not None and serial < end:
            if serial not in places:
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

    # ------------------------------------------------------------------ updates

    def _begin_update(self, version: str, upon: StoreState) -> StoreState:
        """See `StoreBase._begin_update`."""
        with self._files.failures():
            with self._files.writing(create=False) as txn:
                fresh = self._layered(version, upon, read_state(txn, CURRENT), read_state(txn, STAGED))
                txn.put(STAGED, fresh.to_json())
            self._drop_below(fresh.serial, kept=upon)
        return fresh

    def _put_blocks(self, staged: StoreState, source: str, key_column: str, blocks: Sequence[NewBlock]) -> None:
        """See `StoreBase._put_blocks`."""
        prefix = data_prefix(staged.serial, source, key_column)
        with self._files.failures(), self._files.writing(create=False) as txn:
            still_staged(txn, staged)
            for one in blocks:
                txn.put(prefix + one.key.encode(), one.block or b"")

    def _publish_update(self, filled: StoreState, upon: StoreState) -> None:
        """See `StoreBase._publish_update`."""
        with self._files.failures():
            with self._files.writing(create=False) as txn:
                still_staged(txn, filled)
                if read_state(txn, CURRENT) != upon:
                    raise self._replaced()
                supersede(txn, upon, filled)
                txn.put(CURRENT, filled.to_json())
                txn.delete(STAGED)
            self._sweep(filled)

    def settled(self) -> StoreState | None:
        """See `OnlineStore.settled`."""
        if not self._files.exist():
            return None
        with self._files.failures():
            while True:
                with self._files.environment().begin() as txn:
                    state = read_state(txn, CURRENT)
                if state is None or len(state.places) == 1:
                    return state
                with self._files.writing(create=False) as txn:
                    settle(txn, most=_SETTLED)

    def loaded_blocks(
        self, state: StoreState, source: str, key_column: str, keys: Sequence[str]
    ) -> Sequence[bytes | None]:
        """See `OnlineStore.loaded_blocks`."""
        prefix = data_prefix(state.base, source, key_column)
        with self._files.failures(), self._files.environment().begin() as txn:
            return [get(txn, prefix + key.encode()) for key in keys]
