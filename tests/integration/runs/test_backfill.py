"""Backfills: a range of days in one run gives, day for day, what day-by-day runs give, however often it is run."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pyarrow.compute as pc
import pytest

from pipelines.build import build_pipeline
from pipelines.operations.data.tables import product_tables
from pipelines.products import load_product
from tests.integration.conftest import SETTINGS, Small

PRODUCT = load_product("credit_risk")
SOURCES = [source.name for source in PRODUCT.sources]
ASSETS = [*(f"{layer}_{source}" for source in SOURCES for layer in ("raw", "validated")), "features"]
# The first days, since consents are given when an account is opened.
DAYS = [SETTINGS.first_day + timedelta(days=n) for n in range(7)]

MakeSmall = Callable[[str], Small]


def hashes(small: Small) -> dict[str, dict[str, str]]:
    """For each table the canonical hash of each day."""
    return {table.name: table.hashes for table in product_tables(small.lake, small.product)}


def another_lake(small: Small) -> Small:
    """The same product over the same sources and keys, into a lake of its own."""
    place = {"lake": f"{small.environment.lake}-day-by-day"}
    environment = small.environment.model_copy(update=place)
    return replace(small, environment=environment, definitions=build_pipeline(PRODUCT, environment=environment))


@pytest.mark.usefixtures("bureau")
def test_a_range_gives_what_its_days_give_one_by_one(small: MakeSmall) -> None:
    credit = small("credit_risk")
    credit.make(DAYS[0], DAYS[-1], *ASSETS)
    whole = hashes(credit)
    assert set(whole) == {*ASSETS, *(f"quarantine_{source}" for source in SOURCES)}
    assert list(whole["validated_transactions"]) == [day.isoformat() for day in DAYS]
    assert 3 <= len(whole["features"]) < len(DAYS), "a day without applications makes it harder"

    events = credit.lake.read("credit_risk/validated_transactions")
    late = pc.greater_equal(pc.subtract(events["known_at"], events["event_time"]), timedelta(days=1))
    assert 0.005 < pc.mean(late).as_py() < 0.03, "without facts that arrived late this shows little"
    assert credit.lake.read("credit_risk/quarantine_transactions").num_rows > 0

    one_by_one = another_lake(credit)
    for day in DAYS:
        one_by_one.make(day, day, *ASSETS)
    assert hashes(one_by_one) == whole

    credit.make(DAYS[0], DAYS[-1], *ASSETS)
    credit.make(DAYS[1], DAYS[2], *ASSETS)
    assert hashes(credit) == whole
