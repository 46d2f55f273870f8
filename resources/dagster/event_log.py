"""Dagster's SQLite event log, with one transaction for each batch of events.

Belongs here: the event log storage of the local environment. A run over hundreds of partitions records thousands of
events at once; Dagster's class opens a database, compiles its statements and commits for each event. Does not belong
here: the content of events, the event log of staging and prod (PostgreSQL, see `infra/dagster`).
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock, local
from typing import Any, Self

from dagster import AssetKey
from dagster._core.events import ASSET_CHECK_EVENTS, BATCH_WRITABLE_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
"""Environment variable with the largest number of events in a batch; Dagster makes batches only if it is above 0."""

_EVENTS_A_BATCH = 1000
_ENGINES_KEPT = 8


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite storage with the same files, tables and query results, but faster writes.

    - A batch (materialisations of many partitions, the plan of a run) is one transaction in the run's database and
      one in the index. Both are open together, so that a failed batch leaves nothing behind and Dagster can store its
      events one by one.
    - An engine is made once for each database, not for each event, so that its compiled statements are reused. Its
      connection stays open: whenever the last one of a database closes, SQLite moves the journal into the database and
      waits for the disk several times.
    - The empty database of a run is a copy of one that was made before; Dagster goes through all of its migrations.
    - A commit does not wait for the disk (WAL with `synchronous=NORMAL`): a killed process loses nothing, a power cut
      may lose the last events but leaves the database intact.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._engines_lock = Lock()
        self._tables_seen: set[str] = set()
        self._empty = b""
        self._open = local()
        # Dagster has no setting for batches; this storage needs them.
        os.environ.setdefault(BATCH_SIZE_VARIABLE, str(_EVENTS_A_BATCH))
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage that `dagster.yaml` describes; `base_dir` is its folder."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has the table; a positive answer is kept, because tables are never removed."""
        if table_name not in self._tables_seen:
            with self._engine(INDEX_SHARD_NAME).connect() as connection:
                if not connection.dialect.has_table(connection, table_name):
                    return False
            self._tables_seen.add(table_name)
        return True

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores events of the types that Dagster writes in batches: all of them or none.

        Raises:
            ValueError: An event is of another type.
        """
        for entry in events:
            if entry.get_dagster_event().event_type not in BATCH_WRITABLE_EVENTS:
                raise ValueError(f"{entry.get_dagster_event().event_type_value} events are not written in batches")
        runs = list(dict.fromkeys(entry.run_id for entry in events))
        with self._transactions(*runs, INDEX_SHARD_NAME):
            for run_id in runs:
                with self.run_connection(run_id) as connection:
                    self._insert(connection, [entry for entry in events if entry.run_id == run_id])
            self._store_in_index(events)

    def _store_in_index(self, events: Sequence[EventLogEntry]) -> None:
        with self.index_transaction() as connection:
            stored = list(zip(events, self._insert(connection, events), strict=True))
            assets = [(entry, number) for entry, number in stored if entry.dagster_event_type not in ASSET_CHECK_EVENTS]
            self._store_asset_event_tags(connection, [entry for entry, _ in assets], [number for _, number in assets])
            for entry, number in last_of_each_kind(assets):
                self._store_asset_event(connection, entry, number)
        for entry, number in stored:
            if entry.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(entry, number)

    def _insert(self, connection: Connection, events: Sequence[EventLogEntry]) -> list[int]:
        """Inserts the events and returns their storage ids, in the events' order."""
        insert = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        return list(connection.execute(insert, [self._event_to_row(entry) for entry in events]).scalars())

    def wipe(self) -> None:
        """Removes the databases of all runs, and what the index has."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Closes the databases."""
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._engines_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def _engine(self, shard: str) -> Engine:
        """The engine of a database; those that were used last are kept."""
        with self._engines_lock:
            engine = self._engines.pop(shard, None) or self._new_engine(shard)
            self._engines[shard] = engine
            while len(self._engines) > _ENGINES_KEPT:
                self._engines.pop(next(iter(self._engines))).dispose()
            return engine

    def _new_engine(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        )
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        return engine

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Makes the tables of a database that has none."""
        path = Path(engine.url.database or "")
        is_new = not for_index_shard and not path.exists()
        if is_new and self._empty and _is_made(path, self._empty):
            return
        super()._initdb(engine, for_index_shard)
        if is_new and not self._empty:
            with engine.connect() as connection:
                if not connection.execute(select(func.count()).select_from(SqlEventLogStorageTable)).scalar_one():
                    opened = connection.connection.driver_connection
                    self._empty = b"" if opened is None else opened.serialize()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        opened: Mapping[str, Connection] = getattr(self._open, "connections", {})
        if shard in opened:
            yield opened[shard]
        else:
            with self._db_lock, self._transaction(shard) as connection:
                yield connection

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        engine = self._engine(shard)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.begin() as connection:
            yield connection

    @contextmanager
    def _transactions(self, *shards: str) -> Iterator[None]:
        """Opens one transaction on each of these databases; within the block this thread's `_connect` joins them."""
        with self._db_lock, ExitStack() as stack:
            self._open.connections = {shard: stack.enter_context(self._transaction(shard)) for shard in shards}
            try:
                yield
            finally:
                self._open.connections = {}


def last_of_each_kind(stored: Sequence[tuple[EventLogEntry, int]]) -> list[tuple[EventLogEntry, int]]:
    """The last event of each type for each asset, in their order.

    The row of an asset keeps only the last event of each type, so storing these is equal to storing all.
    """
    last: dict[tuple[AssetKey | None, str], tuple[EventLogEntry, int]] = {}
    for entry, number in stored:
        dagster_event = entry.get_dagster_event()
        last[dagster_event.asset_key, dagster_event.event_type_value] = (entry, number)
    return sorted(last.values(), key=lambda item: item[1])


def _is_made(path: Path, content: bytes) -> bool:
    """Whether this call made the file; not if another process was first."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-") as staging:
        staging.write(content)
        staging.flush()
        try:
            os.link(staging.name, path)
        except FileExistsError:
            return False
    return True


def _without_waiting_for_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")
