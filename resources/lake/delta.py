"""The Delta logs of the lake's tables: opening a version, and committing files.

Belongs here: a table's address, its versions and schema, and one commit that replaces a range of slots. Does not belong
here: the data files (`reading.py`, `lake.py`), the digests of log files (`log_digests.py`), the meaning of a table.

A commit that loses to a concurrent writer is retried, because the new content of a slot does not depend on the old one.
"""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from resources.lake.errors import DamagedLog, LakeError, MissingTable, SchemaConflict
from resources.lake.log_digests import LogDigests, LogState
from resources.lake.partitioning import partition_columns, range_of
from resources.outages import outage_of
from resources.slots import Slot
from resources.sources.object_stores import delta_options, is_s3, open_place

_COMMIT_ATTEMPTS = 8
# The key, in a commit's metadata, of the mark that identifies the commit.
_MARK = "loopline.commit"
DAYS = "loopline.days"
"""The slots that a commit replaced, in its metadata: `<first>/<last>`."""
CONTENT = "loopline.content"
"""The hash of the content of each of these slots, in the commit's metadata, as JSON."""

# By default the log of a table loses its entries after thirty days and a hundred commits, and with them the versions
# that models pin, and the origins of days.
_KEEP_ALL = PostCommitHookProperties(cleanup_expired_logs=False)


def schema_of(opened: DeltaTable) -> pa.Schema:
    """The columns of an open version, the partition columns last."""
    return pa.schema(opened.schema().to_arrow())


@dataclass(frozen=True)
class _Held:
    """An open table.

    Attributes:
        state: The state of its log before it was opened; empty on S3, where nothing is held.
        pinned: The older version that was asked for last.
    """

    state: LogState
    newest: DeltaTable
    pinned: DeltaTable | None = None


