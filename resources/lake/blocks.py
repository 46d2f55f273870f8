"""Blocks: the slots of a table divided into ranges of rows, for processes that each take a few of them.

Belongs here: the division, reading a block without the table's log, writing the rows of a block as a file of its slot,
and the hash of a slot that has several files. Does not belong here: the processes (`resources.spark`), what is done to
a block, the commit (`lake.py`).

A block lies within one file, and files whose names begin with the number of their block are read in the order of the
blocks. So rows that are processed in blocks are in the order of the table that they were made from.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from resources.lake.content import streamed_hash
from resources.lake.fragments import fragment_of
from resources.lake.lake import Lake
from resources.lake.parquet import write_parquet
from resources.lake.partitioning import partition_expression, partition_folder
from resources.lake.reading import read_files
from resources.lake.values import DAY, HOUR, Commit, DataFile
from resources.slots import Slot
from resources.sources.object_stores import open_place

_PARTITION = (DAY, HOUR)
BLOCK_ROWS = 2**20
"""Rows of a block: those of a row group of a file, so that none is read twice."""


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a file.

    Attributes:
        number: Its place among the blocks, in the order of slots, files and rows.
        path: The full address of the file.
        day: The slot of the file, a day or an hour.
        first: The position of its first row in the file.
        start: The position of its first row among the rows of all blocks.
        bytes: The size of the file.
    """

    number: int
    path: str
    day: Slot
    first: int
    start: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Blocks:
    """Slots of one version of a table in blocks; a value that is sent to other processes."""

    table: str
    schema: pa.Schema
    each: tuple[Block, ...]

    @property
    def rows(self) -> int:
        """The rows of all blocks."""
        return sum(block.rows for block in self.each)

    def read(self, block: Block, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a block as `Lake.read` gives them: all columns, or the given ones in their order.

        Raises:
            DamagedPartition: The file is missing, fails its checksums, or has columns that the table lacks.
            OSError: The file cannot be reached.
        """
        files, _ = open_place(block.path)
        whole = fragment_of(
            files, block.path.removeprefix("s3://"), size=block.bytes, partition=partition_expression(block.day)
        )
        part, before = _row_groups(whole, block)
        wanted = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        batches = read_files(
            self.table, {block.path: part}, self.schema, files, {name: pc.field(name) for name in wanted.names},
            day_of=lambda _: block.day, use_threads=False,
        )  # fmt: skip
        return pa.Table.from_batches(batches, wanted).slice(block.first - before, block.rows).combine_chunks()


def _row_groups(whole: ds.ParquetFileFragment, block: Block) -> tuple[ds.Fragment, int]:
    """The part of a file with the block's rows, and how many rows of the file come before that part.

    A file whose groups cannot be told is read whole, and the reader says what is wrong with it.
    """
    try:
        groups = whole.row_groups
    except (OSError, pa.ArrowInvalid):
        return whole, 0
    wanted, before, at = [], 0, 0
    for group in groups:
        if at + group.num_rows <= block.first:
            before = at + group.num_rows
        elif at < block.first + block.rows:
            wanted.append(group.id)
        at += group.num_rows
    return whole.subset(row_group_ids=wanted), before


def blocks_of(lake: Lake, table: str, *, days: Sequence[Slot], version: int, rows: int = BLOCK_ROWS) -> Blocks:
    """Slots of a table's version in blocks of at most that many rows.

    Raises:
        DamagedPartition: A file is missing or has another size.
    """
    files = lake.files(table, days=days, version=version)
    addresses = lake.paths(table, days=days, version=version)
    found: list[Block] = []
    start = 0
    for file, address in zip(files, addresses, strict=True):
        assert file.day is not None
        for first in range(0, file.rows, rows):
            count = min(rows, file.rows - first)
            found.append(Block(len(found), address, file.day, first, start, count, file.bytes))
            start += count
    return Blocks(table, lake.schema(table, version), tuple(found))


def write_rows(rows: pa.Table, target: str, name: str, day: Slot) -> DataFile:
    """Writes rows of one slot as a file whose name begins with the given one.

    Args:
        rows: With or without the partition columns.
        target: A folder or `s3://` prefix, under which the file's path is.
    """
    path = f"{partition_folder(day)}{name}-{uuid.uuid4().hex}.parquet"
    files, full = open_place(f"{target}/{path}")
    if isinstance(files, pafs.LocalFileSystem):
        files.create_dir(full.rpartition("/")[0], recursive=True)
    body = rows.drop_columns([column for column in _PARTITION if column in rows.column_names])
    return DataFile(path, day, body.num_rows, write_parquet(body, full, files))


def day_hashes(lake: Lake, table: str, schema: pa.Schema, files: Sequence[DataFile]) -> Mapping[Slot, str]:
    """For each slot, the hash that its rows in the order of their files would have in one file.

    The files are read a column at a time; their paths are relative to the table.
    """
    by_day: dict[Slot, list[DataFile]] = {}
    for file in sorted(files, key=lambda one: one.path):
        assert file.day is not None
        by_day.setdefault(file.day, []).append(file)
    body = pa.schema([field for field in schema if field.name not in _PARTITION])
    system, root = lake.storage(table)

    def hash_of(day: Slot) -> str:
        def column(name: str) -> Iterator[pa.Array]:
            fragments = {file.path: fragment_of(system, f"{root}/{file.path}", size=file.bytes) for file in by_day[day]}
            wanted = {name: pc.field(name)}
            for batch in read_files(table, fragments, body, system, wanted, day_of=lambda _: day):
                yield batch[0]

        return streamed_hash(body, sum(file.rows for file in by_day[day]), column)

    return {day: hash_of(day) for day in by_day}


def commit_placed(
    lake: Lake,
    table: str,
    schema: pa.Schema,
    folder: str,
    files: Sequence[DataFile],
    days: Sequence[Slot],
    metadata: Mapping[str, Any],
) -> Commit:
    """Commits files of `write_rows` in a folder of their table as the whole content of the slots.

    The commit records the hashes that the slots would have in one file each.
    """
    found = placed(files, folder)
    hashes = day_hashes(lake, table, schema, found)
    return lake.commit_files(table, schema, found, days=days, metadata=metadata, contents=hashes)


def placed(files: Sequence[DataFile], folder: str) -> list[DataFile]:
    """Files of `write_rows` with their paths relative to their table, which has them in the folder."""
    return [replace(file, path=f"{folder}/{file.path}") for file in files]
