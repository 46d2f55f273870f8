"""Blocks: Arrow tables on their way between Spark tasks.

Belongs here: dividing tables into buckets by entity or by day, and packing them. Does not belong here: reading files
(`data_files.py`), computing on a block (`feature_table.py`), the order of the stages (`spark_job.py`).

Spark moves a block as one binary value. Converting two million events to Spark rows and back took most of a job's time;
a block costs a copy of its bytes, and every column keeps its lake type.
"""

import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from assets.features.table.data_files import joined
from assets.vocabulary import FeatureError

BLOCKS = pa.schema([("bucket", pa.int32()), ("kind", pa.string()), ("block", pa.binary())])
"""A block's bucket, its kind (a source's name), and its rows as an Arrow stream."""
BLOCKS_DDL = "bucket int, kind string, block binary"

MOST_BUCKETS = 2**16
"""Numbers of buckets fit into 16 bits."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


def packed(table: pa.Table, kind: str, bucket: np.ndarray, buckets: int) -> Iterator[pa.RecordBatch]:
    """A block for each bucket with rows of the table; `bucket` is int [rows], each below MOST_BUCKETS."""
    bucket = bucket.astype(np.uint16)  # NumPy's stable sort of 16 bits is a radix sort
    order = np.argsort(bucket, kind="stable")
    ends = np.searchsorted(bucket[order], np.arange(buckets + 1))
    ordered = table.take(order)
    for number in range(buckets):
        first, last = int(ends[number]), int(ends[number + 1])
        if last > first:
            block = _stream(ordered.slice(first, last - first))
            yield pa.record_batch([pa.array([number], pa.int32()), pa.array([kind]), block], schema=BLOCKS)


def unpacked(batches: Iterator[pa.RecordBatch]) -> dict[str, pa.Table]:
    """The tables of a task's blocks, joined by kind."""
    tables: dict[str, list[pa.Table]] = {}
    for batch in batches:
        for kind, block in zip(batch.column("kind").to_pylist(), batch.column("block"), strict=True):
            with pa.ipc.open_stream(block.as_buffer()) as stream:
                tables.setdefault(kind, []).append(stream.read_all())
    return {kind: joined(blocks) for kind, blocks in tables.items()}


def _stream(table: pa.Table) -> pa.BinaryArray:
    """The table as an Arrow stream, in a binary array of one value."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    ends = pa.py_buffer(np.array([0, content.size], np.int32))
    return pa.BinaryArray.from_buffers(pa.binary(), 1, [None, ends, content])


def entity_buckets(keys: pa.ChunkedArray, buckets: int) -> np.ndarray:
    """int64 [n]: the bucket of each entity key, the same in every task and for equal numbers of any width.

    Raises:
        FeatureError: The keys are neither text nor whole numbers.
    """
    column = keys.combine_chunks()
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        numbers = column.cast(pa.int64()).fill_null(0).to_numpy().view(np.uint64)
        return ((numbers * _MIX) >> np.uint64(33)).astype(np.int64) % buckets
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        coded = column.dictionary_encode()
        hashes = [zlib.crc32(value.encode()) for value in coded.dictionary.to_pylist()]
        return np.array([*hashes, 0], np.int64)[coded.indices.fill_null(-1).to_numpy()] % buckets
    raise FeatureError(f"an entity key is {column.type}; write text or whole numbers")
