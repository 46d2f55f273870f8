"""Blocks: Arrow tables on their way between Spark tasks.

Belongs here: reading data files, cutting tables into buckets by entity or by day, and packing them. Does not belong
here: what is computed on a block, the order of the stages (`spark_job.py`).

Spark moves a block as one binary value. Turning two million events into Spark rows and back took most of a job's time;
a block costs the copy of its bytes, and every column keeps the type that the lake gave it.
"""

import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.features.conditions import FeatureError
from resources.object_stores import open_place

BLOCKS = pa.schema([("bucket", pa.int32()), ("kind", pa.string()), ("block", pa.binary())])
"""A block's bucket, what it holds (a source's name), and its rows as an Arrow stream."""
BLOCKS_DDL = "bucket int, kind string, block binary"

MOST_BUCKETS = 2**16
"""Buckets are counted in 16 bits."""
_ROWS = 200_000
"""Rows that a reader gathers before it cuts them into blocks."""
_PARTITION = re.compile(r"day=(\d{4}-\d{2}-\d{2})/[^/]+$")
_MIX = np.uint64(0x9E3779B97F4A7C15)


def partition_of(address: str) -> date:
    """The day whose partition a data file belongs to, which its folder names.

    Raises:
        FeatureError: It names none.
    """
    found = _PARTITION.search(address)
    if found is None:
        raise FeatureError(f"data file {address} is in no folder day=YYYY-MM-DD; give files of a table with days")
    return date.fromisoformat(found[1])


def size_of(addresses: Sequence[str]) -> int:
    """Bytes of the files together; a file that is not there counts nothing."""
    if not addresses:
        return 0
    files, _ = open_place(addresses[0])
    return sum(info.size or 0 for info in files.get_file_info([address.removeprefix("s3://") for address in addresses]))


def read_schema(address: str) -> pa.Schema:
    """The columns of one Parquet file."""
    files, path = open_place(address)
    return pq.read_schema(path, filesystem=files)


def read_table(address: str, names: Mapping[str, str]) -> pa.Table:
    """Columns of one Parquet file, its page checksums verified.

    Args:
        names: For each wanted column the file's name for it. A column that the file does not have is null: tables may
            gain columns, and their older files lack them.
    """
    files, path = open_place(address)
    with pq.ParquetFile(path, filesystem=files, page_checksum_verification=True) as file:
        there = set(file.schema_arrow.names)
        read = file.read(columns=sorted({name for name in names.values() if name in there}), use_threads=False)
    columns = [read[name] if name in there else pa.nulls(read.num_rows) for name in names.values()]
    return pa.table(columns, names=list(names))


def read_entities(address: str, names: Mapping[str, str], key: str, wanted: pa.Array | None) -> pa.Table:
    """What `read_table` reads, of the wanted entities; of all when None."""
    table = read_table(address, names)
    if wanted is None or pa.types.is_null(table[key].type):
        return table
    return table.filter(pc.is_in(table[key], value_set=wanted.cast(table[key].type)))


def read_each(read: Callable[[str], pa.Table], addresses: Sequence[str], *, alone: bool) -> Iterator[pa.Table]:
    """The files one after another; a task that is alone reads them on all cores of its machine."""
    if not alone:
        yield from map(read, addresses)
        return
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        yield from threads.map(read, addresses)


def gathered(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables, so that blocks are worth their while."""
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        if rows >= _ROWS:
            yield joined(held)
            held, rows = [], 0
    if rows:
        yield joined(held)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """The tables one after another; a column that is null in one takes its type from the others."""
    return pa.concat_tables(tables, promote_options="permissive")


def packed(table: pa.Table, kind: str, bucket: np.ndarray, buckets: int) -> Iterator[pa.RecordBatch]:
    """One block for each bucket that has rows of the table; `bucket` is int [rows], each below MOST_BUCKETS."""
    bucket = bucket.astype(np.uint16)  # 16 bits are sorted by radix
    order = np.argsort(bucket, kind="stable")
    ends = np.searchsorted(bucket[order], np.arange(buckets + 1))
    ordered = table.take(order)
    for number in range(buckets):
        first, last = int(ends[number]), int(ends[number + 1])
        if last > first:
            block = _stream(ordered.slice(first, last - first))
            yield pa.record_batch([pa.array([number], pa.int32()), pa.array([kind]), block], schema=BLOCKS)


def unpacked(batches: Iterator[pa.RecordBatch]) -> dict[str, pa.Table]:
    """All blocks of a task, joined by what they hold."""
    tables: dict[str, list[pa.Table]] = {}
    for batch in batches:
        for kind, block in zip(batch.column("kind").to_pylist(), batch.column("block"), strict=True):
            with pa.ipc.open_stream(block.as_buffer()) as stream:
                tables.setdefault(kind, []).append(stream.read_all())
    return {kind: joined(parts) for kind, parts in tables.items()}


def _stream(table: pa.Table) -> pa.BinaryArray:
    """The table as an Arrow stream, as the one value of a binary array."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    ends = pa.py_buffer(np.array([0, content.size], np.int32))
    return pa.BinaryArray.from_buffers(pa.binary(), 1, [None, ends, content])


def entity_buckets(keys: pa.ChunkedArray, buckets: int) -> np.ndarray:
    """int64 [n]: for each entity key its bucket, the same in every task; equal numbers of different width share one.

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


def day_numbers(moments: pa.ChunkedArray) -> np.ndarray:
    """int64 [n]: UTC days since 1970-01-01."""
    micros = moments.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return micros // 86_400_000_000
