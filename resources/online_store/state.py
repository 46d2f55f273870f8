"""What an online store has: its versions, their sources, how far streams were read, and what a fetch gives.

Belongs here: these values, their JSON, and what follows from them. Does not belong here: what a store does
(`online_store.py`), where it keeps them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import pyarrow as pa

from resources.errors import LooplineError
from resources.online_store.event_blocks import (
    EventError,
    NewEvent,
    arrival_micros,
    encode_event,
    micros,
    schema_from_text,
    schema_text,
)

_SECOND = timedelta(seconds=1)


class StoreError(LooplineError):
    """The store was asked for something that it cannot do; the message names it and the remedy."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, is not loaded, or is damaged: a decision must do without it."""


class VersionReplaced(StoreError):
    """Another version was published since the state was read; nothing was put, and it is to be read again."""


class EntityEvents(NamedTuple):
    """Whose events are wanted: `EntityEvents("transactions", "customer_id", "C17")`.

    Attributes:
        optional: A source that was not loaded is no error, and gives a table without columns.
    """

    source: str
    key_column: str
    key: str | int
    optional: bool = False


@dataclass(frozen=True)
class SourceState:
    """What is loaded of one source.

    Attributes:
        rows: Events loaded by each key column.
        schema: Columns of its events.
        loaded_until: Events known before this moment were loaded.
        table_version: The version of the lake's table that they are of; `None` when they came from elsewhere.
        lookback: How far back events are kept; `None` keeps all.
        corrected: Whether facts of the source are corrected, by events that are known later.
    """

    rows: Mapping[str, int]
    schema: pa.Schema
    loaded_until: datetime
    table_version: int | None = None
    lookback: timedelta | None = None
    corrected: bool = False

    def keyed(self, row: Mapping[str, object]) -> tuple[str, ...]:
        """The key columns by which an event is somebody's: those in which it has a value."""
        return tuple(name for name in self.rows if row[name] is not None)


def encode_posted(event: NewEvent, loaded: SourceState, *, source: str) -> bytes:
    """An event that was posted by itself, as `encode_event` writes it.

    Raises:
        EventError: It does not fit the source's columns, is nobody's, or is older than what was loaded.
    """
    stored = encode_event(event, loaded.schema, source=source)
    if not loaded.keyed(event.row):
        raise EventError(f"event of {source}: {' and '.join(loaded.rows)} are null; name the entity whose event it is")
    if arrival_micros(stored) < micros(loaded.loaded_until):
        raise EventError(
            f"event of {source}: known_at is before {loaded.loaded_until.isoformat()}, up to which the store was "
            f"loaded from the lake; an older event comes in through the source itself"
        )
    return stored


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
        return {name: self.sources[name].table_version for name in self.tables}

    @property
    def tables(self) -> tuple[str, ...]:
        """The sources that have a table of their own. A name with two underscores is of what was made from another."""
        return tuple(name for name in self.sources if "__" not in name)

    def expiry_edges(self, now: datetime) -> dict[str, datetime]:
        """For each source that has a lookback, the moment before which its events matter to no decision."""
        return {name: now - of.lookback for name, of in self.sources.items() if of.lookback is not None}

    def find(self, entity: EntityEvents) -> SourceState | None:
        """What is loaded of an entity's source by its key column; None when it is optional and nothing is.

        Raises:
            StoreUnavailable: Nothing is, and it is not optional.
        """
        known = self.sources.get(entity.source)
        if entity.optional and (known is None or entity.key_column not in known.rows):
            return None
        return self.source(entity.source, entity.key_column)

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
                    "corrected": state.corrected,
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
                    corrected=state.get("corrected", False),
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
