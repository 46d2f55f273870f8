"""The lake: Delta tables with one partition for each slot, a UTC day or hour, which is replaced whole or not at all.

Belongs here: reading a pinned version, replacing slots atomically, and committing files that Spark wrote. Does not
belong here: the logs (`delta.py`), reading files and finding damage (`reading.py`), the format of a file
(`parquet.py`), the canonical hash (`content.py`), the meaning of a table.

Data files are Parquet with page checksums, which are verified on every read: without them a flipped bit reads back as
another number.
"""

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from resources.lake.content import ordered_hash
from resources.lake.delta import CONTENT, DeltaLogs
from resources.lake.errors import DamagedPartition, LakeError, SchemaConflict
from resources.lake.fragments import fragment_of
from resources.lake.kept_files import KeptFiles
from resources.lake.parquet import write_parquet
from resources.lake.partitioning import (
    by_slot,
    contents_of,
    partition_expression,
    partition_folder,
    partition_values,
)
from resources.lake.reading import damaged, read_files
from resources.lake.values import HOUR, Commit, DataFile
from resources.slots import Slot, day_of, days_of
from resources.sources.object_stores import is_s3
from resources.sources.objects import sizes_of


class Lake:
    """Delta tables under one folder or `s3://` prefix.

    Args:
        kept: Holds the data files that are read, whose logs are trusted; by default none is held.
    """

    def __init__(self, uri: str, kept: KeptFiles | None = None) -> None:
        self._logs = DeltaLogs(uri, trusting=kept is not None)
        self.uri, self._kept = self._logs.uri, kept

    def tables(self, prefix: str = "") -> tuple[str, ...]:
        """Names (`product/table`) of the tables that exist, sorted."""
        selector = pafs.FileSelector(f"{self._logs.root}/{prefix}".rstrip("/"), allow_not_found=True, recursive=False)
        found: list[str] = []
        for entry in self._logs.files.get_file_info(selector):
            if entry.type is not pafs.FileType.Directory:
                continue
            name = f"{prefix}/{entry.base_name}" if prefix else entry.base_name
            found.extend([name] if self.exists(name) else self.tables(name) if not prefix else [])
        return tuple(sorted(found))

    def exists(self, table: str) -> bool:
        """Whether the table has at least one commit."""
        return self._logs.exists(table)

    def version(self, table: str) -> int:
        """The newest version.

        Raises:
            MissingTable: The table has never been written.
        """
        return self._logs.opened(table).version

    def identity(self, table: str) -> str:
        """Identifies a table: one that was removed and made again has another, though it may have the same versions.

        Raises:
            MissingTable: The table has never been written.
        """
        return self._logs.opened(table).identity

    def history(self, table: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits, newest first, each with the metadata that its writer recorded."""
        return self._logs.history(table, limit)

    def schema(self, table: str, version: int | None = None) -> pa.Schema:
        """The table's columns, the partition columns last."""
        return self._logs.opened(table, version).schema

    def files(self, table: str, *, days: Iterable[Slot] | None = None, version: int | None = None) -> list[DataFile]:
        """The data files of a version, of all slots or of the given ones, in the order of their slot.

        Args:
            days: Slots of the table, or days of a table whose slots are hours: each stands for all of its hours.
        """
        return self._logs.opened(table, version).data_files.of(days)

    def paths(self, table: str, *, days: Iterable[Slot] | None = None, version: int | None = None) -> list[str]:
        """Full addresses of the data files, for Spark; checks that each file exists with its recorded size.

        Raises:
            DamagedPartition: A file is missing or has another size.
        """
        files = self.files(table, days=days, version=version)
        self._check_present(table, files, version)
        return [f"{self.folder(table)}/{file.path}" for file in files]

    def days(self, table: str, version: int | None = None) -> tuple[date, ...]:
        """The days that have rows."""
        return tuple(sorted({day_of(slot) for slot in self.slots(table, version)}))

    def slots(self, table: str, version: int | None = None) -> tuple[Slot, ...]:
        """The slots that have rows: days, or hours."""
        return tuple(sorted({file.day for file in self.files(table, version=version) if file.day and file.rows}))

    def slots_holding(self, table: str, slots: Iterable[Slot]) -> tuple[Slot, ...]:
        """The slots of a table that hold these, in order: hours as they are, or their days where its slots are days."""
        return tuple(sorted(slots)) if HOUR in self.schema(table).names else days_of(slots)

    def folder(self, table: str) -> str:
        """The table's folder or prefix, for a writer that writes data files itself."""
        return self._logs.address(table)

    def storage(self, table: str) -> tuple[pafs.FileSystem, str]:
        """The file system that holds the table, and the table's path in it."""
        return self._logs.files, f"{self._logs.root}/{table}"

    def read(
        self,
        table: str,
        *,
        days: Iterable[Slot] | None = None,
        version: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows of a version, of all slots or of the given ones (as `files`), in the order of slots.

        The partition columns are the last ones.

        Raises:
            MissingTable: The table or the version does not exist.
            DamagedPartition: A file is missing, cut short, fails its checksums, or has columns that the table lacks.
            OSError: A file cannot be reached.
            LakeError: The version lacks a wanted column.
        """
        opened = self._logs.opened(table, version)
        files = opened.data_files.of(days)
        self._check_present(table, files, version)
        schema = opened.schema
        lacking = sorted(set(columns or ()) - set(schema.names))
        if lacking:
            raise LakeError(f"table {table} has no column {', '.join(lacking)}; it has {', '.join(schema.names)}")
        wanted = pa.schema([schema.field(name) for name in columns]) if columns is not None else schema
        if self._kept is None or not files:
            return self._rows(table, files, schema, wanted)
        return pa.concat_tables([self._kept_rows(table, file, schema) for file in files]).select(wanted.names)

    def _kept_rows(self, table: str, file: DataFile, schema: pa.Schema) -> pa.Table:
        """All rows and columns of one file, read once for as long as they are held."""
        assert self._kept is not None
        path = f"{self.folder(table)}/{file.path}"
        rows = self._kept.rows(path, schema)
        if rows is None:
            rows = self._rows(table, [file], schema, schema)
            self._kept.keep(path, rows)
        return rows

    def _rows(self, table: str, files: Sequence[DataFile], schema: pa.Schema, wanted: pa.Schema) -> pa.Table:
        batches = read_files(
            table,
            {file.path: self._fragment(table, file) for file in files},
            schema,
            self._logs.files,
            {name: pc.field(name) for name in wanted.names},
            day_of={file.path: file.day for file in files}.get,
        )
        return pa.Table.from_batches(batches, wanted)

    def _fragment(self, table: str, file: DataFile) -> ds.Fragment:
        expression = None if file.day is None else partition_expression(file.day)
        return fragment_of(
            self._logs.files, f"{self._logs.root}/{table}/{file.path}", size=file.bytes, partition=expression
        )

    def _check_present(self, table: str, files: Sequence[DataFile], version: int | None) -> None:
        root = f"{self._logs.root}/{table}"
        sizes = sizes_of(self._logs.files, [f"{root}/{file.path}" for file in files])
        for file in files:
            size = sizes.get(f"{root}/{file.path}")
            if size is None and version is not None and version < self.version(table):
                raise DamagedPartition(
                    f"table {table}: data file {file.path} of its version {version} is missing: `loopline vacuum` "
                    f"removes old versions that nothing pins; read a newer version, or restore the file from a backup"
                )
            if size is None:
                raise damaged(table, file.path, file.day, "is missing")
            if size != file.bytes:
                raise damaged(table, file.path, file.day, f"has {size} bytes, not {file.bytes}")

    def replace(
        self, table: str, data: pa.Table, *, days: Sequence[Slot] | None, metadata: Mapping[str, Any] | None = None
    ) -> Commit:
        """Makes `data` the whole content of the given slots, or of the whole table when `days` is `None`.

        Args:
            data: With a column `day` (date32) when `days` is given, and `utc_hour` (timestamp) where these are hours;
                rows keep their order within a slot.
            days: Consecutive slots; one without rows becomes empty.
            metadata: Recorded in the commit (run id, source offsets).

        Raises:
            SchemaConflict: A column has another type than the table's, or its slots are hours and the table's days.
            LakeError: A row's slot is not among `days`.
        """
        written = self.write(table, data, days=days)
        try:
            return self.commit_files(table, data.schema, written, days=days, metadata=metadata)
        except (SchemaConflict, CommitFailedError):
            # After any other failure the log may contain the commit, so the files must stay.
            self.discard(table, written)
            raise

    def write(self, table: str, data: pa.Table, *, days: Sequence[Slot] | None) -> list[DataFile]:
        """Writes rows as files that no version refers to yet: a file for each slot with rows; arguments as `replace`.

        Raises:
            LakeError: A row's slot is not among `days`.
        """
        parts = [(None, data)] if days is None else by_slot(table, data, days)
        written: list[DataFile] = []
        try:
            if len(parts) == 1:  # most runs are of one day: two threads take longer to begin than one to write it
                return [self._write_file(table, *parts[0])]
            with ThreadPoolExecutor(max_workers=2) as pool:
                for file in pool.map(lambda part: self._write_file(table, *part), parts):
                    written.append(file)
        except BaseException:
            self.discard(table, written)
            raise
        return written

    def commit_files(
        self,
        table: str,
        schema: pa.Schema,
        files: Sequence[DataFile],
        *,
        days: Sequence[Slot] | None,
        metadata: Mapping[str, Any] | None = None,
        contents: Mapping[Slot, str] | None = None,
    ) -> Commit:
        """Makes files in the table's folder the whole content of the given slots, in one commit.

        The commit records a hash of each slot's content, so that the log alone says which of them were changed.

        Args:
            contents: The hashes of slots whose files have none of their own; a slot without files needs none.
        """
        actions = [
            AddAction(
                path=file.path,
                size=file.bytes,
                partition_values={} if file.day is None else dict(partition_values(file.day)),
                modification_time=int(time.time() * 1000),
                data_change=True,
                stats=json.dumps({"numRecords": file.rows}),
            )
            for file in files
        ]
        hashes = (
            {} if days is None else contents_of(files, days) | {str(day): one for day, one in (contents or {}).items()}
        )
        record = {**(metadata or {}), **({} if days is None else {CONTENT: json.dumps(hashes)})}
        version = self._logs.commit(table, schema, actions, days, record)
        rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
        return Commit(table, version, rows, size, len(files), tuple(days or ()))

    def _write_file(self, table: str, day: Slot | None, data: pa.Table) -> DataFile:
        folder = "" if day is None else partition_folder(day)
        path = f"{folder}{uuid.uuid4().hex}.parquet"
        full = f"{self._logs.root}/{table}/{path}"
        if not is_s3(self.uri):  # S3 has no folders
            self._logs.files.create_dir(full.rpartition("/")[0], recursive=True)
        size = write_parquet(data, full, self._logs.files)
        content = "" if day is None else ordered_hash(data)
        return DataFile(path, day, data.num_rows, size, content)

    def discard(self, table: str, files: Iterable[DataFile]) -> None:
        """Deletes files that no version refers to."""
        for file in files:
            self._logs.files.delete_file(f"{self._logs.root}/{table}/{file.path}")
