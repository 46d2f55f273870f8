"""Dagster's definition of a product's partitions, and the days that it has recorded as made."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from assets.materialising import begun, daily_asset_of, definition_of, materialised_days
from assets.product import Partitions
from assets.product.partitions import PARTITIONS, Partition
from pipelines.products import load_product
from resources.naming import days_between
from resources.slots import Slot, checked_slot, slots_between

PRODUCT = load_product("card_fraud")
FIRST, LAST = date(2025, 1, 15), date(2025, 4, 20)
KEY = dg.AssetKey([PRODUCT.name, "anything"])


def made(instance: dg.DagsterInstance, partitions: Partitions, first: Slot, last: Slot) -> tuple[Slot, ...]:
    """Materialises an asset for the partitions that start with these slots; the slots that its run covered."""
    covered: list[tuple[Slot, ...]] = []

    @daily_asset_of(PRODUCT, "anything", partitions)
    def anything(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        watch, days = begun(context, "anything", partitions)
        covered.append(days)
        return watch.result(rows=0)

    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    assert dg.materialize([anything], instance=instance, tags=tags).success
    return covered[0]


@pytest.mark.parametrize("length", PARTITIONS)
def test_dagsters_partitions_are_those_of_the_product(length: Partition) -> None:
    partitions = Partitions(length, FIRST, LAST)
    keys = definition_of(partitions).get_partition_keys()
    assert keys == [partitions.key(start) for start in partitions.starts(partitions.rounded((FIRST, LAST)))]


def test_a_history_that_ended_within_the_present_month_has_all_its_partitions() -> None:
    """Dagster offers a month once it is over; nothing more of this one will come."""
    today = datetime.now(UTC).date()
    for length in PARTITIONS[2:]:
        going_on = Partitions(length, FIRST)
        start = going_on.start(today)
        assert not definition_of(going_on).has_partition_key(str(start))
        if start < today:
            ended = Partitions(length, FIRST, today - timedelta(days=1))
            assert definition_of(ended).get_partition_keys()[-1] == str(start)
        assert not definition_of(Partitions(length, FIRST, today)).has_partition_key(str(start))


def test_a_run_covers_the_days_of_its_partitions_and_they_count_as_made() -> None:
    months = Partitions("month", FIRST, LAST)
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialised_days(instance, KEY, months) == frozenset()
        covered = made(instance, months, date(2025, 1, 1), date(2025, 2, 1))
        assert covered == days_between(FIRST, date(2025, 2, 28))
        assert materialised_days(instance, KEY, months) == frozenset(covered)
        made(instance, months, date(2025, 4, 1), date(2025, 4, 1))
        later = days_between(date(2025, 4, 1), LAST)
        assert materialised_days(instance, KEY, months) == frozenset((*covered, *later))


def test_of_a_month_only_the_days_that_were_made_count() -> None:
    """A key alone would not tell them: the product was made by the day before, or its history has gone on."""
    days, months = Partitions("day", FIRST, LAST), Partitions("month", FIRST, LAST)
    with dg.DagsterInstance.ephemeral() as instance:
        three = made(instance, days, date(2025, 1, 31), date(2025, 2, 2))
        assert materialised_days(instance, KEY, days) == set(three)
        assert materialised_days(instance, KEY, months) == set(three), "2025-02-01 is a day, and not February"
        february = made(instance, months, date(2025, 2, 1), date(2025, 2, 1))
        assert materialised_days(instance, KEY, months) == {three[0], *february}
        april = made(instance, months, date(2025, 4, 1), date(2025, 4, 1))
        gone_on = Partitions("month", FIRST)
        assert materialised_days(instance, KEY, gone_on) == {three[0], *february, *april}, (
            "not yet the days after the 20th"
        )
        earlier = Partitions("month", date(2025, 2, 1), date(2025, 4, 10))
        assert max(materialised_days(instance, KEY, earlier)) == date(2025, 4, 10)


def test_hours_that_were_made_are_those_of_a_product_by_the_hour_alone() -> None:
    """Days that were made before are no hours, and hours no days: the rows of both are in other tables."""
    hours, days, months = (Partitions(length, FIRST, LAST) for length in ("hour", "day", "month"))
    first, last = checked_slot("2025-01-31-22:00"), checked_slot("2025-02-01-01:00")
    with dg.DagsterInstance.ephemeral() as instance:
        assert made(instance, hours, first, last) == slots_between(first, last)
        assert materialised_days(instance, KEY, hours) == set(slots_between(first, last))
        assert materialised_days(instance, KEY, days) == frozenset()
        assert materialised_days(instance, KEY, months) == frozenset()
        two = made(instance, days, date(2025, 2, 1), date(2025, 2, 2))
        assert materialised_days(instance, KEY, hours) == set(slots_between(first, last))
        assert materialised_days(instance, KEY, months) == set(two)
