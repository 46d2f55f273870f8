"""The behaviour that the online stores in LMDB and in Redis share.

Belongs here: the checks of arguments and versions, decoding the stored bytes, and the methods that need only other
methods. Does not belong here: transactions and connections (`lmdb`, `redis`), removing the events of
an entity (`erasure.py`).
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

import pyarrow as pa

from resources.online_store.errors import EventError, StoreError, StoreUnavailable, VersionReplaced
from resources.online_store.event_blocks import decode, prepared
from resources.online_store.positions import watermarks
from resources.online_store.protocol import checked_name, checked_version
from resources.online_store.source_state import Basis, EntityEvents, SourceState
from resources.online_store.state import Change, NewBlock, Snapshot, StoreState

_PART = 500


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
        basis: Basis | None = None,
    ) -> int:
        """See `OnlineStore.put_events`."""
        checked_name(source, "source")
        checked_name(key_column, "key column")
        checked_version(version)
        table = prepared(table, source=source, key_column=key_column, watermark=watermark, lookback=lookback)
        schema = table.schema.remove_metadata()
        loaded = SourceState({}, schema, watermark, table_version, lookback, corrected, basis=basis)
        self._fill(version, source, key_column, table, loaded)
        return len(table)

    @abstractmethod
    def _fill(self, version: str, source: str, key_column: str, table: pa.Table, loaded: SourceState) -> None:
        """Writes the blocks of a prepared table into the version that is being filled, then the source's state."""

    def update(self, version: str, changes: Iterable[Change], *, upon: StoreState) -> StoreState:
        """See `OnlineStore.update`."""
        staged = self._begin_update(checked_version(version), upon)
        filled = staged
        for change in changes:
            rows, blocks = change.loaded.rows[change.key_column], iter(change.blocks)
            more = True
            while more:
                part = list(islice(blocks, _PART))
                self._put_blocks(staged, change.source, change.key_column, part)
                rows, more = rows + sum(one.more for one in part), len(part) == _PART
            filled = filled.with_source(change.source, change.key_column, rows=rows, loaded=change.loaded)
        self._publish_update(filled, upon)
        settled = self.settled()
        return filled if settled is None else settled

    @abstractmethod
    def _begin_update(self, version: str, upon: StoreState) -> StoreState:
        """The state of a new version of two layers, its own and that of the version beneath; raises as `update`."""

    @abstractmethod
    def _put_blocks(self, staged: StoreState, source: str, key_column: str, blocks: Sequence[NewBlock]) -> None:
        """Writes blocks into the upper layer; an empty one stands for a removed one."""

    @abstractmethod
    def _publish_update(self, filled: StoreState, upon: StoreState) -> None:
        """Makes the filled version the one that is read, if the other one still is; raises as `update`."""

    @abstractmethod
    def settled(self) -> StoreState | None:
        """See `OnlineStore.settled`."""

    def _layered(
        self, version: str, upon: StoreState, current: StoreState | None, staged: StoreState | None
    ) -> StoreState:
        """The first state of an update.

        Raises:
            VersionReplaced: The version beneath is not the one that is read, or events were erased from it.
        """
        if current != upon or upon.is_erased:
            raise self._replaced()
        serial = max(state.serial for state in (upon, staged) if state) + 1
        return StoreState(version=version, serial=serial, writer=self._writer, layers=(serial, upon.base))

    def _publishable(self, staged: StoreState | None, version: str) -> StoreState:
        """The state that is being filled.

        Raises:
            StoreError: Another version, or none, is being filled, or another process took the load over.
        """
        if staged is None or staged.version != version or staged.layers:
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
        return VersionReplaced(f"{self._label}: another version was published meanwhile, or events were erased")
