"""The values of an online store: its versions, their sources, and the events that a fetch returns.

Belongs here: these values, their JSON, and pure functions of them. Does not belong here: the methods of a store
(`protocol.py`), where it keeps the values, the positions of streams (`positions.py`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import pyarrow as pa

from resources.moments import micros
from resources.online_store.errors import EventError, StoreError, StoreUnavailable
from resources.online_store.event_blocks import schema_from_text, schema_text
from resources.online_store.event_records import NewEvent, arrival_micros, encode_event, is_expired, is_superseded

_SECOND = timedelta(seconds=1)


class EntityEvents(NamedTuple):
    """The events of one entity by one key: `EntityEvents("transactions", "customer_id", "C17")`.

    Attributes:
        optional: If the source was not loaded, a fetch returns a table without columns instead of an error.
    """

    source: str
    key_column: str
    key: str | int
    optional: bool = False


@dataclass(frozen=True)
class SourceState:
    """The state of one loaded source.

    Attributes:
        rows: For each key column, how many events were loaded by it.
        schema: Columns of the events.
        watermark: Events known before this moment were loaded.
        table_version: The version of the lake's table that was loaded; `None` when the events came from elsewhere.
        lookback: How far back events are kept; `None` keeps all.
        corrected: Whether later events of the source may be revisions of earlier ones.
        lookbacks: For each key column, how far back events are kept by it; `lookback` is the longest of them.
    """

    rows: Mapping[str, int]
    schema: pa.Schema
    watermark: datetime
    table_version: int | None = None
    lookback: timedelta | None = None
    corrected: bool = False
    lookbacks: Mapping[str, timedelta | None] = field(default_factory=dict)

    def kept_from(self, key_column: str) -> datetime | None:
        """The moment from which the loaded events are complete by a key column; None where all are kept."""
        lookback = self.lookbacks.get(key_column, self.lookback)
        return None if lookback is None else self.watermark - lookback

    def holders(self, source: str, row: Mapping[str, object]) -> tuple[EntityEvents, ...]:
        """The entities under which an event is kept: one for each key column that is not null in its row."""
        return tuple(EntityEvents(source, name, row[name]) for name in self.rows if row[name] is not None)  # type: ignore[arg-type]


def encode_posted(event: NewEvent, loaded: SourceState, *, source: str) -> bytes:
    """The record of an event that was posted to the service.

    Raises:
        EventError: The event does not fit the source's columns, has no entity, or is older than the load.
    """
    record = encode_event(event, loaded.schema, source=source)
    if not loaded.holders(source, event.row):
        raise EventError(f"event of {source}: {' and '.join(loaded.rows)} are null; name the entity whose event it is")
    if arrival_micros(record) < micros(loaded.watermark):
        raise EventError(
            f"event of {source}: known_at is before {loaded.watermark.isoformat()}, up to which the store was "
            f"loaded from the lake; an older event must arrive through its source"
        )
    return record


def encode_streamed(
    events: Sequence[NewEvent], loaded: SourceState, *, source: str
) -> Iterator[tuple[NewEvent, bytes]]:
    """Each event of a stream that arrived at or after the end of the load, with its record.

    Raises:
        EventError: An event does not fit the source's columns.
    """
    since = micros(loaded.watermark)
    for event in events:
        record = encode_event(event, loaded.schema, source=source)
        if arrival_micros(record) >= since:
            yield event, record


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """A version of the store, published or being filled.

    Attributes:
        version: The name that the loader gave it.
        serial: Increases with every version of this store.
        writer: Identifies the process that fills the version. A load stops when it finds another writer here: that
            process took the load over.
    """

    version: str
    serial: int
    writer: str = ""
    sources: Mapping[str, SourceState] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """Identifies the version; a version of a store that was emptied meanwhile has another token."""
        return f"{self.serial}:{self.writer}"

    @property
    def table_versions(self) -> dict[str, int | None]:
        """For each source with a table, the version of the lake's table that was loaded."""
        return {name: self.sources[name].table_version for name in self.tables}

    @property
    def tables(self) -> tuple[str, ...]:
        """The sources that have a table of their own; a name with two underscores is derived from another source."""
        return tuple(name for name in self.sources if "__" not in name)

    def supersedes(self, source: str, record: bytes) -> bool:
        """Whether publishing this version makes the record of a single event superfluous."""
        loaded = self.sources.get(source)
        return loaded is None or is_superseded(record, loaded.schema, watermark=loaded.watermark)

    def expiry(self, now: datetime) -> Callable[[str, bytes], bool]:
        """Returns a test of (source, record): whether the record is older, at `now`, than the source's lookback."""
        edges = {name: now - of.lookback for name, of in self.sources.items() if of.lookback is not None}

        def expired(source: str, record: bytes) -> bool:
            return source in edges and is_expired(record, before=edges[source])

        return expired

    def find(self, entity: EntityEvents) -> SourceState | None:
        """The loaded source of an entity; None if it is optional and was not loaded by the entity's key column.

        Raises:
            StoreUnavailable: The source was not loaded by that key column, and is not optional.
        """
        known = self.sources.get(entity.source)
        if entity.optional and (known is None or entity.key_column not in known.rows):
            return None
        return self.source(entity.source, entity.key_column)

    def with_source(self, source: str, key_column: str, *, rows: int, loaded: SourceState) -> "StoreState":
        """The state after one more source was loaded by one key column.

        Raises:
            StoreError: Another key column of the source was loaded from another table, or up to another moment.
        """
        before = self.sources.get(source)
        lookback = loaded.lookback
        if before is not None and set(before.rows) - {key_column}:
            same = (before.schema, before.watermark, before.table_version)
            if same != (loaded.schema, loaded.watermark, loaded.table_version):
                raise StoreError(
                    f"source {source} was loaded by {sorted(before.rows)} until {before.watermark} with columns "
                    f"{before.schema.names} of table version {before.table_version}, now by {key_column} until "
                    f"{loaded.watermark} with {loaded.schema.names} of {loaded.table_version}; give the same table "
                    f"and the same moment for every key column"
                )
            unbounded = before.lookback is None or lookback is None
            lookback = None if unbounded else max(before.lookback, lookback)  # type: ignore[type-var]
        every = {**(before.rows if before else {}), key_column: rows}
        lookbacks = {**(before.lookbacks if before else {}), key_column: loaded.lookback}
        merged = replace(loaded, rows=every, lookback=lookback, lookbacks=lookbacks)
        return replace(self, sources={**self.sources, source: merged})

    def source(self, name: str, key_column: str) -> SourceState:
        """The loaded source of a name.

        Raises:
            StoreUnavailable: The source was not loaded by that key column.
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
                    # Existing stores have the watermark under this name.
                    "loaded_until": state.watermark.isoformat(),
                    "table_version": state.table_version,
                    "lookback": _seconds(state.lookback),
                    "corrected": state.corrected,
                    "lookbacks": {key: _seconds(lookback) for key, lookback in state.lookbacks.items()},
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
                    watermark=datetime.fromisoformat(state["loaded_until"]),
                    table_version=state["table_version"],
                    lookback=_length(state["lookback"]),
                    corrected=state.get("corrected", False),
                    # Stores in use were written without the lookbacks of single keys.
                    lookbacks={key: _length(lookback) for key, lookback in state.get("lookbacks", {}).items()},
                )
                for name, state in values["sources"].items()
            }
            return cls(version=values["version"], serial=values["serial"], writer=values["writer"], sources=sources)
        except (ValueError, KeyError, TypeError, pa.ArrowInvalid, OSError) as error:
            raise StoreUnavailable(f"the online store's state is damaged: {error!r}; load it again") from error


def _seconds(lookback: timedelta | None) -> float | None:
    return None if lookback is None else lookback / _SECOND


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else seconds * _SECOND


def restart_needed(before: StoreState | None, now: StoreState, source: str) -> bool:
    """Whether the stream of a source must be read again from the end of a new version's load.

    It must if the new load ends before the old one, or has columns or keys that the events read so far lack.
    """
    old, new = (before.sources.get(source) if before else None), now.sources.get(source)
    if old is None or new is None:
        return True
    fewer = set(new.schema.names) <= set(old.schema.names) and set(new.rows) <= set(old.rows)
    return new.watermark < old.watermark or not fewer


@dataclass(frozen=True)
class Snapshot:
    """Events of some entities, all read from one version.

    Attributes:
        tables: For each wanted entity its events, in no particular order; empty for an entity that was never seen.
        watermarks: For each wanted source, the moment until which its events are known.
        loaded: For each wanted source that was loaded, what was loaded of it.
    """

    version: str
    tables: Mapping[EntityEvents, pa.Table]
    watermarks: Mapping[str, datetime]
    loaded: Mapping[str, SourceState] = field(default_factory=dict)
