"""The online store: the recent events of each entity, ready for a decision.

Belongs here: what every online store does (`OnlineStore`), its state, its errors, and opening one by its address. Does
not belong here: LMDB (`lmdb_store.py`), Redis (`redis_store.py`), the bytes (`event_blocks.py`), features.

A store holds one product. It is loaded in versions: `put_events` fills a version that nobody sees, `publish` makes it
the one that is read, all its sources at once. A source is loaded from one version of its table, up to the end of the
last day that the table has: its `loaded_until`. Events that arrive from then on are added one by one (posted to the
service, or read from a stream) and are seen together with the version; the next one, loaded from the lake, has them and
takes their place. What is known of a source is known until its `loaded_until`, or until the moment up to which its
stream was read, whichever is later. How old that may be for a decision is the product's to say; a store only tells it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import pyarrow as pa

from resources.event_blocks import NewEvent, schema_from_text, schema_text

_SECOND = timedelta(seconds=1)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class StoreError(RuntimeError):
    """The store was asked for something that it cannot do; the message names it and the remedy."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, is not loaded, or is damaged: a decision must do without it."""


class EntityEvents(NamedTuple):
    """Whose events are wanted: `EntityEvents("transactions", "customer_id", "C17")`."""

    source: str
    key_column: str
    key: str | int


@dataclass(frozen=True)
class SourceState:
    """What is loaded of one source.

    Attributes:
        rows: Events loaded by each key column.
        schema: Columns of its events.
        loaded_until: Events known before this moment were loaded.
        table_version: The version of the lake's table that they are of; `None` when they came from elsewhere.
        lookback: How far back events are kept; `None` keeps all.
    """

    rows: Mapping[str, int]
    schema: pa.Schema
    loaded_until: datetime
    table_version: int | None = None
    lookback: timedelta | None = None


