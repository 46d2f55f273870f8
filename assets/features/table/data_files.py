"""Data files: the Parquet files of a table with days.

Belongs here: what a table's version has, what is read of its files, a file's day, tables gathered from several. Does
not belong here: which files are read (`inputs.py`), what is computed of them (`feature_table.py`), the table's log
(`resources.lake`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.arrow import Members
from assets.vocabulary import FeatureError
from resources.lake import DAY
from resources.lake.parquet import CHECKED
from resources.lake.reading import read_files
from resources.moments import DAY_US
from resources.sources.object_stores import open_place

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
    return micros // DAY_US


def size_of(addresses: Sequence[str]) -> int:
    """Bytes of the files together; a file that is not there counts nothing."""
    if not addresses:
        return 0
    files, _ = open_place(addresses[0])
    return sum(info.size or 0 for info in files.get_file_info([address.removeprefix("s3://") for address in addresses]))


def read_table(address: str, table: TableVersion, columns: Mapping[str, pa.Field]) -> pa.Table:
    """What `read_batches` reads, of one file."""
    batches = list(read_batches([address], table, columns))
    return pa.Table.from_batches(batches, pa.schema([own.with_name(name) for name, own in columns.items()]))


def read_batches(
    addresses: Sequence[str], table: TableVersion, columns: Mapping[str, pa.Field], *, alone: bool = False
) -> Iterator[pa.RecordBatch]:
    """Columns of Parquet files in their order, checksums and column names verified.

    Args:
        columns: For each wanted column, the table's column. It is null where a file lacks it: tables may gain columns,
            and their older files lack them.
        alone: Whether this process has its machine to itself, and reads on all cores.

    Raises:
        DamagedPartition: A file is missing, fails its checksums, or has columns that the table lacks.
        OSError: A file cannot be reached.
    """
    if not addresses:
        return
    files, _ = open_place(addresses[0])
    fragments = {address: CHECKED.make_fragment(address.removeprefix("s3://"), files) for address in addresses}
    wanted = {
        name: pc.field(own.name) if own.equals(table.schema.field(own.name)) else pc.field(own.name).cast(own.type)
        for name, own in columns.items()
    }
    yield from read_files(table.name, fragments, table.schema, files, wanted, day_of=partition_of, use_threads=alone)


def read_entities(
    addresses: Sequence[str],
    table: TableVersion,
    columns: Mapping[str, pa.Field],
    key: str,
    wanted: pa.Array | None,
    *,
    alone: bool = False,
) -> Iterator[pa.Table]:
    """What `read_batches` reads, of the wanted entities; of all when None.

    Args:
        key: The column that names them, read in a type that holds every wanted one.
    """
    kind = columns[key].type
    members = None if wanted is None or pa.types.is_null(kind) else Members(wanted.cast(kind))
    for batch in read_batches(addresses, table, columns, alone=alone):
        yield pa.Table.from_batches([batch if members is None else batch.filter(members.holds(batch[key]))])


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
