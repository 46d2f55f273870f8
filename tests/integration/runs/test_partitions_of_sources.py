"""A product whose sources are of every kind of the sandbox, and posted rows, by the hour, the week, the month."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.ingestion.assets import reader_of
from assets.materialising import asset_key
from assets.product import Files, HttpEndpoint, Partition, PostedOutcomes, Product
from assets.product.names import DISTRIBUTIONS, DRIFT, FEATURES, SCORES, raw_name, validated_name
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name
from pipelines.operations import product_status
from pipelines.operations.loop import changed_sources
from pipelines.operations.loop.run_job import run_job
from pipelines.products import load_product
from pipelines.sandbox_sources import source_systems
from resources.environments import Environment
from resources.lake import HOUR, Lake
from resources.lake.content import content_hash, content_hashes
from resources.slots import Slot, checked_slot, first_hour, last_hour, slots_between
from tests.integration.conftest import LAST, SETTINGS, Small
from tests.support.models.champions import crown

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("bureau")]

DAY = LAST - timedelta(days=6)
LATE = checked_slot(f"{DAY}-11:00")
POSTED = """source: loan_outcomes
description: How loans turned out.
owner: collections@bank.example
key: [outcome_id]
event_time: event_time
known_at: known_at
max_quarantined: 0.05
columns:
  outcome_id: {type: string, description: id of the outcome}
  application_id: {type: string, description: the loan's application}
  defaulted: {type: integer, description: whether it defaulted}
  event_time: {type: timestamp, description: when it turned out}
  known_at: {type: timestamp, description: when it was posted}
expectations: []
"""


@dataclass(frozen=True)
class Made:
    """The product over a copy of the small bank."""

    product: Product
    environment: Environment
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def make(self, first: Slot, last: Slot, *names: str) -> None:
        keys = [asset_key(self.product, name) for name in names]
        run_job(self.definitions, self.instance, daily_name(self.product), days=(first, last), selection=keys)

    def days_of(self, *names: str) -> dict[tuple[str, str], str]:
        """The content of each day of each table, without the hours of its rows."""
        found = {}
        for name in names:
            rows = self.lake.read(f"credit_risk/{name}")
            rows = rows.drop_columns([HOUR]) if HOUR in rows.schema.names else rows
            found |= {(name, str(day)): content for day, content in content_hashes(rows, "day").items()}
        return found

    def tables(self) -> list[str]:
        return [named(source.name) for named in (raw_name, validated_name) for source in self.product.sources]

    def contents(self) -> dict[tuple[str, str], str]:
        """The content of each day, or hour, of each table."""
        return {
            (name, str(slot)): content_hash(self.lake.read(f"credit_risk/{name}", days=[slot]))
            for name in self.tables()
            for slot in self.lake.slots(f"credit_risk/{name}")
        }

    def rows_of_day(self, source: str, day: date) -> int:
        """How many rows the source itself has for a day."""
        product = replace(self.product, partition="day")
        with reader_of(product, product.source(source), source_systems(product, self.environment)) as reader:
            return sum(part.rows.num_rows + len(part.malformed) for part in reader.read([day]))


def post(environment: Environment, number: int, at: datetime) -> None:
    """A line as the service keeps it."""
    folder = Path(environment.posted) / "credit_risk" / "loan_outcomes" / str(at.date())
    folder.mkdir(parents=True, exist_ok=True)
    row = {"outcome_id": f"O{number}", "application_id": f"A{number}", "defaulted": number % 2}
    times = {"event_time": at.isoformat(), "known_at": at.isoformat()}
    with (folder / "7-1.jsonl").open("a") as file:
        file.write(json.dumps(row | times) + "\n")


@pytest.fixture
def made(small: Callable[[str], Small], tmp_path: Path) -> Callable[[Partition], Made]:
    """Makes the product in partitions of a length."""
    bank, credit = small("credit_risk"), load_product("credit_risk")
    contracts = Path(shutil.copytree(credit.contracts, tmp_path / "contracts"))
    (contracts / "loan_outcomes.yaml").write_text(POSTED)
    for file in contracts.glob("*.yaml"):  # a bad row of an hour is a large share of it
        file.write_text(file.read_text().replace("max_quarantined: 0.05", "max_quarantined: 0.9"))
    for number in range(40):
        post(bank.environment, number, first_hour(DAY) + number * timedelta(minutes=50))
    sources = tuple(
        replace(source, day_column="known_at") if isinstance(source, Files | HttpEndpoint) else source
        for source in credit.sources
    )
    posted = PostedOutcomes("loan_outcomes", row_id="application_id", value="defaulted")

    def make(partition: Partition) -> Made:
        product = replace(credit, partition=partition, contracts=contracts, sources=(*sources, posted))
        return Made(product, bank.environment, build_pipeline(product, environment=bank.environment), bank.instance)

    return make


def test_hours_of_every_source_are_its_day_and_a_late_row_changes_its_hour_alone(
    made: Callable[[Partition], Made],
) -> None:
    hourly = made("hour")
    hourly.make(first_hour(DAY), last_hour(DAY), *hourly.tables())
    for source in hourly.product.sources:
        rows = hourly.lake.read(f"credit_risk/{raw_name(source.name)}")
        assert rows.num_rows == hourly.rows_of_day(source.name, DAY) > 0
        known = [
            datetime.fromisoformat(text).replace(minute=0, second=0, microsecond=0)
            for text in rows["known_at"].to_pylist()
        ]
        assert known == rows[HOUR].to_pylist(), "no row is in another hour than that in which it became known"
        assert len(set(known)) > 1
        valid = hourly.lake.read(f"credit_risk/{validated_name(source.name)}")
        assert set(valid[HOUR].to_pylist()) <= set(known)
        # Of the customers of the day few gave their consent on it.
        assert valid.num_rows > 0 or hourly.product.contract(source.name).consent is not None
    before = hourly.contents()
    hourly.make(LATE, LATE, *hourly.tables())
    assert hourly.contents() == before
    late = LATE + timedelta(minutes=30)
    post(hourly.environment, 99, late)
    with (Path(hourly.environment.stream.removeprefix("file://")) / "repayments.jsonl").open("a") as stream:
        row = {"event_id": "late", "application_id": "A1", "customer_id": "C1", "kind": "paid", "days_past_due": 0}
        times = {"event_time": late.isoformat(), "known_at": late.isoformat()}
        stream.write(json.dumps({**row, **times, "amount_due": 1.0, "amount_paid": 1.0}) + "\n")
    days = first_hour(DAY), last_hour(DAY)
    found = changed_sources.days_changed_at_source(hourly.product, hourly.environment, days, lambda _: None)
    assert {name: hours for name, hours in found.items() if hours} == {
        "raw_repayments": {LATE}, "raw_loan_outcomes": {LATE},
    }  # fmt: skip
    hourly.make(LATE, LATE, *hourly.tables())
    after = hourly.contents()
    assert {place for place in after if before.get(place) != after[place]} == {
        (name, str(LATE)) for name in hourly.tables() if name.endswith(("repayments", "loan_outcomes"))
    }


def test_a_week_of_every_source_is_its_days(made: Callable[[Partition], Made]) -> None:
    weekly = made("week")
    monday = DAY - timedelta(days=DAY.weekday() + 7)
    week = slots_between(monday, monday + timedelta(days=6))
    for n, day in enumerate(week):
        post(weekly.environment, 200 + n, first_hour(day) + timedelta(hours=9))
    weekly.make(monday, monday, *weekly.tables())
    for source in weekly.product.sources:
        table = f"credit_risk/{raw_name(source.name)}"
        rows = {day: sum(file.rows for file in weekly.lake.files(table, days=[day])) for day in week}
        assert rows == {day: weekly.rows_of_day(source.name, day) for day in week}
        assert set(weekly.lake.slots(table)) <= set(week)


@pytest.mark.parametrize("partition", ["hour", "month"])
def test_what_follows_from_every_source_is_that_of_its_days(
    made: Callable[[Partition], Made], partition: Partition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features, scores and figures of hours, or of a month, have the content of those that are made by the day.

    The first days of the bank: on the first one the consents of all customers become known.
    """
    figures = (FEATURES, SCORES, DISTRIBUTIONS, DRIFT)
    first = SETTINGS.first_day
    last = (
        first + timedelta(days=1) if partition == "hour" else date(first.year, first.month + 1, 1) - timedelta(days=1)
    )
    by_day = made("day")
    crown(by_day.product, by_day.environment, tmp_path / "bundle")
    post(by_day.environment, 300, first_hour(first) + timedelta(hours=9))
    by_day.make(first, last, *by_day.tables(), *figures)
    expected = by_day.days_of(*figures)
    for name in (FEATURES, SCORES, DISTRIBUTIONS):
        assert {day for table, day in expected if table == name}, f"no day has {name}"
    shutil.rmtree(by_day.environment.lake)
    other = made(partition)
    slots = (first_hour(first), last_hour(last)) if partition == "hour" else (first, first)
    other.make(*slots, *other.tables(), *figures)
    assert other.days_of(*figures) == expected
    monkeypatch.setattr(product_status, "load_product", lambda _: other.product)
    report = product_status.product_status(other.environment, "credit_risk").report
    assert report.product.partition == partition
    assert report.day == last
