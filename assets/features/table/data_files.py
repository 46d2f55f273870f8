"""Data files: the Parquet files of a table that is partitioned by day, or by hour.

Belongs here: the schema of a table version, reading columns of its files, a file's slot, joining tables. Does not
belong here: which files are read (`inputs.py`), computation (`feature_table.py`), the table's log (`resources.lake`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.arrow import Members
from assets.vocabulary import FeatureError
from resources.lake import DAY, HOUR
from resources.lake.fragments import fragment_of
from resources.lake.reading import read_files
from resources.slots import Slot, checked_slot
from resources.sources.object_stores import open_place
from resources.sources.objects import sizes_of

_ROWS = 200_000
"""Rows that are gathered into one table."""
_PARTITION = re.compile(rf"{DAY}=(\d{{4}}-\d{{2}}-\d{{2}})/(?:{HOUR}=(\d{{2}})/)?[^/]+$")


@dataclass(frozen=True)
class TableVersion:
    """One version of a table.

    Attributes:
        name: The table's name in the lake.
        schema: Its columns in that version. A file older than a column lacks the column; no file has the partition
            columns.
    """

    name: str
    schema: pa.Schema

    def columns(self, names: Mapping[str, str], label: str) -> dict[str, pa.Field]:
        """The table's fields by the names under which they are read.

        Args:
            names: For each name under which a column is read, its name in the table.
            label: Role of the table, for errors.

        Raises:
            FeatureError: The table lacks a column.
        """
        existing = [name for name in self.schema.names if name not in (DAY, HOUR)]
        lacking = sorted(set(names.values()) - set(existing))
        if lacking:
            raise FeatureError(
                f"{label}: table {self.name} has no column {', '.join(lacking)}; it has {', '.join(existing)}. A "
                "column that was added to the contract is there after the next validated day"
            )
        return {name: self.schema.field(column) for name, column in names.items()}


@dataclass(frozen=True)
class DataFiles:
    """Some of a table's files.

    Attributes:
        paths: Their full addresses, each in the folder of its slot, `day=YYYY-MM-DD`.
    """

    table: TableVersion
    paths: tuple[str, ...]


def partition_of(address: str) -> Slot:
    """The day or the hour of a data file, from its folder's name.

    Raises:
        FeatureError: The folder is not named after a day.
    """
    match = _PARTITION.search(address)
    if match is None:
        raise FeatureError(
            f"data file {address} is in no folder day=YYYY-MM-DD; give files of a table that is partitioned by day"
        )
    return checked_slot(match[1] if match[2] is None else f"{match[1]}-{match[2]}:00")


def size_of(addresses: Sequence[str]) -> int:
    """Total size of the files in bytes; a missing file counts 0."""
    if not addresses:
        return 0
    files, _ = open_place(addresses[0])
    return sum(sizes_of(files, [address.removeprefix("s3://") for address in addresses]).values())


def read_table(address: str, table: TableVersion, columns: Mapping[str, pa.Field]) -> pa.Table:
    """One file as a table; see `read_batches`."""
    batches = list(read_batches([address], table, columns))
    return pa.Table.from_batches(batches, pa.schema([field.with_name(name) for name, field in columns.items()]))


def read_batches(
    addresses: Sequence[str], table: TableVersion, columns: Mapping[str, pa.Field], *, alone: bool = False
) -> Iterator[pa.RecordBatch]:
    """Columns of Parquet files in their order, checksums and column names verified.

    Args:
        columns: For each wanted column, the table's column. Its values are null for a file older than the column.
        alone: Whether this process has its machine to itself, and reads on all cores.

    Raises:
        DamagedPartition: A file is missing, fails its checksums, or has columns that the table lacks.
        OSError: A file cannot be reached.
    """
    if not addresses:
        return
    files, _ = open_place(addresses[0])
    fragments = {address: fragment_of(files, address.removeprefix("s3://")) for address in addresses}
    wanted = {
        name: pc.field(to.name) if to.equals(table.schema.field(to.name)) else pc.field(to.name).cast(to.type)
        for name, to in columns.items()
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
    """As `read_batches`, only rows of the wanted entities (None: of all).

    Args:
        key: The column of entity keys, read in a type that can hold every wanted key.
    """
    members = None
    if wanted is not None and not pa.types.is_null(columns[key].type):
        members = Members(wanted.cast(columns[key].type))
    for batch in read_batches(addresses, table, columns, alone=alone):
        yield pa.Table.from_batches([batch if members is None else batch.filter(members.holds(batch[key]))])


def gathered(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables, so that blocks are large enough to be efficient."""
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
    """The tables concatenated; a column that is null in one of them has its type from the others."""
    return pa.concat_tables(tables, promote_options="permissive")