class DeltaLogs:
    """The logs of the tables under one folder or `s3://` prefix.

    Attributes:
        uri: The address of the folder, without a slash at the end.
        root: The same as a path of `files`.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self.root = self.uri.removeprefix("s3://")
        self._digests = LogDigests()
        self._held: dict[str, _Held] = {}

    @cached_property
    def files(self) -> pafs.FileSystem:
        """The file system that holds the tables."""
        return open_place(self.uri)[0]

    @cached_property
    def _options(self) -> dict[str, str]:
        return delta_options(self.uri)

    def address(self, table: str) -> str:
        """The table's folder or prefix."""
        return f"{self.uri}/{table}"

    def exists(self, table: str) -> bool:
        """Whether the table has at least one commit."""
        return DeltaTable.is_deltatable(self.address(table), self._options)

    def opened(self, table: str, version: int | None = None) -> DeltaTable:
        """The table at a version, or at the newest one; it is shared, and not to be changed.

        Of a log on this machine that is still the same, the open table is returned again: a run asks for each some ten
        times, and opening it takes milliseconds.

        Raises:
            MissingTable: The table or the version does not exist.
            DamagedLog: A file of the log is not what was written, or cannot be read.
        """
        folder = self._folder(table)
        state = {} if folder is None else self._digests.check(table, folder)
        held = self._held.get(table)
        if held is None or not state or held.state != state:
            held = _Held(state, self._loaded(table))
        newest = held.newest.version()
        if version is not None and not 0 <= version <= newest:
            raise MissingTable(f"table {table} has versions 0 to {newest}, not {version}")
        if version is None or version == newest:
            found = held.newest
        elif held.pinned is not None and held.pinned.version() == version:
            found = held.pinned
        else:
            found = self._loaded(table) if state else held.newest
            with self._readable(table):
                found.load_as_version(version)
            held = replace(held, pinned=found)
        if state:
            self._held[table] = held
        return found

    def _loaded(self, table: str) -> DeltaTable:
        """The newest version, from the files of the log; raises as `opened`."""
        with self._readable(table):
            try:
                return DeltaTable(self.address(table), storage_options=self._options)
            except TableNotFoundError as error:
                raise MissingTable(
                    f"table {table} does not exist in {self.uri}; materialise the asset of that name first"
                ) from error

    def schema(self, table: str, version: int | None = None) -> pa.Schema:
        """The table's columns, the partition columns last. Raises as `opened`."""
        return schema_of(self.opened(table, version))

    def data_files(self, table: str, opened: DeltaTable) -> pa.Table:
        """The data files that an open version has, one a row, with their partition and statistics.

        Raises:
            DamagedLog: The log cannot be read.
        """
        with self._readable(table):
            return pa.table(opened.get_add_actions(flatten=True))

    def history(self, table: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits, newest first, each with the metadata that its writer recorded. Raises as `opened`."""
        with self._readable(table):
            return self.opened(table).history(limit)

    def commit(
        self,
        table: str,
        schema: pa.Schema,
        actions: Iterable[AddAction],
        days: Sequence[Slot] | None,
        metadata: Mapping[str, Any],
    ) -> int:
        """Makes files the whole content of consecutive slots, or of the table when `days` is `None`.

        The digest of the log's new files is recorded beside the log.

        Returns:
            The version that the commit made.

        Raises:
            SchemaConflict: A column has another type than the table's, or its slots are hours and the table's days.
            CommitFailedError: Other writers were first each time, or the log does not accept the commit.
            LakeError: The commit is not in the log.
        """
        version = self._committed(table, schema, [*actions], days, metadata)
        folder = self._folder(table)
        if folder is not None:
            self._digests.record(folder)
        return version

    def _committed(
        self,
        table: str,
        schema: pa.Schema,
        adds: list[AddAction],
        days: Sequence[Slot] | None,
        metadata: Mapping[str, Any],
    ) -> int:
        partition_by = None if days is None else [*partition_columns(days[0])]
        mark = uuid.uuid4().hex
        replaced = {} if days is None else {DAYS: f"{days[0]}/{days[-1]}"}
        properties = CommitProperties(
            custom_metadata={**{k: str(v) for k, v in metadata.items()}, **replaced, _MARK: mark}
        )
        if not self.exists(table) and self._create(table, schema, adds, partition_by, properties):
            return self._version_of(table, mark, 0)
        self._fit(table, schema, partition_by)
        filters = None if days is None else range_of(days[0], days[-1])
        for attempt in range(1, _COMMIT_ATTEMPTS + 1):
            opened = self.opened(table)
            since = opened.version() + 1
            try:
                opened.create_write_transaction(
                    [*adds], "overwrite", schema_of(opened), partition_by,
                    partition_filters=filters, commit_properties=properties, post_commithook_properties=_KEEP_ALL,
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
        adds: list[AddAction],
        partition_by: list[str] | None,
        properties: CommitProperties,
    ) -> bool:
        """Makes the table's first version; False if another writer was first."""
        try:
            create_table_with_add_actions(
                self.address(table), Schema.from_arrow(schema), adds, mode="error",
                partition_by=partition_by, commit_properties=properties, storage_options=self._options,
            )  # fmt: skip
        except DeltaError:
            if self.exists(table):
                return False
            raise
        folder = self._folder(table)
        if folder is not None:
            self._digests.forget(folder)
        return True

    def _folder(self, table: str) -> Path | None:
        """The table's folder; `None` on S3."""
        return None if is_s3(self.uri) else Path(self.root) / table

    @contextmanager
    def _readable(self, table: str) -> Iterator[None]:
        """A log that cannot be read is told in our words; a store that does not answer, in those of the library."""
        try:
            yield
        except DeltaError as error:
            if outage_of(error) is not None:
                raise
            raise DamagedLog(
                f"table {table}: its log {self.address(table)}/_delta_log cannot be read "
                f"({str(error).splitlines()[0]}). Restore it from a backup, or remove {self.address(table)} and make "
                f"the table again: loopline run {table.partition('/')[0]}"
            ) from error

    def _version_of(self, table: str, mark: str, since: int) -> int:
        """The version that a commit made, from the log: a version may already be another writer's."""
        found = self._committed_as(table, mark, since)
        if found is None:
            raise LakeError(
                f"table {table}: no commit {mark} since version {since}; check which other program writes to its log"
            )
        return found

    def _committed_as(self, table: str, mark: str, since: int) -> int | None:
        for version in count(since):
            try:
                with self.files.open_input_stream(f"{self.root}/{table}/_delta_log/{version:020}.json") as entry:
                    if mark.encode() in entry.read():
                        return version
            except FileNotFoundError:
                return None
        raise AssertionError("the loop returns or raises")

    def _fit(self, table: str, schema: pa.Schema, partition_by: list[str] | None) -> None:
        """Adds the columns that the table lacks; refuses columns of another type, and slots of another length."""
        opened = self.opened(table)
        known, slots = schema_of(opened), opened.metadata().partition_columns
        if partition_by is not None and slots != partition_by:
            raise SchemaConflict(
                f"table {table} is partitioned by {', '.join(slots) or 'nothing'}, and these rows by "
                f"{', '.join(partition_by)}: the product had another partition= when it was first written. Give the "
                f"product a new name, or remove {self.address(table)} and make it again"
            )
        for field in schema:
            index = known.get_field_index(field.name)
            if index >= 0 and not known.field(index).type.equals(field.type):
                raise SchemaConflict(
                    f"table {table}: column {field.name} is {known.field(index).type}, the data has {field.type}; "
                    f"give the new column another name, or remove the table and backfill"
                )
        new = [field for field in schema if known.get_field_index(field.name) < 0]
        if new:
            fields = Schema.from_arrow(pa.schema(new)).fields
            self._loaded(table).alter.add_columns(fields, post_commithook_properties=_KEEP_ALL)
