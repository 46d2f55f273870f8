"""Open versions of tables, each used again for as long as it is surely what the log says.

Belongs here: opening a table, holding it, finding out with one look at its log whether it is the newest version,
following newer commits, what the commits recorded. Does not belong here: where a log is (`logs.py`), making a commit
(`delta.py`).

What identifies a held version is the entry that made it, by tag and time: it was listed before it was read. As long as
the entry is there and none is newer, the version is the newest one; a checkpoint changes nothing. A newer commit is
read on top of what is held. Another entry in its place, as of a table that was removed and made again, means that
everything is read anew. A version never changes, so one that is held needs no look at a log that guards itself.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from resources.lake.errors import DamagedLog, MissingTable
from resources.lake.logs import Log, LogState, entry_name, version_of
from resources.lake.partitioning import DataFiles
from resources.outages import outage_of
from resources.sources.object_stores import delta_options

_THREADS = 8
_TOGETHER = 64
"""Entries that are asked for before it is looked whether they are there."""
Commit = Mapping[str, Any]


@dataclass(frozen=True)
class OpenTable:
    """One version of a table.

    Attributes:
        identity: Identifies the table: one that was removed and made again has another.
        schema: The columns, the partition columns last.
        partition_columns: The names of the partition columns; empty for a table without days.
        data_files: With their slots.
    """

    version: int
    identity: str
    schema: pa.Schema
    partition_columns: tuple[str, ...]
    data_files: DataFiles


@dataclass
class _Held:
    """What is known of a table; used by one thread at a time.

    Attributes:
        table: The newest version, for delta-rs.
        identity: The entries by which the newest version is known again; empty if it cannot be known again.
        pinned: The older version that was asked for last.
        commits: What each version's commit recorded, as far as it was asked for.
    """

    table: DeltaTable
    identity: LogState
    newest: OpenTable
    pinned: OpenTable | None = None
    commits: dict[int, Commit] = field(default_factory=dict)


class OpenTables:
    """The open tables under a folder or an `s3://` prefix; several threads may use them.

    Args:
        place: The address, without a slash at the end.
        log: Their logs.
    """

    def __init__(self, place: str, log: Log) -> None:
        self._place, self._log = place, log
        self._held: dict[str, _Held] = {}
        self._locks: dict[str, threading.RLock] = {}

    def exists(self, table: str) -> bool:
        """Whether the table has at least one commit."""
        return self._log.exists(table)

    def opened(self, table: str, version: int | None = None) -> OpenTable:
        """The table at a version, or at the newest one.

        Raises:
            MissingTable: The table or the version does not exist.
            DamagedLog: A file of the log is not what was written, or cannot be read.
        """
        with self._alone(table):
            known = self._held.get(table)
            if known is not None and version is not None and self._log.guards_itself:
                for one in (known.newest, known.pinned):
                    if one is not None and one.version == version:
                        return one
            held = self._current(table)
            newest = held.newest.version
            if version is not None and not 0 <= version <= newest:
                raise MissingTable(f"table {table} has versions 0 to {newest}, not {version}")
            if version is None or version == newest:
                return held.newest
            if held.pinned is None or held.pinned.version != version:
                held.pinned = self._read(table, self.load(table, version))
            return held.pinned

    @contextmanager
    def for_commit(self, table: str, seen: OpenTable | None = None) -> Iterator[tuple[DeltaTable, OpenTable]]:
        """The newest version, also for delta-rs, that nobody else of this process uses within the block.

        Args:
            seen: The version that was the newest just now: if it is held, the log is not asked again, because the
                commit itself fails if there is a newer one.

        Raises as `opened`.
        """
        with self._alone(table):
            held = self._held.get(table)
            if held is None or held.newest is not seen:
                held = self._current(table)
            yield held.table, held.newest

    def commits(self, table: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits, newest first, each with what its writer recorded and its version; raises as `opened`.

        Older ones that were removed from the log are left out.
        """
        with self._alone(table):
            held = self._current(table)
            newest = held.newest.version
            versions = range(newest, -1 if limit is None else max(-1, newest - limit), -1)
            lacking = [version for version in versions if version not in held.commits]
            with ThreadPoolExecutor(_THREADS) as pool:
                for first in range(0, len(lacking), _TOGETHER):
                    some = lacking[first : first + _TOGETHER]
                    entries = [*pool.map(lambda version: self._log.entry(table, version), some)]
                    held.commits |= {
                        version: _commit_of(entry, version)
                        for version, entry in zip(some, entries, strict=True)
                        if entry is not None
                    }
                    if None in entries:  # the older ones were removed
                        break
            return [dict(held.commits[version]) for version in takewhile(held.commits.__contains__, versions)]

    @contextmanager
    def _alone(self, table: str) -> Iterator[None]:
        with self._locks.setdefault(table, threading.RLock()):
            yield

    def _current(self, table: str) -> _Held:
        """The table at its newest version, held."""
        held = self._held.get(table)
        if held is not None:
            state = self._log.state(table, held.newest.version)
            if held.identity and held.identity.items() <= state.items():
                last = max(map(version_of, state))
                if last == held.newest.version or self._followed(table, held, state, last):
                    return held
        self._held.pop(table, None)
        state = self._log.state(table)
        if not state and self._log.guards_itself:
            raise self._missing(table)
        opened = self.load(table)
        newest = self._read(table, opened)
        held = _Held(opened, self._identity(state, newest.version), newest)
        if held.identity:
            self._held[table] = held
        return held

    def _followed(self, table: str, held: _Held, state: LogState, last: int) -> bool:
        """Whether the newer commits could be read on top of what is held."""
        since = held.newest.version + 1
        if not all(entry_name(version) in state for version in range(since, last + 1)):
            return False
        with self._readable(table):
            held.table.update_incremental()
        if held.table.version() != last:
            return False
        held.newest, held.identity = self._read(table, held.table), self._identity(state, last)
        return True

    def _identity(self, state: LogState, version: int) -> LogState:
        """The entries of a version, or of all up to it where the log does not guard itself.

        Empty if the version's own entry was not listed, because the version is younger than the listing.
        """
        first = version if self._log.guards_itself else 0
        if entry_name(version) not in state:
            return {}
        return {name: one for name, one in state.items() if first <= version_of(name) <= version}

    def load(self, table: str, version: int | None = None) -> DeltaTable:
        """A version for delta-rs, or the newest one, which nobody else uses; raises as `opened`."""
        address = f"{self._place}/{table}"
        with self._readable(table):
            try:
                return DeltaTable(address, version=version, storage_options=delta_options(address))
            except TableNotFoundError as error:
                raise self._missing(table) from error

    def _read(self, table: str, opened: DeltaTable) -> OpenTable:
        with self._readable(table):
            files = DataFiles(pa.table(opened.get_add_actions(flatten=True)))
            columns, metadata = pa.schema(opened.schema().to_arrow()), opened.metadata()
            return OpenTable(opened.version(), str(metadata.id), columns, tuple(metadata.partition_columns), files)

    def _missing(self, table: str) -> MissingTable:
        return MissingTable(
            f"table {table} does not exist in {self._place}; materialise the asset of that name first: "
            f"loopline run {table.partition('/')[0]}"
        )

    @contextmanager
    def _readable(self, table: str) -> Iterator[None]:
        """A log that cannot be read is told in our words; a store that does not answer, in those of the library."""
        try:
            yield
        except DeltaError as error:
            if outage_of(error) is not None:
                raise
            address = f"{self._place}/{table}"
            raise DamagedLog(
                f"table {table}: its log {address}/_delta_log cannot be read ({str(error).splitlines()[0]}). Restore "
                f"it from a backup, or remove {address} and make the table again: "
                f"loopline run {table.partition('/')[0]}"
            ) from error


def _commit_of(entry: bytes, version: int) -> Commit:
    """What a commit recorded, from its entry."""
    actions = (json.loads(line) for line in entry.splitlines() if line.strip())
    recorded: Mapping[str, Any] = next((one["commitInfo"] for one in actions if "commitInfo" in one), {})
    return {**recorded, "version": version}
