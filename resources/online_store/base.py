"""The behaviour that the online stores in LMDB and in Redis share.

Belongs here: the checks of arguments and versions, decoding the stored bytes, and the methods that need only other
methods. Does not belong here: transactions and connections (`lmdb`, `redis`), removing the events of
an entity (`erasure.py`).
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from resources.online_store.errors import EventError, StoreError, StoreUnavailable, VersionReplaced
from resources.online_store.event_blocks import decode, prepared
from resources.online_store.positions import watermarks
from resources.online_store.protocol import checked_name, checked_version
from resources.online_store.state import EntityEvents, Snapshot, SourceState, StoreState


def load_displaced(version: str) -> StoreError:
    """The error of a load whose version another load has taken over or replaced."""
    return StoreError(f"another load took the place of version '{version}'; load one at a time")


class StoreBase(ABC):
    """The part of an `OnlineStore` that LMDB and Redis share."""

    def __init__(self, *, label: str, product: str) -> None:
        """A store of a product.

        Args:
            label: How messages name the store.
        """
        self._label, self._product = label, product
        self._writer = uuid.uuid4().hex
        self._filling: str | None = None  # the version that this object has begun to fill

    # ------------------------------------------------------------------ filling

    def put_events(
        self,
        source: str,
        key_column: str,
        table: pa.Table,
        *,
        version: str,
        watermark: datetime,
        lookback: timedelta | None = None,
        table_version: int | None = None,
        corrected: bool = False,
    ) -> int:
        """See `OnlineStore.put_events`."""
        checked_name(source, "source")
        checked_name(key_column, "key column")
        checked_version(version)
        table = prepared(table, source=source, key_column=key_column, watermark=watermark, lookback=lookback)
        loaded = SourceState({}, table.schema.remove_metadata(), watermark, table_version, lookback, corrected)
        self._fill(version, source, key_column, table, loaded)
        return len(table)

    @abstractmethod
    def _fill(self, version: str, source: str, key_column: str, table: pa.Table, loaded: SourceState) -> None:
        """Writes the blocks of a prepared table into the version that is being filled, then the source's state."""

    def _publishable(self, staged: StoreState | None, version: str) -> StoreState:
        """The state that is being filled.

        Raises:
            StoreError: Another version, or none, is being filled, or another process took the load over.
        """
        if staged is None or staged.version != version:
            found = f"'{staged.version}' is being filled" if staged else "none is being filled"
            raise StoreError(f"version '{version}' cannot be published: {found}; fill it with put_events")
        if staged.writer != self._writer:
            raise load_displaced(version)
        return staged

    # ------------------------------------------------------------------ reading

    @abstractmethod
    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`."""

    @abstractmethod
    def state(self) -> StoreState | None:
        """See `OnlineStore.state`."""

    def version(self) -> str | None:
        """See `OnlineStore.version`."""
        state = self.state()
        return state.version if state else None

    def _snapshot(
        self,
        state: StoreState,
        found: Iterable[tuple[EntityEvents, bytes | None, Sequence[bytes]]],
        positions: Mapping[str, bytes | None],
    ) -> Snapshot:
        """Decodes the result of a fetch from one version.

        Args:
            found: Each wanted entity with its block, if it has one, and its records.
            positions: For each wanted source the stored position of its stream, if it was read.

        Raises:
            StoreUnavailable: A source was not loaded, or the bytes are damaged.
        """
        tables, sources = {}, {}
        for entity, block, records in found:
            loaded = state.find(entity)
            if loaded is None:
                tables[entity] = pa.table({})
                continue
            sources[entity.source] = loaded
            try:
                tables[entity] = decode(block, records, loaded.schema, since=loaded.watermark)
            except EventError as error:
                # Without the key: it may be personal, and the message goes into logs.
                where = f"{self._label}: events of {entity.source} by {entity.key_column}"
                raise StoreUnavailable(f"{where}: {error}") from error
        return Snapshot(state.version, tables, watermarks(state, positions), sources)

    # ------------------------------------------------------------------ checks

    def verify(self) -> None:  # noqa: B027 - nothing to do unless a store overrides it
        """See `OnlineStore.verify`. A server checks its own data."""

    def repair(self) -> str | None:
        """See `OnlineStore.repair`."""
        return None

    def damage(self) -> str | None:
        """See `OnlineStore.damage`."""
        return None

    def is_resting(self) -> bool:
        """See `OnlineStore.is_resting`."""
        return False

    # ------------------------------------------------------------------ errors

    def _loaded(self, state: StoreState, source: str) -> SourceState:
        """The state of a source in a version.

        Raises:
            StoreUnavailable: The source was not loaded.
        """
        if source not in state.sources:
            raise StoreUnavailable(f"{self._label} has no events of {source}; load it: loopline load {self._product}")
        return state.sources[source]

    def _not_loaded(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._label} is empty; load it: loopline load {self._product}")

    def _replaced(self) -> VersionReplaced:
        return VersionReplaced(f"{self._label}: another version was published meanwhile")
