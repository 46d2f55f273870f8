"""The Delta logs of the lake's tables: opening a version, and committing files.

Belongs here: a table's address, and one commit that replaces a range of slots. Does not belong here: which open table
is used again (`open_tables.py`), the entries of a log (`logs.py`), the data files (`reading.py`, `lake.py`), the
meaning of a table.

A commit that loses to a concurrent writer is retried, because the new content of a slot does not depend on the old one.
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import CommitProperties, PostCommitHookProperties, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, create_table_with_add_actions

from resources.lake.errors import LakeError, MissingTable, SchemaConflict
from resources.lake.log_digests import LogDigests
from resources.lake.logs import FolderLog, Log, S3Log
from resources.lake.open_tables import OpenTable, OpenTables
from resources.lake.partitioning import partition_columns, range_of
from resources.slots import Slot
from resources.sources.object_stores import delta_options, is_s3, open_place
from resources.sources.objects import Objects

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


class DeltaLogs:
    """The logs of the tables under one folder or `s3://` prefix.

    Args:
        trusting: As `LogDigests` takes it.

    Attributes:
        uri: The address of the folder, without a slash at the end.
        root: The same as a path of `files`.
    """

    def __init__(self, uri: str, *, trusting: bool = False) -> None:
        self.uri = uri.rstrip("/")
        self.root = self.uri.removeprefix("s3://")
        self._digests = LogDigests(trusting=trusting)
        self._log: Log = S3Log(self.root, Objects()) if is_s3(uri) else FolderLog(self.root, self._digests)
        self._tables = OpenTables(self.uri, self._log)

    @cached_property
    def files(self) -> pafs.FileSystem:
        """The file system that holds the tables."""
        return open_place(self.uri)[0]

    def address(self, table: str) -> str:
        """The table's folder or prefix."""
        return f"{self.uri}/{table}"

    def exists(self, table: str) -> bool:
        """Whether the table has at least one commit."""
        return self._tables.exists(table)

    def opened(self, table: str, version: int | None = None) -> OpenTable:
        """The table at a version, or at the newest one.

        Raises:
            MissingTable: The table or the version does not exist.
            DamagedLog: A file of the log is not what was written, or cannot be read.
        """
        return self._tables.opened(table, version)

    def history(self, table: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits, newest first, each with the metadata that its writer recorded. Raises as `opened`."""
        return self._tables.commits(table, limit)

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
        opened = self._newest(table)
        if opened is None and self._create(table, schema, adds, partition_by, properties):
            return self._version_of(table, mark, 0)
        opened = self._fit(table, opened or self.opened(table), schema, partition_by)
        filters = None if days is None else range_of(days[0], days[-1])
        for attempt in range(1, _COMMIT_ATTEMPTS + 1):
            with self._tables.for_commit(table, opened if attempt == 1 else None) as (there, newest):
                since = newest.version + 1
                try:
                    there.create_write_transaction(
                        [*adds], "overwrite", newest.schema, partition_by,
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

    def _newest(self, table: str) -> OpenTable | None:
        """The newest version; `None` before the first commit."""
        try:
            return self.opened(table)
        except MissingTable:
            return None

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
                partition_by=partition_by, commit_properties=properties, storage_options=delta_options(self.uri),
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
            entry = self._log.entry(table, version)
            if entry is None:
                return None
            if mark.encode() in entry:
                return version
        raise AssertionError("the loop returns or raises")

    def _fit(self, table: str, opened: OpenTable, schema: pa.Schema, partition_by: list[str] | None) -> OpenTable:
        """Adds the columns that the table lacks; refuses columns of another type, and slots of another length.

        Returns:
            The version with all columns.
        """
        known, slots = opened.schema, opened.partition_columns
        if partition_by is not None and slots != tuple(partition_by):
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
        if not new:
            return opened
        fields = Schema.from_arrow(pa.schema(new)).fields
        self._tables.load(table).alter.add_columns(fields, post_commithook_properties=_KEEP_ALL)
        return self.opened(table)
