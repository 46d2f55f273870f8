"""The batched event log answers as the stock one does, for the same events."""

import sqlite3
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.events import BATCH_WRITABLE_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy.exc import NoSuchTableError

from resources.dagster.event_log import BATCH_SIZE_VARIABLE, BatchedSqliteEventLogStorage
from resources.environments import CHECKOUT

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-07")
RANGE = {
    "dagster/asset_partition_range_start": "2026-01-01",
    "dagster/asset_partition_range_end": "2026-01-06",
}
FIRST, SECOND = dg.AssetKey("first"), dg.AssetKey("second")
CHECK = dg.AssetCheckKey(FIRST, "sound")


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("sound", asset="first")],
)
def first(context: dg.AssetExecutionContext) -> Iterable[dg.AssetObservation | dg.MaterializeResult[None]]:
    for day in context.partition_keys:
        yield dg.AssetObservation(FIRST, partition=day, metadata={"seen": day})
    yield dg.MaterializeResult(
        metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True, metadata={"bad": 0})]
    )


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[first])
def second() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 4}, tags={"kind": "small"})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventLogEntry, ...]:
    """The events of a real run over six days, as the stock storage recorded them."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("recorded"))) as instance:
        result = dg.materialize([first, second], instance=instance, tags=RANGE)
        assert isinstance(instance.event_log_storage, SqliteEventLogStorage)
        return tuple(instance.all_logs(result.run_id))


@pytest.fixture(scope="module")
def stock(recorded: tuple[EventLogEntry, ...], tmp_path_factory: pytest.TempPathFactory) -> SqliteEventLogStorage:
    storage = SqliteEventLogStorage(str(tmp_path_factory.mktemp("stock")))
    for entry in recorded:
        storage.store_event(entry)
    return storage


@pytest.fixture(scope="module")
def batched(recorded: tuple[EventLogEntry, ...], tmp_path_factory: pytest.TempPathFactory) -> SqliteEventLogStorage:
    """The same events; those that Dagster may batch in batches, of mixed types and several assets where they meet."""
    storage = BatchedSqliteEventLogStorage(str(tmp_path_factory.mktemp("batched")))
    for may_batch, group in groupby(recorded, key=can_be_batched):
        entries = list(group)
        if may_batch:
            storage.store_event_batch(entries)
        else:
            for entry in entries:
                storage.store_event(entry)
    return storage


def can_be_batched(entry: EventLogEntry) -> bool:
    return entry.is_dagster_event and entry.get_dagster_event().event_type in BATCH_WRITABLE_EVENTS


QUESTIONS: dict[str, Callable[[SqliteEventLogStorage, str], object]] = {
    "run log": lambda storage, run: storage.get_records_for_run(run).records,
    "materialised partitions": lambda storage, _run: (
        storage.get_materialized_partitions(FIRST),
        storage.get_materialized_partitions(SECOND),
    ),
    "latest materialisations": lambda storage, _run: storage.get_latest_materialization_events([FIRST, SECOND]),
    "latest storage ids": lambda storage, _run: [
        storage.get_latest_storage_id_by_partition(key, kind)
        for key in (FIRST, SECOND)
        for kind in (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION)
    ],
    "tags": lambda storage, _run: [
        storage.get_event_tags_for_asset(key, filter_event_id=number)
        for key in (FIRST, SECOND)
        for number in range(1, 60)
    ],
    "tags by partition": lambda storage, _run: storage.get_latest_tags_by_partition(
        SECOND, dg.DagsterEventType.ASSET_MATERIALIZATION, tag_keys=[DATA_VERSION_TAG]
    ),
    "observations": lambda storage, _run: storage.fetch_observations(FIRST, limit=100).records,
    "check history": lambda storage, _run: [
        # Without the moment at which the row was written.
        (record.id, record.status, record.event, record.partition)
        for record in storage.get_asset_check_execution_history(CHECK, limit=30)
    ],
    "run statistics": lambda storage, run: storage.get_stats_for_run(run),
    "planned": lambda storage, _run: storage.get_latest_planned_materialization_info(SECOND),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_the_stock_storage(
    question: str,
    recorded: tuple[EventLogEntry, ...],
    stock: SqliteEventLogStorage,
    batched: SqliteEventLogStorage,
) -> None:
    run_id = recorded[0].run_id
    expected = QUESTIONS[question](stock, run_id)
    assert QUESTIONS[question](batched, run_id) == expected
    assert expected


def test_the_asset_rows_are_those_of_the_stock_storage(
    stock: SqliteEventLogStorage, batched: SqliteEventLogStorage
) -> None:
    columns = "asset_key, last_materialization, last_run_id, last_materialization_timestamp"
    rows = [rows_of(Path(storage.path_for_shard("index")), f"SELECT {columns} FROM asset_keys ORDER BY asset_key")
            for storage in (stock, batched)]  # fmt: skip
    assert len(rows[0]) == 2
    assert rows[0] == rows[1]


def test_a_batch_that_fails_leaves_nothing_behind(recorded: tuple[EventLogEntry, ...], tmp_path: Path) -> None:
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    batch = [entry for entry in recorded if can_be_batched(entry)]
    storage.store_event_batch(batch[:1])
    with sqlite3.connect(storage.path_for_shard("index")) as index:
        index.execute("ALTER TABLE asset_keys RENAME TO gone")
    with pytest.raises(NoSuchTableError, match="asset_keys"):
        storage.store_event_batch(batch)
    assert len(storage.get_records_for_run(batch[0].run_id).records) == 1


def test_events_that_dagster_never_batches_are_refused(recorded: tuple[EventLogEntry, ...], tmp_path: Path) -> None:
    start = next(entry for entry in recorded if entry.dagster_event_type == dg.DagsterEventType.RUN_START)
    with pytest.raises(ValueError, match="PIPELINE_START"):
        BatchedSqliteEventLogStorage(str(tmp_path)).store_event_batch([start])


def test_an_instance_of_the_local_template_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "5")
    template = (CHECKOUT / "infra" / "dagster" / "local.yaml").read_text(encoding="utf-8")
    settings = template.replace("${DAGSTER_HOME}", str(tmp_path))
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=yaml.safe_load(settings)) as instance:
        result = dg.materialize([first, second], instance=instance, tags=RANGE)
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert instance.get_materialized_partitions(SECOND) == set(DAYS.get_partition_keys())
        kinds = [entry.dagster_event_type for entry in instance.all_logs(result.run_id)]
        assert kinds.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 12
        assert kinds.count(dg.DagsterEventType.ASSET_CHECK_EVALUATION) == 1


def test_kept_connections_end_with_what_they_were_opened_for(
    recorded: tuple[EventLogEntry, ...], tmp_path: Path
) -> None:
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    batch = [entry for entry in recorded if can_be_batched(entry)]
    storage.store_event_batch(batch)
    assert SqliteEventLogStorage(str(tmp_path)).get_records_for_run(batch[0].run_id).records  # another process reads it
    storage.wipe()
    assert storage.get_records_for_run(batch[0].run_id).records == []
    storage.store_event_batch(batch)
    assert len(storage.get_records_for_run(batch[0].run_id).records) == len(batch)
    storage.dispose()
    assert not list(tmp_path.glob("*.db-wal"))


def rows_of(database: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_the_database_of_a_later_run_is_that_of_the_first(recorded: tuple[EventLogEntry, ...], tmp_path: Path) -> None:
    """It is a copy of an empty one: without events of the run before, and of the same revision."""
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    for run_id in ("one", "two", "three"):
        for entry in recorded[:3]:
            storage.store_event(entry._replace(run_id=run_id))
    paths = [Path(storage.path_for_shard(run_id)) for run_id in ("one", "two", "three")]
    for question in ("SELECT sql FROM sqlite_master ORDER BY name", "SELECT version_num FROM alembic_version"):
        first, *others = [rows_of(path, question) for path in paths]
        assert first
        assert others == [first, first]
    assert [rows_of(path, "SELECT count(*) FROM event_logs") for path in paths] == [[(3,)]] * 3
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(("one", "two", "three"))} == {
        name for name in ("index.db", "index.db-shm", "index.db-wal") if (tmp_path / name).exists()
    }
    with sqlite3.connect(paths[2]) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
