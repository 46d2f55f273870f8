"""Data files: the Parquet files of a table with days.

Belongs here: what a table's version has, what is read of its files, a file's day, tables gathered from several. Does
not belong here: which files are read (`inputs.py`), what is computed of them (`feature_table.py`), the table's log
(`resources.lake`).
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.features.conditions import FeatureError
from resources.lake import DAY, damaged
from resources.object_stores import open_place

_ROWS = 200_000
"""Rows that are gathered before they go on."""
_PARTITION = re.compile(r"day=(\d{4}-\d{2}-\d{2})/[^/]+$")


@dataclass(frozen=True)
class TableVersion:
    """One version of a table.

    Attributes:
        name: The lake's name of it.
        schema: Its columns in that version. A file that is older than a column lacks it; the day is in no file.
    """

    name: str
    schema: pa.Schema

    def columns(self, names: Mapping[str, str], what: str) -> dict[str, pa.Field]:
        """For each column that is read, the table's.

        Args:
            names: For each of them the table's name for it.
            what: What the table is read as, for errors.

        Raises:
            FeatureError: The table lacks one.
        """
        there = [name for name in self.schema.names if name != DAY]
        lacking = sorted(set(names.values()) - set(there))
        if lacking:
            raise FeatureError(
                f"{what}: table {self.name} has no column {', '.join(lacking)}; it has {there}. A column that its "
                "contract gained is there once a day was validated since"
            )
        return {name: self.schema.field(own) for name, own in names.items()}


@dataclass(frozen=True)
class DataFiles:
    """Some of a table's files.

    Attributes:
        paths: Their full addresses, each in its partition's folder `day=YYYY-MM-DD`.
    """

    table: TableVersion
    paths: tuple[str, ...]


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


def read_table(address: str, table: TableVersion, columns: Mapping[str, pa.Field]) -> pa.Table:
    """Columns of one Parquet file, its page checksums verified.

    Args:
        columns: For each wanted column the table's. One that the file does not have is null: tables may gain columns,
            and their older files lack them.

    Raises:
        DamagedPartition: The file is gone, fails its checksums, or does not hold what is of the table.
        OSError: It cannot be reached.
    """
    try:
        files, path = open_place(address)
        with pq.ParquetFile(path, filesystem=files, page_checksum_verification=True) as file:
            there = set(file.schema_arrow.names)
            # No checksum covers a file's names: where a bit of one has flipped, the column would seem to be lacking.
            strange = sorted(there - set(table.schema.names))
            if strange:
                raise pa.ArrowInvalid(f"it has columns that the table lacks: {', '.join(strange)}")
            read = file.read(columns=sorted({own.name for own in columns.values()} & there), use_threads=False)
        values = [
            read[own.name].cast(own.type) if own.name in there else pa.nulls(read.num_rows, own.type)
            for own in columns.values()
        ]
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        if not _is_damage(error):
            raise
        what = f"cannot be read ({str(error).splitlines()[0]})"
        raise damaged(table.name, address, partition_of(address), what) from error
    return pa.table(values, names=list(columns))


def _is_damage(error: Exception) -> bool:
    """Whether the file is at fault, not the way to it: a system's error has a number, one of S3 says what it is."""
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return True
    return error.errno is None and "AWS Error" not in str(error)


def read_entities(
    address: str, table: TableVersion, columns: Mapping[str, pa.Field], key: str, wanted: pa.Array | None
) -> pa.Table:
    """What `read_table` reads, of the wanted entities; of all when None.

    Args:
        key: The column that names them, read in a type that holds every wanted one.
    """
    rows = read_table(address, table, columns)
    keys = rows[key]
    if wanted is None or pa.types.is_null(keys.type):
        return rows
    return rows.filter(pc.is_in(keys, value_set=wanted.cast(keys.type)))


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
