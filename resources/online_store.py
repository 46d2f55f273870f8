"""The online store: the recent events of each entity, ready for a decision.

Belongs here: what every online store does (`OnlineStore`), its state, its errors, and opening one by its address. Does
not belong here: LMDB (`lmdb_store.py`), Redis (`redis_store.py`), the bytes (`event_blocks.py`), features.

A store holds one product. It is loaded in versions: `put_events` fills a version that nobody sees, `publish` makes it
the one that is read, all its sources at once. Events that arrive in between are appended one by one and are seen
together with the version, from its `loaded_until` on; the next version, loaded from the lake, has them and takes their
place.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import pyarrow as pa

from resources.event_blocks import schema_from_text, schema_text

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
    """

    rows: Mapping[str, int]
    schema: pa.Schema


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """A loaded version.

    Attributes:
        version: The name that the loader gave it.
        serial: Increases with every version that this store was given.
        loaded_until: Events known before this moment were loaded.
    """

    version: str
    serial: int
    loaded_until: datetime
    sources: Mapping[str, SourceState] = field(default_factory=dict)

    def with_source(self, source: str, key_column: str, *, rows: int, schema: pa.Schema) -> "StoreState":
        """The state after one more source was loaded by one key column.

        Raises:
            StoreError: The source was loaded by another key column with other columns.
        """
        before = self.sources.get(source)
        if before is not None and set(before.rows) - {key_column} and before.schema != schema:
            raise StoreError(
                f"source {source} was loaded by {sorted(before.rows)} with columns {before.schema.names}, now by "
                f"{key_column} with {schema.names}; give the same table for every key column"
            )
        loaded = {**(before.rows if before else {}), key_column: rows}
        sources = {**self.sources, source: SourceState(rows=loaded, schema=schema)}
        return StoreState(version=self.version, serial=self.serial, loaded_until=self.loaded_until, sources=sources)

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
            "loaded_until": self.loaded_until.isoformat(),
            "sources": {
                name: {"rows": dict(state.rows), "schema": schema_text(state.schema)}
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
                name: SourceState(rows=state["rows"], schema=schema_from_text(state["schema"]))
                for name, state in values["sources"].items()
            }
            return cls(
                version=values["version"],
                serial=values["serial"],
                loaded_until=datetime.fromisoformat(values["loaded_until"]),
                sources=sources,
            )
        except (ValueError, KeyError, TypeError, pa.ArrowInvalid, OSError) as error:
            raise StoreUnavailable(f"the online store's state is damaged: {error!r}; load it again") from error


@dataclass(frozen=True)
class Snapshot:
    """Events of some entities, all read from one version.

    Attributes:
        tables: For each wanted entity its events, in no certain order; empty for one that was never seen.
    """

    version: str
    loaded_until: datetime
    tables: Mapping[EntityEvents, pa.Table]


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
    ) -> int:
        """Fills an unpublished version with the events of a source by one entity key; returns how many it kept.

        Args:
            table: Columns `event_time` and `known_at` (timestamp[us, UTC]), the key column, and what features read.
            version: The version to fill; the same for all sources of a load.
            loaded_until: Events known at or after it are left out; the same for all sources of a load.
            lookback: Events that lie further back are left out; `None` keeps all.

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

        The correction of a fact is an event of its own: its id is another one than that of the event that it corrects.

        Raises:
            EventError: The event does not fit the source's columns.
            StoreUnavailable: The store cannot be reached or has nothing of the source.
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
