"""The events of one entity as bytes, and single events as JSON: the formats of the online stores.

Belongs here: cutting a table by entity, encoding and decoding, and the check of one event posted to the service. Does
not belong here: where the bytes are kept (`lmdb_store.py`, `redis_store.py`).

A block is one Arrow IPC record batch without its schema, which is kept once a source, in LZ4 behind its length before:
500 events of six columns are 18 KB and decode in 12 µs. A single event is a JSON object of its columns; the name ""
holds when it arrived, where that is known.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.errors import LooplineError

TIMESTAMP = pa.timestamp("us", tz="UTC")
_ARRIVED = ""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_KEY = 255
_GROUP_ROWS = 200_000
_CODEC = "lz4_raw"
_LENGTH = 4


class EventError(LooplineError):
    """An event, a table of events or an entity key is not what the store takes; the message says what to write."""


class NewEvent(NamedTuple):
    """One event on its way into a store.

    Attributes:
        row: A value a column of the source; times as `datetime` with a zone.
        event_id: What names it; two events of one id are one. Without, its content names it.
        arrived_at: When its source got it, and so the day of the lake in which it stands; without, `known_at`.
    """

    row: Mapping[str, object]
    event_id: str | None = None
    arrived_at: datetime | None = None


def key_text(key: str | int) -> str:
    """The text under which an entity's events are kept: 17 and "17" are the same entity.

    Raises:
        EventError: It is empty, too long, has control characters, or is neither text nor integer.
    """
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise EventError(f"entity key {key!r} is a {type(key).__name__}; it must be a text or an integer")
    text = str(key)
    if not text or not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        raise EventError(f"entity key {text[:80]!r} must have 1 to {_LONGEST_KEY} bytes and no control characters")
    return text


def prepared(
    table: pa.Table, *, source: str, key_column: str, loaded_until: datetime, lookback: timedelta | None
) -> pa.Table:
    """The rows that a decision at or after `loaded_until` can see, sorted by entity and known_at; text keys.

    Rows known at or after `loaded_until` are left out, so that they are not counted beside the same event posted to the
    service; so are rows without a key, and rows whose two times are both older than the lookback.

    Raises:
        EventError: A needed column is missing or of another type.
    """
    for column, wanted in (("event_time", TIMESTAMP), ("known_at", TIMESTAMP)):
        if column not in table.column_names or table.schema.field(column).type != wanted:
            raise EventError(f"events of {source}: column '{column}' must be there as {wanted}; cast it before loading")
    if key_column not in table.column_names:
        raise EventError(f"events of {source} have no key column '{key_column}'; they have {table.column_names}")
    table = _plain(table)
    until = pa.scalar(loaded_until, TIMESTAMP)
    keep = pc.and_(pc.less(table["known_at"], until), pc.is_valid(table[key_column]))
    if lookback is not None:
        edge = pa.scalar(loaded_until - lookback, TIMESTAMP)
        keep = pc.and_(keep, pc.or_(pc.greater(table["known_at"], edge), pc.greater(table["event_time"], edge)))
    return table.filter(keep).sort_by([(key_column, "ascending"), ("known_at", "ascending")])


def _plain(table: pa.Table) -> pa.Table:
    """Dictionary columns as plain ones: a block has no place for dictionaries."""
    fields = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))


def blocks(table: pa.Table, key_column: str) -> Iterator[tuple[str, bytes]]:
    """For each entity of a prepared table, its key's text and its events' bytes.

    Raises:
        EventError: A key cannot be kept.
    """
    if not len(table):
        return
    keys = table[key_column].combine_chunks()
    starts = _starts(keys)
    ends = np.append(starts[1:], len(table))
    group_first = 0
    while group_first < len(starts):
        limit = starts[group_first] + _GROUP_ROWS
        group_last = max(int(np.searchsorted(ends, limit, side="right")), group_first + 1)
        base, stop = int(starts[group_first]), int(ends[group_last - 1])
        part = table.slice(base, stop - base).combine_chunks().to_batches()[0]
        for first, end in zip(starts[group_first:group_last], ends[group_first:group_last], strict=True):
            yield key_text(keys[int(first)].as_py()), _packed(part.slice(int(first) - base, int(end - first)))
        group_first = group_last


def _packed(batch: pa.RecordBatch) -> bytes:
    content = batch.serialize()
    packed: bytes = pa.compress(content, codec=_CODEC, asbytes=True)
    return content.size.to_bytes(_LENGTH, "little") + packed


def _unpacked(block: bytes, schema: pa.Schema) -> pa.RecordBatch:
    size = int.from_bytes(block[:_LENGTH], "little")
    return pa.ipc.read_record_batch(pa.decompress(memoryview(block)[_LENGTH:], size, codec=_CODEC), schema)


def _starts(keys: pa.Array) -> np.ndarray:
    """Indices at which a new key starts in a sorted array."""
    changed = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate(([0], np.flatnonzero(changed) + 1))


def decode(block: bytes | None, rows: Sequence[bytes], schema: pa.Schema, *, since: datetime) -> pa.Table:
    """The table of an entity's block and of its single events; empty when there are none.

    Events that arrived before `since` are in the block; those that lack a column were put with an older version, and
    are read again from their stream. Neither is given.

    Raises:
        EventError: The bytes are damaged.
    """
    try:
        batches = [_unpacked(block, schema)] if block else []
        if rows:
            first, events = micros(since), [json.loads(row) for row in rows]
            recent = [event for event in events if event.get(_ARRIVED, event["known_at"]) >= first]
            if recent:
                batches.append(_rows_batch(recent, schema))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise EventError(f"stored events are damaged: {error}; load the online store again") from error
    return pa.Table.from_batches(batches, schema=schema)


def _rows_batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """The events that have every column."""
    try:
        values = [[row[name] for row in rows] for name in schema.names]
    except KeyError:
        # They are few, and soon gone: to look at every event first would cost every decision.
        return _rows_batch([row for row in rows if row.keys() >= set(schema.names)], schema)
    columns = [pa.array(of, type=_stored_type(field.type)) for of, field in zip(values, schema, strict=True)]
    cast = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(cast, schema=schema)


def _stored_type(column_type: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(column_type) else column_type


def encode_event(event: NewEvent, schema: pa.Schema, *, source: str) -> bytes:
    """One event as JSON with sorted names; times are microseconds since 1970 UTC.

    Raises:
        EventError: A column is missing, unknown or of another type; every such column is named.
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
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def unkeepable(row: Mapping[str, object], schema: pa.Schema, key_columns: Sequence[str]) -> str | None:
    """Why a store cannot keep an event, in words without its values; None where it can, its columns being loaded.

    Args:
        row: A value for each column.
        schema: Of the row itself.
        key_columns: The columns of entity keys; a missing key is nobody's, and no fault.
    """
    for field in schema:
        value, is_key = row[field.name], field.name in key_columns
        try:
            _stored(value, field)
            if is_key and value is not None:
                key_text(value)  # type: ignore[arg-type]
        except EventError:
            held = f"a text of {len(value)} characters" if isinstance(value, str) else type(value).__name__
            kind = "entity key" if is_key else f"{field.type}"
            return f"column '{field.name}' holds {held}; the online store keeps no such {kind}"
    return None


