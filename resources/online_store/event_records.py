"""Single events as JSON records: the format of the events that arrive between two loads.

Belongs here: encoding and decoding one event, its identity, the text of an entity key, and the check of an event posted
to the service. Does not belong here: loaded events (`event_blocks.py`), where the records are kept (`lmdb`,
`redis`).

A record is a JSON object of the event's columns with a checksum (`checksums.py`), times in microseconds since 1970 UTC.
The name "" holds the arrival time, where it is known.
"""

import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from resources.moments import micros
from resources.online_store.checksums import sealed_record, unsealed_record
from resources.online_store.errors import EventError

_ARRIVED = ""
_LONGEST_KEY = 255


class NewEvent(NamedTuple):
    """One event to be written to a store.

    Attributes:
        row: A value for each column of the source; times as `datetime` with a zone.
        event_id: Identifies the event: two events with the same id are one. If `None`, the content identifies it.
        arrived_at: When the source received the event, which decides its day in the lake; if `None`, `known_at` does.
    """

    row: Mapping[str, object]
    event_id: str | None = None
    arrived_at: datetime | None = None


def key_text(key: str | int) -> str:
    """The text under which an entity's events are kept: 17 and "17" are the same entity.

    Raises:
        EventError: The key is empty, too long, has control characters, or is neither text nor integer.
    """
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise EventError(f"an entity key is {_held(key)}; it must be a text or an integer")
    text = str(key)
    if not text or not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        # Without the key: it may be personal, and the message goes into logs.
        raise EventError(
            f"an entity key of {len(text)} characters: it must have 1 to {_LONGEST_KEY} bytes, no control characters"
        )
    return text


def encode_event(event: NewEvent, schema: pa.Schema, *, source: str) -> bytes:
    """The record of an event, names sorted.

    Raises:
        EventError: A column is missing, unknown or of another type; the message names every such column.
    """
    row = event.row
    problems = [f"unknown column '{name}'; known: {schema.names}" for name in row if name not in schema.names]
    values: dict[str, object] = {}
    for field in schema:
        if field.name not in row:
            problems.append(f"column '{field.name}' is missing; write null when it has no value")
            continue
        try:
            values[field.name] = _stored(row[field.name], field)
        except EventError as error:
            problems.append(str(error))
    if problems:
        raise EventError(f"event of {source}: " + "; ".join(problems))
    if event.arrived_at is not None:
        values[_ARRIVED] = micros(event.arrived_at)
    return sealed_record(json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())


def _values(record: bytes) -> dict[str, Any]:
    """The values of a record; raises ValueError for a damaged one."""
    values: dict[str, Any] = json.loads(unsealed_record(record))
    return values


def unkeepable(row: Mapping[str, object], schema: pa.Schema, key_columns: Sequence[str]) -> str | None:
    """Why a store cannot keep an event, without quoting its values; None if it can.

    Args:
        row: A value for each loaded column of the source.
        schema: The types of the row's columns.
        key_columns: The columns of entity keys; a null key is allowed and belongs to no entity.
    """
    for field in schema:
        value, is_key = row[field.name], field.name in key_columns
        try:
            _stored(value, field)
            if is_key and value is not None:
                key_text(value)  # type: ignore[arg-type]
        except EventError:
            kind = "entity key" if is_key else f"{field.type}"
            return f"column '{field.name}' holds {_held(value)}; the online store keeps no such {kind}"
    return None


def _held(value: object) -> str:
    """A value for messages, which go into logs: its type alone, since it may be personal."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return "a time" if value.tzinfo else "a time without a zone"
    names = {bool: "a boolean", int: "an integer", float: "a number", type(None): "null"}
    return names.get(type(value), f"of type {type(value).__name__}")


def _stored(value: object, field: pa.Field) -> object:
    kind = field.type
    if value is None:
        if field.name in ("event_time", "known_at"):
            raise EventError(f"'{field.name}' is null; every event has one")
        return None
    if pa.types.is_timestamp(kind):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise EventError(f"'{field.name}' is {_held(value)}; it must be a time with a zone")
        return micros(value)
    if pa.types.is_boolean(kind):
        fits = isinstance(value, bool)
    elif pa.types.is_integer(kind):
        fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    elif pa.types.is_floating(kind):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    else:
        fits = isinstance(value, str) and len(value) <= 1000
    if not fits:
        raise EventError(f"'{field.name}' is {_held(value)}; it must be a {kind}")
    return float(value) if pa.types.is_floating(kind) and isinstance(value, int) else value


def decode_events(records: Sequence[bytes], schema: pa.Schema, *, since: datetime) -> pa.RecordBatch | None:
    """The events that arrived at or after `since` and have every column of the schema; None if none arrived since.

    Raises:
        ValueError, KeyError, TypeError, pyarrow.ArrowException: A record is damaged.
    """
    first, events = micros(since), [_values(record) for record in records]
    recent = [event for event in events if event.get(_ARRIVED, event["known_at"]) >= first]
    return _batch(recent, schema) if recent else None


def _batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    try:
        values = [[row[name] for row in rows] for name in schema.names]
    except KeyError:
        # Few events lack a column, and only for a short time: a check of every event would slow down every decision.
        return _batch([row for row in rows if row.keys() >= set(schema.names)], schema)
    columns = [pa.array(of, type=_json_type(field.type)) for of, field in zip(values, schema, strict=True)]
    cast = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(cast, schema=schema)


def _json_type(column_type: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(column_type) else column_type


def identity(event: bytes, given: str | None, *, corrected: bool) -> bytes:
    """The 16 bytes that identify a record: a hash of the given id, or else of the content.

    `known_at` is part of the content only in sources with corrections, whose later revisions may repeat earlier ones.
    """
    if given is not None:
        return hashlib.blake2b(b"id:" + given.encode(), digest_size=16).digest()
    aside = (_ARRIVED,) if corrected else (_ARRIVED, "known_at")
    content = {name: value for name, value in _values(event).items() if name not in aside}
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).digest()


def entities_of(event: bytes, columns: Iterable[str]) -> dict[str, str] | None:
    """The text of the key in each of the columns that is not null in a record; None if the record cannot be read."""
    try:
        values = _values(event)
        return {column: key_text(values[column]) for column in columns if values.get(column) is not None}
    except (EventError, ValueError, AttributeError):
        return None


def arrival_micros(event: bytes) -> int:
    """When a record's event arrived, in microseconds since 1970 UTC; raises ValueError for a damaged record."""
    return _arrival(_values(event))


def _arrival(values: Mapping[str, Any]) -> int:
    return int(values.get(_ARRIVED, values["known_at"]))


def is_superseded(event: bytes, schema: pa.Schema, *, watermark: datetime) -> bool:
    """Whether a load includes a record's event, has columns that the record lacks, or finds the record damaged."""
    try:
        values = _values(event)
        return _arrival(values) < micros(watermark) or not set(schema.names) <= set(values)
    except (ValueError, KeyError, TypeError):
        # No decision can read it, and the load is the remedy that its error names.
        return True


def is_expired(event: bytes, *, before: datetime) -> bool:
    """Whether a record's event happened, and became known, before a moment; never for a damaged one, which stays."""
    try:
        values = _values(event)
        return bool(max(values["event_time"], values["known_at"]) < micros(before))
    except (ValueError, KeyError, TypeError):
        return False
