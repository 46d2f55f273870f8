"""The lake: Delta tables, a partition a UTC day, replaced whole or not at all.

Belongs here: reading a pinned version, replacing days atomically, committing files that Spark wrote, and finding damage
before anybody computes with it. Does not belong here: what any table means; the canonical hash (`content.py`).

Data files are Parquet with page checksums, which are verified on every read: without them a flipped bit reads back as
another number. A commit that is lost to a concurrent writer is tried again, since a day's replacement does not depend
on what it replaces.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, create_table_with_add_actions

from resources.errors import LooplineError
from resources.lake.parquet import CHECKED, FAULTS, is_damage, read_parquet, write_parquet
from resources.sources.object_stores import delta_options, is_s3, open_place

DAY = "day"
_COMMIT_ATTEMPTS = 8
# Names a commit in its own metadata.
_MARK = "loopline.commit"


class LakeError(LooplineError):
    """The lake cannot give or take what was asked; the message names table, day and remedy."""


class MissingTable(LakeError):
    """The table, or the version of it, does not exist."""


class DamagedPartition(LakeError):
    """A data file that the table's log names is gone, cut short, or fails its checksums."""


class SchemaConflict(LakeError):
    """The data's columns do not fit the table's."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table.

    Attributes:
        path: Relative to the table's folder.
        day: Its partition; `None` for a table without days.
    """

    path: str
    day: date | None
    rows: int
    bytes: int


@dataclass(frozen=True)
class Commit:
    """What a write did.

    Attributes:
        version: The Delta version that it made.
        days: The partitions that it replaced, those left empty included.
    """

    table: str
    version: int
    rows: int
    bytes: int
    files: int
    days: tuple[date, ...]


