"""The loaded events of one entity as bytes: the block format of the online stores.

Belongs here: cutting a table by entity, encoding and decoding blocks, and the schema as text. Does not belong here:
single events (`event_records.py`), where the bytes are kept (`lmdb`, `redis`).

A block is one Arrow IPC record batch without its schema, compressed by LZ4, after the length of the uncompressed batch
and a checksum (`checksums.py`); the schema is kept once for each source. 500 events of six columns are 18 KB and decode
in 12 µs.
"""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.moments import EPOCH
from resources.online_store.checksums import sealed, unsealed
from resources.online_store.errors import EventError
from resources.online_store.event_records import decode_events, key_text

TIMESTAMP = pa.timestamp("us", tz="UTC")
_GROUP_ROWS = 200_000
_CODEC = "lz4_raw"


def prepared(
    table: pa.Table, *, source: str, key_column: str, watermark: datetime, lookback: timedelta | None
) -> pa.Table:
    """The rows that a decision at or after `watermark` can use, sorted by entity and `known_at`.

    Three kinds of rows are left out: those known at or after `watermark`, which would count twice beside the same
    event posted to the service; those without a key; and those whose two times are both older than the lookback.

    Raises:
        EventError: `event_time`, `known_at` or the key column is missing, or a time has another type.
    """
    for column, wanted in (("event_time", TIMESTAMP), ("known_at", TIMESTAMP)):
        if column not in table.column_names or table.schema.field(column).type != wanted:
            raise EventError(f"events of {source}: column '{column}' must be there as {wanted}; cast it before loading")
    if key_column not in table.column_names:
        raise EventError(f"events of {source} have no key column '{key_column}'; they have {table.column_names}")
    table = _plain(table)
    until = pa.scalar(watermark, TIMESTAMP)
    keep = pc.and_kleene(pc.less(table["known_at"], until), pc.is_valid(table[key_column]))
    if lookback is not None:
        keep = pc.and_kleene(keep, is_within(table, watermark - lookback))
    return table.filter(keep).sort_by([(key_column, "ascending"), ("known_at", "ascending")])


def is_within(table: pa.Table, edge: datetime) -> pa.ChunkedArray:
    """Whether one of the two times of each event is after an edge."""
    since = pa.scalar(edge, TIMESTAMP)
    return pc.or_kleene(pc.greater(table["known_at"], since), pc.greater(table["event_time"], since))


def _plain(table: pa.Table) -> pa.Table:
    """Replaces dictionary columns by plain ones: a block cannot hold dictionaries."""
    fields = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))


def blocks(table: pa.Table, key_column: str) -> Iterator[tuple[str, bytes]]:
    """For each entity of a prepared table, the text of its key and its block.

    Raises:
        EventError: A key cannot be the key of an entity.
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
    # The buffers of a part reach up to 63 bytes into the rows behind it, which are another entity's.
    content = pa.concat_batches([batch]).serialize()
    packed: bytes = pa.compress(content, codec=_CODEC, asbytes=True)
    return sealed(packed, content.size)


def _unpacked(block: bytes, schema: pa.Schema) -> pa.RecordBatch:
    packed, size = unsealed(block)
    return pa.ipc.read_record_batch(pa.decompress(packed, size, codec=_CODEC), schema)


def _starts(keys: pa.Array) -> np.ndarray:
    """Indices at which a new key starts in a sorted array."""
    changed = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate(([0], np.flatnonzero(changed) + 1))


def decode(block: bytes | None, records: Sequence[bytes], schema: pa.Schema, *, since: datetime) -> pa.Table:
    """The table of an entity's block and the records of its single events; empty when there are neither.

    Two kinds of records are left out: those that arrived before `since`, because the block contains their events, and
    those that lack a column, because they belong to an older version and are read again from their stream.

    Raises:
        EventError: The bytes are damaged.
    """
    try:
        batches = [_unpacked(block, schema)] if block else []
        if records and (recent := decode_events(records, schema, since=since)) is not None:
            batches.append(recent)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        # An error of Arrow may quote a value, a ValueError of the checksum quotes none.
        why = f"{error}" if type(error) is ValueError else type(error).__name__
        raise EventError(f"stored events are damaged ({why}); load the online store again") from None
    return pa.Table.from_batches(batches, schema=schema)


def block_table(block: bytes | None, schema: pa.Schema) -> pa.Table:
    """The events of a block; empty without a block.

    Raises:
        EventError: The bytes are damaged.
    """
    return decode(block, (), schema, since=EPOCH)


def blocks_table(found: Sequence[bytes | None], schema: pa.Schema) -> tuple[pa.Table, list[int]]:
    """The events of several blocks, one after the other, and how many each has; none without a block.

    Raises:
        EventError: The bytes of one are damaged.
    """
    tables = [block_table(block, schema) for block in found]
    return pa.concat_tables([schema.empty_table(), *tables]), [len(table) for table in tables]


def without(block: bytes, schema: pa.Schema, column: str, value: str | int) -> bytes | None:
    """A block without the rows whose column has the value; `None` when no row is left.

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


def schema_text(schema: pa.Schema) -> str:
    """The schema as text for JSON."""
    return base64.b64encode(schema.remove_metadata().serialize().to_pybytes()).decode("ascii")


def schema_from_text(text: str) -> pa.Schema:
    """Reads `schema_text`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
