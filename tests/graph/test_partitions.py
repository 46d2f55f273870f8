"""A product that is made by the hour, the week or the month: its partitions, job, schedule, sensor and alert."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.materialising import asset_key
from assets.product import Files, Partitions, Product
from pipelines.alerting.alerts import run_failure
from pipelines.build import build_pipeline
from pipelines.connections import connections
from pipelines.jobs import daily_name
from pipelines.operations.loop.source_days import ImpossibleDay, readable_days
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from pipelines.sensors import landing_sensor
from resources.environments import Environment, load_environment
from resources.rollout_store.store import RolloutStore
from resources.slots import checked_slot
from tests.support.clocks import StoppedClock

SOURCES = ("card_transactions", "fraud_labels")
MONTHLY = replace(
    load_product("card_fraud"),
    sandbox=False,
    partition="month",
    start=date(2026, 1, 15),
    end=date(2026, 4, 20),
    sources=tuple(Files(name, pattern=f"{name}/{{month}}.csv", day_column="known_at") for name in SOURCES),
)
WEEKLY = replace(
    MONTHLY,
    partition="week",
    sources=tuple(Files(name, pattern=f"{name}/{{week}}.csv", day_column="known_at") for name in SOURCES),
)
HOURLY = replace(
    MONTHLY,
    partition="hour",
    start=date(2026, 4, 19),
    sources=tuple(Files(name, pattern=f"{name}/{{day}}/{{hour}}.csv") for name in SOURCES),
)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Evaluating a schedule needs an instance that can be opened a second time."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as found:
        yield found


def made(instance: dg.DagsterInstance, product: Product, *starts: str) -> None:
    for start in starts:
        days = Partitions(product.partition, product.start, product.end).whole([checked_slot(start)])
        tags = None if product.partition == "hour" else {"loopline/days": f"{days[0]}_{days[-1]}"}
        event = dg.AssetMaterialization(asset_key(product, "features"), partition=start, tags=tags)
        instance.report_runless_asset_event(event)


def tick(
    product: Product, environment: Environment, instance: dg.DagsterInstance, name: str, today: date | datetime
) -> Any:
    """The key that a schedule or sensor asks for, or its reason to skip."""
    definitions = build_pipeline(product, environment=environment, resources={"clock": StoppedClock(today)})
    repository = definitions.get_repository_def()
    asked: Any = repository.get_schedule_def(name) if name.endswith("_schedule") else repository.get_sensor_def(name)
    known: dict[str, Any] = {**connections(product, environment), "clock": StoppedClock(today)}
    terms: Any = {
        "resources": {key: known[key] for key in asked.required_resource_keys}, "repository_def": repository,
    }  # fmt: skip
    if name.endswith("_schedule"):
        at = datetime(2026, 5, 1, 2, tzinfo=UTC)
        with dg.build_schedule_context(instance, scheduled_execution_time=at, **terms) as context:
            found = asked.evaluate_tick(context)
    else:
        with dg.build_sensor_context(instance, **terms) as sensor_context:
            found = asked.evaluate_tick(sensor_context)
    return found.run_requests[0].partition_key if found.run_requests else str(found.skip_message)


@pytest.mark.parametrize(
    ("product", "often", "first", "last", "cron"),
    [
        (MONTHLY, "monthly", "2026-01-01", "2026-04-01", "0 2 1 * *"),
        (WEEKLY, "weekly", "2026-01-12", "2026-04-20", "0 2 * * 1"),
        (HOURLY, "hourly", "2026-04-19-00:00", "2026-04-20-23:00", "10 * * * *"),
    ],
)
def test_job_schedule_and_assets_have_the_products_partitions(
    product: Product, often: str, first: str, last: str, cron: str, environment: Environment
) -> None:
    definitions = build_pipeline(product, environment=environment)
    job = definitions.resolve_job_def(f"card_fraud_{often}")
    assert job.partitions_def is not None
    keys = job.partitions_def.get_partition_keys()
    assert (keys[0], keys[-1]) == (first, last)
    schedule = definitions.get_repository_def().get_schedule_def(f"card_fraud_{often}_schedule")
    assert schedule.cron_schedule == cron
    partitioned = {asset.partitions_def for asset in definitions.resolve_all_asset_specs() if asset.partitions_def}
    assert partitioned == {job.partitions_def}


def test_the_schedule_asks_for_the_month_that_has_ended(environment: Environment, instance: dg.DagsterInstance) -> None:
    name = "card_fraud_monthly_schedule"
    assert tick(MONTHLY, environment, instance, name, date(2026, 3, 1)) == "2026-02-01"
    assert tick(MONTHLY, environment, instance, name, date(2026, 3, 31)) == "2026-02-01", "March is not over"
    assert tick(MONTHLY, environment, instance, name, date(2026, 4, 21)) == "2026-04-01", "the history is over"
    assert tick(MONTHLY, environment, instance, name, date(2026, 1, 20)) == "no month of card_fraud is over yet"
    made(instance, MONTHLY, "2026-02-01")
    assert "2026-02 is materialised already" in tick(MONTHLY, environment, instance, name, date(2026, 3, 1))


@pytest.mark.parametrize(
    ("product", "done", "key", "name"),
    [(MONTHLY, "2026-02-01", "2026-03-01", "2026-03"), (WEEKLY, "2026-02-23", "2026-03-02", "2026-W10")],
)
def test_a_partition_starts_when_its_file_of_every_source_has_landed(
    product: Product, done: str, key: str, name: str, environment: Environment, instance: dg.DagsterInstance
) -> None:
    made(instance, product, done)
    today = date(2026, 11, 1)
    lacking = tick(product, environment, instance, "card_fraud_landing_sensor", today)
    assert lacking == f"{name} lacks files: card_transactions/{name}.csv, fraud_labels/{name}.csv"
    for source in SOURCES:
        file = Path(environment.landing) / source / f"{name}.csv"
        file.parent.mkdir(parents=True)
        file.write_text("known_at\na header is a whole file\n")
    assert tick(product, environment, instance, "card_fraud_landing_sensor", today) == key


def test_an_hour_starts_when_its_file_of_every_source_has_landed(
    environment: Environment, instance: dg.DagsterInstance
) -> None:
    """After the last hour of a day comes the first of the next one; after the last of the history none."""
    made(instance, HOURLY, "2026-04-19-22:00", "2026-04-19-23:00")
    name, today = "card_fraud_landing_sensor", date(2026, 11, 1)
    files = [f"{source}/2026-04-20/00.csv" for source in SOURCES]
    assert tick(HOURLY, environment, instance, name, today) == f"2026-04-20-00:00 lacks files: {', '.join(files)}"
    for file in files:
        (Path(environment.landing) / file).parent.mkdir(parents=True)
        (Path(environment.landing) / file).write_text("known_at\na header is a whole file\n")
    assert tick(HOURLY, environment, instance, name, today) == "2026-04-20-00:00"
    made(instance, HOURLY, "2026-04-20-23:00")
    ended = "card_fraud has no hour 2026-04-21-00:00: it is not over, or after the end of its history"
    assert tick(HOURLY, environment, instance, name, today) == ended


def test_the_schedule_asks_for_the_hour_that_has_ended(environment: Environment, instance: dg.DagsterInstance) -> None:
    name, at = "card_fraud_hourly_schedule", datetime(2026, 4, 20, 7, 10, tzinfo=UTC)
    assert tick(HOURLY, environment, instance, name, at) == "2026-04-20-06:00"
    assert tick(HOURLY, environment, instance, name, date(2026, 4, 20)) == "2026-04-19-23:00"
    assert tick(HOURLY, environment, instance, name, date(2026, 4, 19)) == "no hour of card_fraud is over yet"
    assert tick(HOURLY, environment, instance, name, date(2026, 5, 1)) == "2026-04-20-23:00", "the history is over"
    made(instance, HOURLY, "2026-04-20-06:00")
    assert "2026-04-20-06:00 is materialised already" in tick(HOURLY, environment, instance, name, at)


def test_hours_are_asked_for_by_hours_and_by_days(environment: Environment) -> None:
    def days(first: str | None, last: str | None, product: Product = HOURLY) -> tuple[str, ...]:
        asked = (None if first is None else checked_slot(first), None if last is None else checked_slot(last))
        with readable_days(product, environment, asked, said.append) as found:
            return tuple(map(str, found))

    said: list[str] = []
    assert days(None, None) == ("2026-04-19-00:00", "2026-04-20-23:00")
    assert days("2026-04-19-05:00", "2026-04-19-05:00") == ("2026-04-19-05:00", "2026-04-19-05:00")
    assert days("2026-04-19", "2026-04-19") == ("2026-04-19-00:00", "2026-04-19-23:00")
    assert days("2026-04-19-22:00", "2026-04-20") == ("2026-04-19-22:00", "2026-04-20-23:00")
    assert not said, "nothing is rounded"
    with pytest.raises(ImpossibleDay, match="no hour 2026-04-21-00:00: the first is 2026-04-19-00:00, and 2026-04-20"):
        days("2026-04-20-22:00", "2026-04-21-00:00")
    with pytest.raises(ImpossibleDay, match="--to 2026-04-19-04:00 is before --from 2026-04-19-05:00"):
        days("2026-04-19-05:00", "2026-04-19-04:00")
    with pytest.raises(ImpossibleDay, match="by the month and has no hour 2026-02-03-05:00: write 2026-02-03"):
        days("2026-02-03-05:00", "2026-02-03-05:00", MONTHLY)


def test_after_the_last_partition_nothing_is_asked_for(environment: Environment, instance: dg.DagsterInstance) -> None:
    made(instance, MONTHLY, "2026-04-01")
    ended = "card_fraud has no month from 2026-04-21: it is not over, or after the end of its history"
    assert tick(MONTHLY, environment, instance, "card_fraud_landing_sensor", date(2026, 11, 1)) == ended


def test_files_of_a_longer_time_than_a_partition_start_none(environment: Environment) -> None:
    assert landing_sensor(replace(MONTHLY, partition="week"), environment) is None
    assert landing_sensor(replace(WEEKLY, partition="month"), environment) is not None


def test_days_are_rounded_to_whole_months_and_an_unfinished_one_is_refused(environment: Environment) -> None:
    said: list[str] = []
    with readable_days(MONTHLY, environment, (date(2026, 2, 10), date(2026, 3, 3)), said.append) as days:
        assert days == (date(2026, 2, 1), date(2026, 3, 31))
    assert said == [
        "card_fraud is made by the month: 2026-02-10 to 2026-03-03 is rounded outwards to 2026-02-01 to 2026-03-31"
    ]
    with readable_days(MONTHLY, environment, (None, None), said.append) as days:
        assert days == (MONTHLY.start, MONTHLY.end)
    today = datetime.now(UTC).date()
    going_on = replace(MONTHLY, end=None)
    end_of_last_month = today.replace(day=1) - timedelta(days=1)
    with readable_days(going_on, environment, (None, None), said.append) as days:
        assert days[1] == end_of_last_month
    assert len(said) == 1, "nothing was asked for that had to be rounded"
    wanted = f"the first is 2026-01-15, and {end_of_last_month} is the last one of a whole month that is over"
    with (
        pytest.raises(ImpossibleDay, match=wanted),
        readable_days(going_on, environment, (None, today), said.append),
    ):
        pass
    begun = replace(going_on, start=today.replace(day=1))
    with (
        pytest.raises(
            ImpossibleDay, match=f"has no month that is over: the first, {today:%Y-%m}, ends on {today:%Y-%m}"
        ),
        readable_days(begun, environment, (None, None), said.append),
    ):
        pass


def test_the_alert_of_a_month_names_its_days_and_the_command(
    environment: Environment, instance: dg.DagsterInstance
) -> None:
    definitions = build_pipeline(MONTHLY, environment=environment)
    failed = definitions.resolve_job_def(daily_name(MONTHLY)).execute_in_process(
        instance=instance, partition_key="2026-02-01", asset_selection=[asset_key(MONTHLY, f"raw_{SOURCES[0]}")],
        raise_on_error=False,
    )  # fmt: skip
    assert not failed.success
    context = dg.build_run_status_sensor_context(
        "failure_alert", dagster_instance=instance, dagster_run=failed.dagster_run,
        dagster_event=failed.get_run_failure_event(),
    ).for_run_failure()  # fmt: skip
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    alert = run_failure(MONTHLY, partitions_of(MONTHLY, environment), context, rollout, "")
    assert alert.partition == "2026-02-01 to 2026-02-28"
    assert alert.remedy == "loopline backfill card_fraud --from 2026-02-01 --to 2026-02-28"
    assert "2026-02.csv" in alert.message
