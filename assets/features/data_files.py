"""Data files: the Parquet files of a table with days.

Belongs here: what is read of files, a file's day, tables gathered from several. Does not belong here: which files are
read and what is computed of them (`feature_table.py`), the table's log (`resources.lake`).
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.features.conditions import FeatureError
from resources.object_stores import open_place

_ROWS = 200_000
"""Rows that are gathered before they go on."""
_PARTITION = re.compile(r"day=(\d{4}-\d{2}-\d{2})/[^/]+$")


def partition_of(address: str) -> date:
    """The day whose partition a data file belongs to, which its folder names.

    Raises:
        FeatureError: It names none.
    """
    found = _PARTITION.search(address)
    if found is None:
        raise FeatureError(f"data file {address} is in no folder day=YYYY-MM-DD; give files of a table with days")
    return date.fromisoformat(found[1])


def day_numbers(moments: pa.ChunkedArray) -> np.ndarray:
    """int64 [n]: UTC days since 1970-01-01."""
    micros = moments.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return micros // 86_400_000_000


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
    keys = table[key]
    if wanted is None or pa.types.is_null(keys.type):
        return table
    return table.filter(pc.is_in(keys, value_set=wanted.cast(keys.type)))


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