class Lake:
    """Delta tables under one folder or `s3://` prefix."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._root = self.uri.removeprefix("s3://")

    @cached_property
    def _files(self) -> pafs.FileSystem:
        return open_place(self.uri)[0]

    @cached_property
    def _options(self) -> dict[str, str]:
        return delta_options(self.uri)

    # ------------------------------------------------------------------ looking

    def tables(self, prefix: str = "") -> tuple[str, ...]:
        """Names (`product/table`) of the tables that exist, sorted."""
        selector = pafs.FileSelector(f"{self._root}/{prefix}".rstrip("/"), allow_not_found=True, recursive=False)
        found: list[str] = []
        for entry in self._files.get_file_info(selector):
            if entry.type is not pafs.FileType.Directory:
                continue
            name = f"{prefix}/{entry.base_name}" if prefix else entry.base_name
            found.extend([name] if self.exists(name) else self.tables(name) if not prefix else [])
        return tuple(sorted(found))

    def exists(self, table: str) -> bool:
        """Whether the table has at least one commit."""
        return DeltaTable.is_deltatable(self._uri(table), self._options)

    def version(self, table: str) -> int:
        """The newest version.

        Raises:
            MissingTable: The table has never been written.
        """
        return self._open(table).version()

    def history(self, table: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits, newest first, each with what its writer recorded."""
        return self._open(table).history(limit)

    def schema(self, table: str, version: int | None = None) -> pa.Schema:
        """The table's columns, the partition column last."""
        return pa.schema(self._open(table, version).schema().to_arrow())

    def files(self, table: str, *, days: Iterable[date] | None = None, version: int | None = None) -> list[DataFile]:
        """The data files of a version, of all days or of those given, in the order of their day."""
        actions = pa.table(self._open(table, version).get_add_actions(flatten=True))
        columns = set(actions.column_names)
        partitions = actions[f"partition.{DAY}"].to_pylist() if f"partition.{DAY}" in columns else [None] * len(actions)
        wanted = None if days is None else set(days)
        found = [
            DataFile(path=path, day=day, rows=rows, bytes=size)
            for path, day, rows, size in zip(
                actions["path"].to_pylist(),
                partitions,
                actions["num_records"].to_pylist(),
                actions["size_bytes"].to_pylist(),
                strict=True,
            )
            if wanted is None or day in wanted
        ]
        return sorted(found, key=lambda file: (file.day or date.min, file.path))

    def paths(self, table: str, *, days: Iterable[date] | None = None, version: int | None = None) -> list[str]:
        """Full addresses of those files, each seen to be there and whole in size: what Spark is given to read."""
        files = self.files(table, days=days, version=version)
        self._check_present(table, files)
        return [f"{self._uri(table)}/{file.path}" for file in files]

    def days(self, table: str, version: int | None = None) -> tuple[date, ...]:
        """The days that have rows."""
        return tuple(sorted({file.day for file in self.files(table, version=version) if file.day and file.rows}))

    # ------------------------------------------------------------------ reading

    def read(
        self,
        table: str,
        *,
        days: Iterable[date] | None = None,
        version: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows of a version, of all days or of those given, in the order of days; `day` is the last column.

        Raises:
            MissingTable: The table or the version does not exist.
            DamagedPartition: A file is missing, cut short, fails its checksums, or does not hold what is of the table.
            OSError: One cannot be reached.
            LakeError: The version has no column of a name.
        """
        files = self.files(table, days=days, version=version)
        self._check_present(table, files)
        schema = self.schema(table, version)
        lacking = sorted(set(columns or ()) - set(schema.names))
        if lacking:
            raise LakeError(f"table {table} has no column {', '.join(lacking)}; it has {schema.names}")
        wanted = pa.schema([schema.field(name) for name in columns]) if columns is not None else schema

        def scanned(some: Sequence[DataFile]) -> Iterator[pa.RecordBatch]:
            fragments = [self._fragment(table, file) for file in some]
            return read_parquet(fragments, schema, self._files, {name: pc.field(name) for name in wanted.names})

        try:
            return pa.Table.from_batches(scanned(files), wanted)
        except FAULTS as error:
            raise at_fault(table, {file.path: (file.day, scanned([file])) for file in files}, error) from error

    def _fragment(self, table: str, file: DataFile) -> ds.Fragment:
        expression = None if file.day is None else ds.field(DAY) == pa.scalar(file.day, pa.date32())
        return CHECKED.make_fragment(
            f"{self._root}/{table}/{file.path}", filesystem=self._files, partition_expression=expression
        )

    def _check_present(self, table: str, files: Sequence[DataFile]) -> None:
        infos = self._files.get_file_info([f"{self._root}/{table}/{file.path}" for file in files]) if files else []
        for file, info in zip(files, infos, strict=True):
            if info.type is not pafs.FileType.File:
                raise _damaged(table, file.path, file.day, "is missing")
            if info.size != file.bytes:
                raise _damaged(table, file.path, file.day, f"has {info.size} bytes, not {file.bytes}")

    # ------------------------------------------------------------------ writing

    def replace(
        self, table: str, data: pa.Table, *, days: Sequence[date] | None, metadata: Mapping[str, Any] | None = None
    ) -> Commit:
        """Makes `data` the whole content of the days given, or of the whole table when `days` is `None`.

        Args:
            data: With a `day` column (date32) when `days` is given; rows keep their order within a day.
            days: Consecutive days; a day without rows becomes empty.
            metadata: Recorded in the commit (run id, source offsets).

        Raises:
            SchemaConflict: A column has another type than the table's.
            LakeError: A row's day is not among `days`.
        """
        parts = [(None, data)] if days is None else _by_day(table, data, days)
        written: list[DataFile] = []
        try:
            with ThreadPoolExecutor(max_workers=2) as pool:
                for file in pool.map(lambda part: self._write_file(table, *part), parts):
                    written.append(file)
        except BaseException:
            self._discard(table, written)
            raise
        try:
            return self.commit_files(table, data.schema, written, days=days, metadata=metadata)
        except (SchemaConflict, CommitFailedError):
            # After any other failure the commit may be in the log all the same, and the files must stay.
            self._discard(table, written)
            raise

    def _discard(self, table: str, files: Iterable[DataFile]) -> None:
        for file in files:
            self._files.delete_file(f"{self._root}/{table}/{file.path}")

    def commit_files(
        self,
        table: str,
        schema: pa.Schema,
        files: Sequence[DataFile],
        *,
        days: Sequence[date] | None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Makes files that stand in the table's folder the whole content of the days given, in one commit."""
        actions = [
            AddAction(
                path=file.path,
                size=file.bytes,
                partition_values={} if file.day is None else {DAY: file.day.isoformat()},
                modification_time=int(time.time() * 1000),
                data_change=True,
                stats=json.dumps({"numRecords": file.rows}),
            )
            for file in files
        ]
        version = self._commit(table, schema, actions, days, metadata or {})
        rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
        return Commit(table, version, rows, size, len(files), tuple(days or ()))

    def _commit(
        self,
        table: str,
        schema: pa.Schema,
        actions: list[AddAction],
        days: Sequence[date] | None,
        metadata: Mapping[str, Any],
    ) -> int:
        partition_by = None if days is None else [DAY]
        mark = uuid.uuid4().hex
        properties = CommitProperties(custom_metadata={**{k: str(v) for k, v in metadata.items()}, _MARK: mark})
        if not self.exists(table) and self._create(table, schema, actions, partition_by, properties):
            return self._version_of(table, mark, 0)
        self._widen(table, schema)
        filters = None if days is None else [(DAY, ">=", days[0].isoformat()), (DAY, "<=", days[-1].isoformat())]
        for attempt in range(1, _COMMIT_ATTEMPTS + 1):
            opened = self._open(table)
            since = opened.version() + 1
            try:
                opened.create_write_transaction(
                    [*actions], "overwrite", self.schema(table), partition_by,
                    partition_filters=filters, commit_properties=properties,
                )  # fmt: skip
                return self._version_of(table, mark, since)
            except CommitFailedError:
                version = self._committed_as(table, mark, since)
                if version is not None:  # only its acknowledgement was lost
                    return version
                if attempt == _COMMIT_ATTEMPTS:
                    raise
                time.sleep(0.05 * attempt)
        raise AssertionError("the loop returns or raises")

    def _create(
        self,
        table: str,
        schema: pa.Schema,
        actions: list[AddAction],
        partition_by: list[str] | None,
        properties: CommitProperties,
    ) -> bool:
        """Makes the table's first version; whether it did, or somebody else was first."""
        try:
            create_table_with_add_actions(
                self._uri(table), Schema.from_arrow(schema), actions, mode="error",
                partition_by=partition_by, commit_properties=properties, storage_options=self._options,
            )  # fmt: skip
        except DeltaError:
            if self.exists(table):
                return False
            raise
        return True

    def _version_of(self, table: str, mark: str, since: int) -> int:
        """The version that a commit made, found in the log itself: others may have followed at once."""
        found = self._committed_as(table, mark, since)
        if found is None:
            raise LakeError(f"table {table}: no commit {mark} since version {since}; what else writes to its log?")
        return found

    def _committed_as(self, table: str, mark: str, since: int) -> int | None:
        for version in range(self.version(table), since - 1, -1):
            with self._files.open_input_stream(f"{self._root}/{table}/_delta_log/{version:020}.json") as entry:
                if mark.encode() in entry.read():
                    return version
        return None

    def _widen(self, table: str, schema: pa.Schema) -> None:
        known = self.schema(table)
        for field in schema:
            index = known.get_field_index(field.name)
            if index >= 0 and not known.field(index).type.equals(field.type):
                raise SchemaConflict(
                    f"table {table}: column {field.name} is {known.field(index).type}, the data has {field.type}; "
                    f"give the new meaning a new name, or remove the table and backfill"
                )
        new = [field for field in schema if known.get_field_index(field.name) < 0]
        if new:
            self._open(table).alter.add_columns(Schema.from_arrow(pa.schema(new)).fields)

    def _write_file(self, table: str, day: date | None, data: pa.Table) -> DataFile:
        folder = "" if day is None else f"{DAY}={day.isoformat()}/"
        path = f"{folder}{uuid.uuid4().hex}.parquet"
        full = f"{self._root}/{table}/{path}"
        if not is_s3(self.uri):  # S3 has no folders
            self._files.create_dir(full.rpartition("/")[0], recursive=True)
        write_parquet(data, full, self._files)
        return DataFile(path, day, data.num_rows, self._files.get_file_info(full).size)

    def folder(self, table: str) -> str:
        """The table's folder or prefix, for a writer that puts files there itself."""
        return self._uri(table)

    def _uri(self, table: str) -> str:
        return f"{self.uri}/{table}"

    def _open(self, table: str, version: int | None = None) -> DeltaTable:
        if not self.exists(table):
            raise MissingTable(f"table {table} does not exist in {self.uri}; materialise the asset of that name first")
        table_ = DeltaTable(self._uri(table), storage_options=self._options)
        if version is None:
            return table_
        if not 0 <= version <= table_.version():
            raise MissingTable(f"table {table} has versions 0 to {table_.version()}, not {version}")
        table_.load_as_version(version)
        return table_


def _by_day(table: str, data: pa.Table, days: Sequence[date]) -> list[tuple[date | None, pa.Table]]:
    wanted = set(days)
    column = data[DAY].combine_chunks()
    body = data.drop_columns([DAY])
    order = pc.array_sort_indices(column)
    ordered, column = body.take(order), column.take(order)
    runs = pc.run_end_encode(column)
    parts: list[tuple[date | None, pa.Table]] = []
    start = 0
    for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        if day not in wanted:
            raise LakeError(f"table {table}: rows of day {day} in a write of {days[0]} to {days[-1]}")
        parts.append((day, ordered.slice(start, end - start)))
        start = end
    return parts


def at_fault(
    table: str, files: Mapping[str, tuple[date | None, Iterable[pa.RecordBatch]]], error: Exception
) -> Exception:
    """The error of the data file that is at fault, found by reading one after another.

    Args:
        files: For each one's path its day, and what reading it gives.
        error: What reading them together raised, one of `FAULTS`; given back where none of them is at fault any more.
    """
    for path, (day, batches) in files.items():
        try:
            for _ in batches:
                pass
        except FAULTS as found:
            if not is_damage(found):
                return found
            return _damaged(table, path, day, f"cannot be read ({str(found).splitlines()[0]})")
    return error


def _damaged(table: str, path: str, day: date | None, what: str) -> DamagedPartition:
    """The error that names a data file, what is wrong with it, and the command that makes its day anew."""
    product, _, name = table.partition("/")
    remedy = (
        f"loopline run {product}"
        if day is None
        else f"loopline backfill {product} --from {day} --to {day} --select {name}"
    )
    where = f"day {day}" if day else "the whole table"
    return DamagedPartition(f"table {table}, {where}: data file {path} {what}. Make it anew: {remedy}")
