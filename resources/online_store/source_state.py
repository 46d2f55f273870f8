"""The loaded sources of an online store: their entities, and what is kept of a load.

Belongs here: an entity, the state of one loaded source, its JSON, and the records of later events of it. Does not
belong here: the versions of a store (`state.py`), the format of records (`event_records.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import pyarrow as pa

from resources.moments import micros
from resources.online_store.errors import EventError
from resources.online_store.event_blocks import schema_from_text, schema_text
from resources.online_store.event_records import NewEvent, arrival_micros, encode_event

LAYOUT = 1
"""The number of the form in which events and tiles are stored: another form is only loaded whole."""

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


class Basis(NamedTuple):
    """What a later load of changes alone must know of the events beneath it, apart from their table version.

    Attributes:
        table: Identifies the lake's table; one that was removed and made again has another.
        used_from: The least time from the start of an event's slot in the lake to the later of its two times.
        known_until: The greatest time from the start of an event's slot to the moment at which it was known.
        resolutions: Of the source's exact columns, by name; the sums of tiles are whole numbers of them.
        layout: The form of what is stored (`LAYOUT`).
    """

    table: str
    used_from: timedelta
    known_until: timedelta
    resolutions: tuple[tuple[str, float], ...]
    layout: int = LAYOUT

    def with_other(self, other: "Basis") -> "Basis":
        """What holds for the events of both."""
        used_from, known_until = min(self.used_from, other.used_from), max(self.known_until, other.known_until)
        return self._replace(used_from=used_from, known_until=known_until)

    def to_values(self) -> dict[str, Any]:
        """The basis as values of JSON."""
        times = {"used_from": _seconds(self.used_from), "known_until": _seconds(self.known_until)}
        return {"table": self.table, **times, "resolutions": dict(self.resolutions), "layout": self.layout}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Reads `to_values`; raises KeyError or TypeError for damaged ones."""
        used_from, known_until = values["used_from"] * _SECOND, values["known_until"] * _SECOND
        resolutions = tuple(sorted(values["resolutions"].items()))
        return cls(values["table"], used_from, known_until, resolutions, values["layout"])


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
        basis: None where the events came from elsewhere than the lake, or the load was made by older code.
    """

    rows: Mapping[str, int]
    schema: pa.Schema
    watermark: datetime
    table_version: int | None = None
    lookback: timedelta | None = None
    corrected: bool = False
    lookbacks: Mapping[str, timedelta | None] = field(default_factory=dict)
    basis: Basis | None = None

    def kept_from(self, key_column: str) -> datetime | None:
        """The moment from which the loaded events are complete by a key column; None where all are kept."""
        lookback = self.lookbacks.get(key_column, self.lookback)
        return None if lookback is None else self.watermark - lookback

    def holders(self, source: str, row: Mapping[str, object]) -> tuple[EntityEvents, ...]:
        """The entities under which an event is kept: one for each key column that is not null in its row."""
        return tuple(EntityEvents(source, name, row[name]) for name in self.rows if row[name] is not None)  # type: ignore[arg-type]

    def to_values(self) -> dict[str, Any]:
        """The state as values of JSON."""
        return {
            "rows": dict(self.rows),
            "schema": schema_text(self.schema),
            # Existing stores have the watermark under this name.
            "loaded_until": self.watermark.isoformat(),
            "table_version": self.table_version,
            "lookback": _seconds(self.lookback),
            "corrected": self.corrected,
            "lookbacks": {key: _seconds(lookback) for key, lookback in self.lookbacks.items()},
            "basis": self.basis and self.basis.to_values(),
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Reads `to_values`.

        Raises:
            ValueError, KeyError, TypeError, pyarrow.ArrowException, OSError: The values are damaged.
        """
        basis = values.get("basis")
        return cls(
            rows=values["rows"],
            schema=schema_from_text(values["schema"]),
            watermark=datetime.fromisoformat(values["loaded_until"]),
            table_version=values["table_version"],
            lookback=_length(values["lookback"]),
            corrected=values.get("corrected", False),
            # Stores in use were written without the lookbacks of single keys, and without a basis.
            lookbacks={key: _length(lookback) for key, lookback in values.get("lookbacks", {}).items()},
            basis=basis and Basis.from_values(basis),
        )


def _seconds(lookback: timedelta | None) -> float | None:
    return None if lookback is None else lookback / _SECOND


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else seconds * _SECOND


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
