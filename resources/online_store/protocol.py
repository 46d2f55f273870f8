"""The online store: the recent events of each entity, ready for a decision.

Belongs here: the protocol of every online store (`OnlineStore`), and the checks of names. Does not belong here: the
values that a store takes and returns (`state.py`, `source_state.py`, `positions.py`), opening a store (`opening.py`),
LMDB (`lmdb`), Redis (`redis`), features.

A store holds the events of one product. It is loaded in versions: `put_events` fills a version that readers do not see,
and `publish` makes it the version that they read, all its sources at once. A source is loaded from one version of its
table, up to the end of the last day in that table: its `watermark`. Events that arrive later are added one by one
(posted to the service, or read from a stream) and are read together with the version. The next version is loaded from
the lake, includes those events and replaces them. It is loaded whole, or by `update`, which takes over the events of
all entities but those that it names. The events of a source are known until its `watermark`, or until
the moment up to which its stream was read, whichever is later. The product declares how old that moment may be for a
decision; a store only reports it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from resources import naming
from resources.online_store.errors import StoreError, StoreUnavailable, VersionReplaced
from resources.online_store.event_records import NewEvent
from resources.online_store.positions import StreamPosition
from resources.online_store.source_state import Basis, EntityEvents, SourceState
from resources.online_store.state import Change, NewBlock, Snapshot, StoreState

__all__ = [
    "Basis",
    "Change",
    "EntityEvents",
    "NewBlock",
    "OnlineStore",
    "Snapshot",
    "SourceState",
    "StoreError",
    "StoreState",
    "StoreUnavailable",
    "StreamPosition",
    "VersionReplaced",
    "checked_name",
    "checked_version",
]


class OnlineStore(Protocol):
    """The events of one product's entities."""

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
        """Fills an unpublished version with the events of a source by one entity key; returns how many were kept.

        A version that another process left unfinished is taken over, with the sources that it already has.

        Args:
            table: Columns `event_time` and `known_at` (timestamp[us, UTC]), the key column, and the columns that
                features read.
            version: The version to fill; the same for all sources of a load.
            watermark: Events known at or after it are left out; the same for all key columns of a source.
            lookback: Older events are left out; `None` keeps all.
            table_version: The version of the lake's table that the events were read from.
            corrected: Whether later events of the source may be revisions of earlier ones.
            basis: What a later load of changes must know of these events; `None` if there can be none.

        Raises:
            StoreError: A name, a column or the order of calls is wrong.
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def publish(self, version: str) -> StoreState:
        """Makes a filled version the one that is read; removes the previous version and the events that it replaces.

        Raises:
            StoreError: The version was not filled, or another load took its place.
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def settled(self) -> StoreState | None:
        """The version that is read, after an update that was interrupted behind its publication was ended.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def loaded_blocks(
        self, state: StoreState, source: str, key_column: str, keys: Sequence[str]
    ) -> Sequence[bytes | None]:
        """The stored block of each entity key in a settled version, without later events; `None` where there is none.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def update(self, version: str, changes: Iterable[Change], *, upon: StoreState) -> StoreState:
        """Publishes a version that has the blocks of another one but for the changes.

        Readers see the version before, or all changes at once. Other writers wait for some hundred blocks at most.

        Args:
            changes: One for each source and key column of the new version.
            upon: The settled version that is read, whose blocks stay.

        Raises:
            VersionReplaced: It is no longer read, or events were erased from it; nothing was published.
            StoreError: Another load took this one's place.
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """The events of several entities, from one version.

        Raises:
            StoreUnavailable: The store cannot be reached, is empty or damaged, or lacks a source.
            EventError: A key cannot be the key of an entity.
        """
        ...

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """Adds one event, durably; False if the store has it already (the same id, or else the same content).

        The content excludes `known_at`, because a sender that retries may give another one. In a source with
        corrections the content includes `known_at`, because a revision may restore an earlier value. A revision is a
        separate event, with its own id.

        Raises:
            EventError: The event does not fit the source's columns, or is older than the load.
            StoreUnavailable: The store cannot be reached, or the source was not loaded.
        """
        ...

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition, *, token: str) -> int:
        """Adds the next events of a source's stream and the position after them, durably and all at once.

        Events that the store has already, and events that arrived before the source's `watermark`, are left out;
        returns how many were added.

        Args:
            token: The token of the store's state; read the state first, then the position, then the events.

        Raises:
            VersionReplaced: Another version was published since, and may need the stream read from another position;
                neither events nor position were written.
            EventError: An event does not fit the source's columns; none was added.
            StoreUnavailable: The store cannot be reached, or the source was not loaded.
        """
        ...

    def position(self, source: str) -> StreamPosition | None:
        """How far the source's stream was read; `None` if it must be read from `watermark` on.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def watermarks(self) -> Mapping[str, datetime]:
        """For each loaded source, the moment until which its events are known; empty before the first version.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def expire(self, now: datetime) -> int:
        """Removes the single events that are older than their source's lookback; returns how many.

        Loaded events expire with the next version, which leaves out events beyond the lookback.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def erase(self, key_column: str, key: str | int) -> int:
        """Removes every event of an entity, also where it is stored under other entities; returns how many.

        Events of the entity that can no longer be read are removed as well.

        Raises:
            EventError: The key cannot be the key of an entity, or events of other entities are damaged, so that the
                store cannot tell whether they include the entity's; load the store again.
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def state(self) -> StoreState | None:
        """The version that is read; `None` before the first. Raises StoreUnavailable."""
        ...

    def staged(self) -> StoreState | None:
        """The version that is being filled; `None` when none is. Raises StoreUnavailable."""
        ...

    def version(self) -> str | None:
        """The name of the version that is read; `None` before the first. Raises StoreUnavailable."""
        ...

    def verify(self) -> None:
        """Checks the files of an embedded store by reading all of them; does nothing for a server.

        Raises:
            StoreDamaged: They are damaged; the store is not read again until it is loaded again.
        """
        ...

    def repair(self) -> str | None:
        """Verifies the files of an embedded store and removes damaged ones, so that a load fills them anew.

        Call it before a load. Events that were posted since the last load, and came by no stream, are lost with them.
        Of a server it is asked whether it still has all sources of the version that is read.

        Returns:
            The fault, which only a load of everything mends; None for a sound store.
        """
        ...

    def damage(self) -> str | None:
        """The known fault of an embedded store's files, in a sentence with its remedy; None for sound files."""
        ...

    def is_resting(self) -> bool:
        """Whether decisions do not ask it for the moment, because it failed; always False for an embedded store."""
        ...

    def close(self) -> None:
        """Closes connections and files."""
        ...


def checked_name(value: str, what: str) -> str:
    """Returns the value if it is a lower-case identifier.

    Args:
        what: The kind of name, for the message.

    Raises:
        StoreError: The value is not one.
    """
    try:
        return naming.checked_name(value, what)
    except naming.BadName as error:
        raise StoreError(str(error)) from error


def checked_version(value: str) -> str:
    """Returns the value if it can name a version.

    Raises:
        StoreError: The value cannot.
    """
    try:
        return naming.checked_version(value)
    except naming.BadName as error:
        raise StoreError(str(error)) from error
