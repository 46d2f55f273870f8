"""A product of one file a month, drafted from its files and made by the month; the same data made by the day."""

import importlib
import random
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

import pipelines
from assets.materialising import asset_key, materialised_days
from pipelines import products
from pipelines.drafting.roles import Given
from pipelines.operations import new_product as drafting
from pipelines.operations.loop.backfill import Wanted, backfill, plan_backfill
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.loop.run_loop import run_loop
from pipelines.partitions import partitions_of
from resources.environments import Environment, load_environment
from resources.lake import Lake
from resources.lake.content import content_hashes
from resources.naming import days_between

FIRST, LAST = date(2026, 1, 15), date(2026, 4, 20)
MONTHS = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
DATA = ["raw_orders", "raw_orders_labels", "validated_orders", "validated_orders_labels", "features"]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def deliver(folder: Path, month: str, *, correct: bool = False) -> None:
    """The file of a month, the same each time; corrected, one order has another amount."""
    chance = random.Random(7)
    lines = ["order_id,customer_id,ordered_at,amount,channel,returned"]
    for n, day in enumerate(days_between(FIRST, LAST)):
        for hour in (9, 17):
            at = datetime(day.year, day.month, day.day, hour) + timedelta(minutes=n)
            amount = chance.randrange(1, 90)
            if correct and (day.day, hour) == (10, 9):
                amount = 91 - amount
            channel, returned = chance.choice(["web", "app"]), int(chance.random() < 0.3)
            if f"{day:%Y-%m}" == month:
                lines.append(f"O{n}-{hour},C{n % 9},{at.isoformat()},{amount}.50,{channel},{returned}")
    folder.mkdir(exist_ok=True)
    (folder / f"{month}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Files of four months, and two products drafted from them: `monthly`, and `daily`, which is made by the day."""
    folder = tmp_path_factory.mktemp("months")
    (folder / "pipelines").mkdir()
    (folder / "workspace.yaml").write_text("load_from:\n")
    for start in MONTHS:
        deliver(folder / "orders", start[:7])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPLINE_HOME", str(folder / "home"))
        for module in (products, drafting):
            patch.setattr(module, "PRODUCTS", folder / "pipelines")
        patch.setattr(drafting, "WORKSPACE", folder / "workspace.yaml")
        patch.setattr(pipelines, "__path__", [*pipelines.__path__, str(folder / "pipelines")])
        given = Given(label="returned", entities=("customer_id",), row_id="order_id")
        for name in ("monthly", "daily"):
            drafting.new_product(
                name, [str(folder / "orders")], given, label_delay=timedelta(days=3), header_line=1, zone="UTC"
            )
        file = folder / "pipelines" / "daily" / "product.py"
        text = file.read_text()
        assert 'partition="month",  # guessed' in text
        file.write_text(text.replace('    partition="month",  # guessed\n', ""))
        for name in [name for name in sys.modules if name.startswith("pipelines.daily")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        yield folder
    for name in [name for name in sys.modules if name.startswith(("pipelines.daily", "pipelines.monthly"))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def environment(place: Path) -> Environment:
    """Both products are made, from their files to their features."""
    environment = load_environment()
    for name in ("monthly", "daily"):
        report = run_loop(name, environment, through="features", progress=lambda _: None)
        assert (report.first, report.last) == (FIRST, LAST)
    return environment


@pytest.fixture
def instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(environment) as found:
        yield found


def contents(environment: Environment, product: str) -> dict[tuple[str, str], str]:
    """The canonical content of each day of each table."""
    lake = Lake(environment.lake)
    tables = {name: content_hashes(lake.read(f"{product}/{name}"), "day") for name in DATA}
    return {(name, day): content for name, days in tables.items() for day, content in days.items()}


def test_a_run_makes_every_month_and_the_same_contents_as_by_the_day(
    environment: Environment, instance: dg.DagsterInstance
) -> None:
    product = products.load_product("monthly")
    assert (product.partition, product.start, product.end) == ("month", FIRST, LAST)
    partitions = partitions_of(product, environment)
    for name in DATA:
        key = asset_key(product, name)
        assert sorted(instance.get_materialized_partitions(key)) == MONTHS
        assert materialised_days(instance, key, partitions) == set(days_between(FIRST, LAST))
    by_month = contents(environment, "monthly")
    assert {day for name, day in by_month if name == "features"} == {str(day) for day in days_between(FIRST, LAST)}
    assert by_month == contents(environment, "daily")


def test_nothing_is_left_to_do(environment: Environment) -> None:
    assert run_loop("monthly", environment, through="features", progress=lambda _: None).materialised == ()


def test_the_job_makes_one_month_again(place: Path, environment: Environment, instance: dg.DagsterInstance) -> None:
    before, product = contents(environment, "monthly"), products.load_product("monthly")
    job = products.load_definitions("monthly").resolve_job_def("monthly_monthly")
    keys = [asset_key(product, name) for name in DATA]

    def february() -> None:
        done = job.execute_in_process(
            instance=instance, partition_key="2026-02-01", asset_selection=keys, run_config=QUIET
        )
        assert done.success

    february()
    assert contents(environment, "monthly") == before
    deliver(place / "orders", "2026-02", correct=True)
    february()
    after = contents(environment, "monthly")
    changed = {place for place in after if after[place] != before[place]}
    assert {day[:7] for _, day in changed} == {"2026-02"}, "other months are left alone"
    assert changed >= {(name, "2026-02-10") for name in ("raw_orders", "validated_orders", "features")}


def test_a_backfill_takes_days_and_makes_whole_months(place: Path, environment: Environment) -> None:
    deliver(place / "orders", "2026-02", correct=False)
    said: list[str] = []
    wanted = Wanted((date(2026, 2, 10), date(2026, 3, 3)), ("raw_orders", "validated_orders"))
    plan = plan_backfill("monthly", environment, wanted, said.append)
    rounded = "monthly is made by the month: 2026-02-10 to 2026-03-03 is rounded outwards to 2026-02-01 to 2026-03-31"
    assert (said, plan.days) == ([rounded], (date(2026, 2, 1), date(2026, 3, 31)))
    assert (len(plan.runs), plan.seconds is not None) == (1, True)
    report = backfill("monthly", environment, wanted, said.append)
    assert [(one.name, one.state) for one in report.results] == [("2026-02", "changed"), ("2026-03", "unchanged")]
    assert len(report.days) == 59
    assert report.results[0].changes["validated_orders"].altered == 1


def test_a_month_without_its_file_fails_alone(place: Path, environment: Environment) -> None:
    (place / "orders" / "2026-03.csv").unlink()
    report = backfill("monthly", environment, Wanted((FIRST, LAST), ("raw_orders", "validated_orders")), print)
    assert [one.name for one in report.failed] == ["2026-03"]
    assert report.sentence.startswith("1 of 4 months failed: 2026-03; the first one: ")
    assert [one.state for one in report.results] == ["unchanged", "unchanged", "failed", "unchanged"]
    deliver(place / "orders", "2026-03")