@dataclass(frozen=True)
class StreamPosition:
    """How far a source's stream was read into the store.

    Attributes:
        offsets: For each partition, the offset of the next message.
        read_until: Everything that had arrived before this moment was read.
    """

    offsets: Mapping[str, int]
    read_until: datetime

    def to_json(self) -> bytes:
        """The position as JSON text."""
        values = {"offsets": dict(self.offsets), "read_until": self.read_until.isoformat()}
        return json.dumps(values, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`.

        Raises:
            StoreUnavailable: The bytes are damaged.
        """
        try:
            values = json.loads(data)
            return cls(offsets=values["offsets"], read_until=datetime.fromisoformat(values["read_until"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(f"a stream's position is damaged: {error!r}; load the online store again") from error


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """A loaded version.

    Attributes:
        version: The name that the loader gave it.
        serial: Increases with every version that this store was given.
        writer: Who fills it: a load that another one took over finds another name here, and stops.
    """

    version: str
    serial: int
    writer: str = ""
    sources: Mapping[str, SourceState] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """What tells it from every other version, those of a store that was emptied meanwhile included."""
        return f"{self.serial}:{self.writer}"

    @property
    def table_versions(self) -> dict[str, int | None]:
        """For each source, the version of the lake's table that its events are of."""
        return {name: state.table_version for name, state in self.sources.items()}

    def with_source(self, source: str, key_column: str, *, rows: int, loaded: SourceState) -> "StoreState":
        """The state after one more source was loaded by one key column.

        Raises:
            StoreError: The source was loaded by another key column from another table, or up to another moment.
        """
        before = self.sources.get(source)
        lookback = loaded.lookback
        if before is not None and set(before.rows) - {key_column}:
            same = (before.schema, before.loaded_until, before.table_version)
            if same != (loaded.schema, loaded.loaded_until, loaded.table_version):
                raise StoreError(
                    f"source {source} was loaded by {sorted(before.rows)} until {before.loaded_until} with columns "
                    f"{before.schema.names} of table version {before.table_version}, now by {key_column} until "
                    f"{loaded.loaded_until} with {loaded.schema.names} of {loaded.table_version}; give the same table "
                    f"and the same moment for every key column"
                )
            unbounded = before.lookback is None or lookback is None
            lookback = None if unbounded else max(before.lookback, lookback)  # type: ignore[type-var]
        every = {**(before.rows if before else {}), key_column: rows}
        return replace(self, sources={**self.sources, source: replace(loaded, rows=every, lookback=lookback)})

    def source(self, name: str, key_column: str) -> SourceState:
        """What is loaded of a source by a key column.

        Raises:
            StoreUnavailable: Nothing is.
        """
        state = self.sources.get(name)
        if state is None or key_column not in state.rows:
            raise StoreUnavailable(
                f"version {self.version} of the online store has no events of {name} by {key_column}; load it again"
            )
        return state

    def to_json(self) -> bytes:
        """The state as JSON text."""
        values: dict[str, Any] = {
            "version": self.version,
            "serial": self.serial,
            "writer": self.writer,
            "sources": {
                name: {
                    "rows": dict(state.rows),
                    "schema": schema_text(state.schema),
                    "loaded_until": state.loaded_until.isoformat(),
                    "table_version": state.table_version,
                    "lookback": None if state.lookback is None else state.lookback / _SECOND,
                }
                for name, state in self.sources.items()
            },
        }
        return json.dumps(values, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`.

        Raises:
            StoreUnavailable: The bytes are damaged.
        """
        try:
            values = json.loads(data)
            sources = {
                name: SourceState(
                    rows=state["rows"],
                    schema=schema_from_text(state["schema"]),
                    loaded_until=datetime.fromisoformat(state["loaded_until"]),
                    table_version=state["table_version"],
                    lookback=None if state["lookback"] is None else state["lookback"] * _SECOND,
                )
                for name, state in values["sources"].items()
            }
            return cls(version=values["version"], serial=values["serial"], writer=values["writer"], sources=sources)
        except (ValueError, KeyError, TypeError, pa.ArrowInvalid, OSError) as error:
            raise StoreUnavailable(f"the online store's state is damaged: {error!r}; load it again") from error


def known_until(state: StoreState, positions: Mapping[str, bytes | None]) -> dict[str, datetime]:
    """For each source of which a position is given, the moment until which its events are known.

    Args:
        positions: How far a source's stream was read, as stored; `None` where it never was.
    """
    found = {}
    for source, raw in positions.items():
        loaded = state.sources.get(source)
        if loaded is not None:
            read = StreamPosition.from_json(raw).read_until if raw else loaded.loaded_until
            found[source] = max(loaded.loaded_until, read)
    return found


def restart_needed(before: StoreState | None, now: StoreState, source: str) -> bool:
    """Whether the stream of a source must be read again from where a new version of the store ends.

    It must when that is earlier than before, or when the events that were read lack columns or keys of the new one.
    """
    old, new = (before.sources.get(source) if before else None), now.sources.get(source)
    if old is None or new is None:
        return True
    fewer = set(new.schema.names) <= set(old.schema.names) and set(new.rows) <= set(old.rows)
    return new.loaded_until < old.loaded_until or not fewer


@dataclass(frozen=True)
class Snapshot:
    """Events of some entities, all read from one version.

    Attributes:
        tables: For each wanted entity its events, in no certain order; empty for one that was never seen.
        known_until: For each wanted source, the moment until which its events are known.
    """

    version: str
    tables: Mapping[EntityEvents, pa.Table]
    known_until: Mapping[str, datetime]


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
    ) -> int:
        """Fills an unpublished version with the events of a source by one entity key; returns how many it kept.

        A version that another process was filling, and left unfinished, is taken over with what it has.

        Args:
            table: Columns `event_time` and `known_at` (timestamp[us, UTC]), the key column, and what features read.
            version: The version to fill; the same for all sources of a load.
            loaded_until: Events known at or after it are left out; the same for all key columns of a source.
            lookback: Events that lie further back are left out; `None` keeps all.
            table_version: The version of the lake's table that the events are of.

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

        Raises:
            EventError: The event does not fit the source's columns, or is older than what was loaded.
            StoreUnavailable: The store cannot be reached or has nothing of the source.
        """
        ...

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition) -> int:
        """Adds the next events of a source's stream, durably and all at once with the position after them.

        What was there already, and what arrived before the source's `loaded_until`, is left out; returns how many were
        added.

        Raises:
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

        Raises:
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
        from resources.lmdb_store import LmdbStore

        return LmdbStore(Path(url.removeprefix("lmdb://")) / product)
    if url.startswith(("redis://", "rediss://")):
        from resources.redis_store import RedisStore

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