def _stored(value: object, field: pa.Field) -> object:
    kind = field.type
    if value is None:
        if field.name in ("event_time", "known_at"):
            raise EventError(f"'{field.name}' is null; every event has one")
        return None
    if pa.types.is_timestamp(kind):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise EventError(f"'{field.name}' is {value!r}; it must be a time with a zone")
        return micros(value)
    if pa.types.is_boolean(kind):
        fits = isinstance(value, bool)
    elif pa.types.is_integer(kind):
        fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    elif pa.types.is_floating(kind):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    else:
        fits = isinstance(value, str) and len(value) <= 1000
    if not fits:
        raise EventError(f"'{field.name}' is {str(value)[:80]!r} ({type(value).__name__}); it must be a {kind}")
    return float(value) if pa.types.is_floating(kind) and isinstance(value, int) else value


def identity(event: bytes, given: str | None, *, corrected: bool) -> bytes:
    """What tells an event from another, 16 bytes: the given id, or else what is in it.

    When it became known counts only where facts are corrected: a version may say again what an earlier one said.
    """
    if given is not None:
        return hashlib.blake2b(b"id:" + given.encode(), digest_size=16).digest()
    aside = (_ARRIVED,) if corrected else (_ARRIVED, "known_at")
    content = {name: value for name, value in json.loads(event).items() if name not in aside}
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).digest()


def block_table(block: bytes | None, schema: pa.Schema) -> pa.Table:
    """The events of a block alone; empty without one.

    Raises:
        EventError: The bytes are damaged.
    """
    return decode(block, (), schema, since=_EPOCH)


def without(block: bytes, schema: pa.Schema, column: str, value: str | int) -> bytes | None:
    """A block without the rows whose column has the value; `None` when none is left.

    Raises:
        EventError: The bytes are damaged.
    """
    table = block_table(block, schema)
    kept = table.filter(pc.invert(_equal(table, column, value))).combine_chunks()
    return _packed(kept.to_batches()[0]) if len(kept) else None


def rows_with(block: bytes, schema: pa.Schema, column: str, value: str | int) -> int:
    """How many rows of a block have the value.

    Raises:
        EventError: The bytes are damaged.
    """
    found: int = pc.sum(_equal(block_table(block, schema), column, value)).as_py() or 0
    return found


def _equal(table: pa.Table, column: str, value: str | int) -> pa.ChunkedArray:
    same = pc.equal(pc.cast(table[column], pa.string()), key_text(value))
    return pc.fill_null(same, False)


def entities_of(event: bytes, columns: Iterable[str]) -> dict[str, str] | None:
    """The key's text in each of the columns in which a stored event has one; None when the event cannot be read."""
    try:
        values = json.loads(event)
        return {column: key_text(values[column]) for column in columns if values.get(column) is not None}
    except (ValueError, AttributeError):
        return None


def arrival_micros(event: bytes) -> int:
    """When a stored event arrived, in microseconds since 1970 UTC."""
    values = json.loads(event)
    return int(values.get(_ARRIVED, values["known_at"]))


def is_superseded(event: bytes, schema: pa.Schema, *, loaded_until: datetime) -> bool:
    """Whether a load has a stored event among its own, or reads columns that the event does not have."""
    return arrival_micros(event) < micros(loaded_until) or not set(schema.names) <= set(json.loads(event))


def is_expired(event: bytes, *, before: datetime) -> bool:
    """Whether a stored event happened and became known before a moment."""
    values = json.loads(event)
    return max(values["event_time"], values["known_at"]) < micros(before)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def schema_text(schema: pa.Schema) -> str:
    """The schema as text for JSON."""
    return base64.b64encode(schema.remove_metadata().serialize().to_pybytes()).decode("ascii")


def schema_from_text(text: str) -> pa.Schema:
    """Reads `schema_text`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
