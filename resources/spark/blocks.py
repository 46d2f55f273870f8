"""Packed tables: Arrow tables on their way between Spark tasks.

Belongs here: dividing tables into buckets, packing and unpacking them. Does not belong here: what a bucket means (of
features: `assets.features.table.buckets`), the order of the stages, the division of a table's files (`resources.lake`).

Spark moves a packed table as one binary value. Converting two million events to Spark rows and back took most of a
job's time; a packed table costs a copy of its bytes, and every column keeps its lake type.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

BLOCKS = pa.schema([("bucket", pa.int32()), ("kind", pa.string()), ("block", pa.binary())])
"""A block's bucket, its kind, and its rows as an Arrow stream."""
BLOCKS_DDL = "bucket int, kind string, block binary"

MOST_BUCKETS = 2**16
"""Numbers of buckets fit into 16 bits."""


def packed(table: pa.Table, kind: str, bucket: np.ndarray, buckets: int) -> Iterator[pa.RecordBatch]:
    """A block for each bucket with rows of the table; `bucket` is int [rows], each below MOST_BUCKETS."""
    bucket = bucket.astype(np.uint16)  # NumPy's stable sort of 16 bits is a radix sort
    order = np.argsort(bucket, kind="stable")
    ends = np.searchsorted(bucket[order], np.arange(buckets + 1))
    ordered = table.take(order)
    for number in range(buckets):
        first, last = int(ends[number]), int(ends[number + 1])
        if last > first:
            yield packed_whole(ordered.slice(first, last - first), kind, number)


def packed_whole(table: pa.Table, kind: str, bucket: int) -> pa.RecordBatch:
    """The table as one block."""
    return pa.record_batch([pa.array([bucket], pa.int32()), pa.array([kind]), _stream(table)], schema=BLOCKS)


def unpacked(batches: Iterator[pa.RecordBatch]) -> dict[str, pa.Table]:
    """The tables of a task's blocks, joined by kind."""
    tables: dict[str, list[pa.Table]] = {}
    for batch in batches:
        for kind, block in zip(batch.column("kind").to_pylist(), batch.column("block"), strict=True):
            tables.setdefault(kind, []).append(unpacked_whole(block.as_buffer()))
    return {kind: pa.concat_tables(blocks, promote_options="permissive") for kind, blocks in tables.items()}


def unpacked_whole(block: pa.Buffer | bytes | bytearray) -> pa.Table:
    """The table of one block."""
    with pa.ipc.open_stream(block) as stream:
        return stream.read_all()


def _stream(table: pa.Table) -> pa.BinaryArray:
    """The table as an Arrow stream, in a binary array of one value."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    ends = pa.py_buffer(np.array([0, content.size], np.int32))
    return pa.BinaryArray.from_buffers(pa.binary(), 1, [None, ends, content])
