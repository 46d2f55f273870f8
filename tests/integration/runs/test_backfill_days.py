"""Backfills as a person on call runs them: planned, killed, with a bad day, over newer data."""

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipelines.build import build_pipeline
from pipelines.jobs import DATA
from pipelines.operations.loop import product_jobs
from pipelines.operations.loop.backfill import BackfillReport, Wanted, backfill, plan_backfill
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import RunFailed, dagster_instance
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.environments import CHECKOUT, Environment, load_environment
from resources.lake import Lake
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import LAST, fill_small_bank
from tests.support.processes.killing import kept_variables

pytestmark = pytest.mark.slow

PRODUCT = load_product("card_fraud")
RAW = ("raw_card_transactions", "raw_fraud_labels")
VALIDATED = ("validated_card_transactions", "validated_fraud_labels")
DAYS = [LAST - timedelta(days=5 - n) for n in range(6)]
ALL = (DAYS[0], DAYS[-1])
Rows = list[list[str]]


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return variables_of(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def home(variables: dict[str, str]) -> Environment:
    """A home with the small bank, whose tests change days of their own; the days were all made once."""
    environment = load_environment(variables)
    fill_small_bank(environment)
    return environment


@pytest.fixture
def environment(home: Environment, monkeypatch: pytest.MonkeyPatch) -> Environment:
    definitions = build_pipeline(PRODUCT, environment=home)
    monkeypatch.setattr(product_jobs, "load_definitions", lambda _: definitions)
    if not Lake(home.lake).tables():
        first = made(home, Wanted(ALL))
        assert {day.state for day in first.days} == {"changed"}, "there was nothing before"
    return home


def made(environment: Environment, wanted: Wanted) -> BackfillReport:
    return backfill("card_fraud", environment, wanted, print)


def transactions(environment: Environment, day: date) -> Path:
    return Path(environment.landing) / "card_transactions" / f"{day}.csv"


def edit(environment: Environment, day: date, change: Callable[[list[str], Rows], Rows]) -> None:
    """The file of the day comes again, with other rows."""
    path = transactions(environment, day)
    with path.open(newline="") as lines:
        header, *rows = list(csv.reader(lines))
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *change(header, rows)])


def dearer(header: list[str], rows: Rows) -> Rows:
    """Three payments have other amounts."""
    amount = header.index("amount")
    for row in rows[:3]:
        row[amount] = f"{float(row[amount]) + 7:.2f}"
    return rows


@pytest.fixture
def instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(environment) as found:
        yield found


def last_run(instance: dg.DagsterInstance) -> set[str]:
    (run,) = instance.get_runs(limit=1)
    return {key.path[-1] for key in run.asset_selection or ()}


def test_the_same_days_again_change_nothing_and_the_plan_says_so_before(environment: Environment) -> None:
    plan = plan_backfill("card_fraud", environment, Wanted((DAYS[0], DAYS[1])), lambda _: None)
    (run,) = plan.runs
    assert set(run.assets) == {*RAW, *VALIDATED, "features", "online_store"}
    rows = {asset.name: asset.rows for asset in plan.assets}
    assert rows["raw_card_transactions"] >= rows["validated_card_transactions"] > 0
    assert 0 < (plan.seconds or 0) < 120
    assert plan.stale["features"] == DAYS[2:], "windows of later days have these payments too"
    assert plan.unmade == (
        "training_set",
        "model",
        "evaluation",
        "registered_model",
        "deployment",
        "model_documents",
        "monitoring_page",
    )
    report = made(environment, Wanted((DAYS[0], DAYS[1])))
    assert [day.state for day in report.days] == ["unchanged", "unchanged"]
    assert report.stale == {}


def test_a_killed_backfill_goes_on_where_it_stopped(
    environment: Environment, variables: dict[str, str], instance: dg.DagsterInstance
) -> None:
    command = ["backfill", "card_fraud", "--from", f"{ALL[0]}", "--to", f"{ALL[1]}"]
    edit(environment, DAYS[3], dearer)
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *command], cwd=CHECKOUT, env=kept_variables() | variables, text=True,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        told: list[str] = []
        for line in process.stderr:
            told += [name for name in VALIDATED if name in line]
            if len(told) == 2:  # a table is told before Dagster has recorded it, so the second may count as not made
                process.kill()
    with dagster_instance(environment):  # ends the dead run
        pass
    plan = plan_backfill("card_fraud", environment, Wanted(ALL), lambda _: None)
    assert plan.resumed
    assert not set(RAW) & {name for run in plan.runs for name in run.assets}
    report = made(environment, Wanted(ALL))
    assert not {*RAW, told[0]} & last_run(instance)
    assert "features" in last_run(instance)
    changes = {day.day: day.changes for day in report.days}
    assert changes[DAYS[3]]["validated_card_transactions"].altered == 3, "what the killed one changed is counted"
    assert "validated_card_transactions" not in changes[DAYS[2]]
    assert {"features"} == set(changes[DAYS[4]])
    assert plan_backfill("card_fraud", environment, Wanted(ALL), lambda _: None).resumed == ""


def test_a_run_of_the_loop_makes_what_follows_from_raw_days_alone(
    environment: Environment, instance: dg.DagsterInstance
) -> None:
    """As after a backfill that was killed when it had read the days again, and nothing else."""
    jobs = ProductJobs(PRODUCT, partitions_of(PRODUCT, environment), instance, Lake(environment.lake))
    assert jobs.run_days(DATA, ALL, again=False) == ()
    edit(environment, DAYS[1], dearer)
    jobs.run_assets(RAW, (DAYS[1], DAYS[1]))
    assert {"validated_card_transactions", "features"} <= set(jobs.run_days(DATA, ALL, again=False))
    assert jobs.run_days(DATA, ALL, again=False) == ()


def test_a_bad_day_fails_alone(environment: Environment, instance: dg.DagsterInstance) -> None:
    edit(environment, DAYS[0], dearer)
    file = transactions(environment, DAYS[2])
    kept = file.rename(file.with_suffix(".kept"))
    report = made(environment, Wanted(ALL))
    kept.rename(file)
    states = {day.day: day.state for day in report.days}
    assert states[DAYS[2]] == "failed"
    assert states[DAYS[0]] == "changed"
    assert "failed" not in {states[day] for day in DAYS if day != DAYS[2]}
    assert f"day {DAYS[2]}: no file" in report.failed[0].reason
    assert "online_store" not in last_run(instance), "it would mix days of before and after"
    assert report.to_dict()["error"]["message"] == report.sentence


def test_newer_rows_are_overwritten_only_when_told(environment: Environment) -> None:
    day = DAYS[4]
    lake = Lake(environment.lake)
    before = lake.version("card_fraud/raw_card_transactions")
    edit(environment, day, lambda _, rows: rows[:-2])
    with pytest.raises(RunFailed, match=rf"source card_transactions, day {day}: the source delivers .* --overwrite"):
        made(environment, Wanted((day, day)))
    assert lake.version("card_fraud/raw_card_transactions") == before
    report = made(environment, Wanted((day, day), overwrite=True))
    assert report.days[0].changes["raw_card_transactions"].removed == 2
    assert report.days[0].changes["raw_card_transactions"].added == 0
