"""The online store: the recent events of each entity, ready for a decision.

Belongs here: what every online store does (`OnlineStore`), and opening one by its address. Does not belong here: what
it has (`store_state.py`), LMDB (`lmdb_store.py`), Redis (`redis_store.py`), the bytes (`event_blocks.py`), features.

A store holds one product. It is loaded in versions: `put_events` fills a version that nobody sees, `publish` makes it
the one that is read, all its sources at once. A source is loaded from one version of its table, up to the end of the
last day that the table has: its `loaded_until`. Events that arrive from then on are added one by one (posted to the
service, or read from a stream) and are seen together with the version; the next one, loaded from the lake, has them and
takes their place. What is known of a source is known until its `loaded_until`, or until the moment up to which its
stream was read, whichever is later. How old that may be for a decision is the product's to say; a store only tells it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from resources.online_store.event_blocks import NewEvent
from resources.online_store.state import (
    EntityEvents,
    Snapshot,
    SourceState,
    StoreError,
    StoreState,
    StoreUnavailable,
    StreamPosition,
    VersionReplaced,
)

__all__ = [
    "EntityEvents",
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
    "open_store",
]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class OnlineStore(Protocol):
    """The events of one product's entities."""

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
        """Fills an unpublished version with the events of a source by one entity key; returns how many it kept.

        A version that another process was filling, and left unfinished, is taken over with what it has.

        Args:
            table: Columns `event_time` and `known_at` (timestamp[us, UTC]), the key column, and what features read.
            version: The version to fill; the same for all sources of a load.
            loaded_until: Events known at or after it are left out; the same for all key columns of a source.
            lookback: Events that lie further back are left out; `None` keeps all.
            table_version: The version of the lake's table that the events are of.
            corrected: Whether facts of the source are corrected, by events that are known later.

        Raises:
            StoreError: A name, a column or the order of calls is wrong.
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def publish(self, version: str) -> StoreState:
        """Makes a filled version the one that is read and drops the one before and what it replaces.

        Raises:
            StoreError: The version was not filled, or a load that began later took its place.
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def fetch(self, source: str, key_column: str, key: str | int) -> pa.Table:
        """The events of one entity; empty for one that was never seen. Raises as `fetch_all`."""
        ...

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """The events of several entities, from one version.

        Raises:
            StoreUnavailable: The store cannot be reached, is empty or damaged, or lacks a source.
            EventError: A key cannot be an entity's.
        """
        ...

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """Adds one event, durably; False when it was there already (the same id, or else the same content).

        Content is all but `known_at`, which a sender who tries again may give anew. Where facts are corrected it is
        `known_at` as well, for a correction may go back to what was said before; and the correction of a fact, which is
        an event of its own, has another id than the event that it corrects.

        Raises:
            EventError: The event does not fit the source's columns, or is older than what was loaded.
            StoreUnavailable: The store cannot be reached or has nothing of the source.
        """
        ...

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition, *, token: str) -> int:
        """Adds the next events of a source's stream, durably and all at once with the position after them.

        What was there already, and what arrived before the source's `loaded_until`, is left out; returns how many were
        added.

        Args:
            token: Of the state that was read before the position from which the events were read.

        Raises:
            VersionReplaced: Another version is read by now, for which the stream may have to be read from elsewhere;
                neither events nor position were put.
            EventError: An event does not fit the source's columns; none was added.
            StoreUnavailable: The store cannot be reached or has nothing of the source.
        """
        ...

    def position(self, source: str) -> StreamPosition | None:
        """How far the source's stream was read; `None` when it is to be read from `loaded_until` on.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def known_until(self) -> Mapping[str, datetime]:
        """For each loaded source, the moment until which its events are known; empty before the first version.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def expire(self, now: datetime) -> int:
        """Removes the single events that lie further back than their source's lookback; returns how many it removed.

        Loaded events expire with the next version: an entity that was not seen within the lookback is not in it.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    def erase(self, key_column: str, key: str | int) -> int:
        """Removes every event of an entity, also from the events of other entities; returns how many it removed.

        Events of it that cannot be read any more are removed as well.

        Raises:
            EventError: The key cannot be an entity's, or the events of other entities are damaged, so that nobody can
                tell whether its own are among them; load the store again.
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

    def close(self) -> None:
        """Gives connections and files back."""
        ...


def open_store(url: str, product: str) -> OnlineStore:
    """The online store of a product.

    A process opens a product's LMDB store once: LMDB allows no second time.

    Args:
        url: `lmdb:///folder` (made when it is first filled) or `redis://host:port/db`.
        product: Whose events it holds.

    Raises:
        StoreError: The address or the product's name is none.
    """
    checked_name(product, "product")
    if url.startswith("lmdb:///"):
        from resources.online_store.lmdb_store import LmdbStore

        return LmdbStore(Path(url.removeprefix("lmdb://")) / product)
    if url.startswith(("redis://", "rediss://")):
        from resources.online_store.redis_store import RedisStore

        return RedisStore(url, product)
    raise StoreError(f"online store {url!r} is not an address; write lmdb:///folder or redis://host:port/db")


def checked_name(value: str, what: str) -> str:
    """The value, when it is a lower-case identifier.

    Raises:
        StoreError: It is not.
    """
    if not _NAME.fullmatch(value):
        raise StoreError(f"{what} {value!r} is not a name: write lower-case letters, digits and _, a letter first")
    return value


def checked_version(value: str) -> str:
    """The value, when it may name a version.

    Raises:
        StoreError: It may not.
    """
    if not _VERSION.fullmatch(value):
        raise StoreError(f"version {value!r} is not one: write letters, digits, '.', '_' and '-'")
    return value
