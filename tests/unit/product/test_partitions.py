"""The days of partitions: months of every length, weeks over a year's end, a first and a last one cut short; hours."""

from datetime import UTC, date, datetime, timedelta

import pytest

from assets.product import Partitions
from assets.product.partitions import PARTITIONS, Partition, fits
from resources.naming import days_between
from resources.slots import checked_slot, first_hour, last_hour, slots_between

FIRST, LAST = date(2023, 11, 15), date(2025, 2, 20)
DAYS = days_between(FIRST, LAST)
BY_HOUR = Partitions("hour", FIRST, LAST)
HOURS = slots_between(first_hour(FIRST), last_hour(LAST))
WEEKS = Partitions("week", FIRST, LAST)
MONTHS = Partitions("month", FIRST, LAST)


@pytest.mark.parametrize("length", PARTITIONS)
def test_every_day_is_in_exactly_one_partition_that_holds_only_days_of_the_product(length: Partition) -> None:
    partitions = Partitions(length, FIRST, LAST)
    starts = partitions.starts(partitions.rounded((FIRST, LAST)))
    slots = HOURS if length == "hour" else DAYS
    assert [slot for start in starts for slot in partitions.whole([start])] == list(slots)
    assert partitions.whole(starts) == slots
    assert all(partitions.start(slot) in starts for slot in slots)


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2024, 2, 10), date(2024, 2, 1), date(2024, 2, 29)),
        (date(2025, 1, 31), date(2025, 1, 1), date(2025, 1, 31)),
        (date(2024, 12, 31), date(2024, 12, 1), date(2024, 12, 31)),
        (date(2024, 4, 30), date(2024, 4, 1), date(2024, 4, 30)),
        (date(2023, 11, 30), FIRST, date(2023, 11, 30)),
        (LAST, date(2025, 2, 1), LAST),
    ],
)
def test_a_month_has_its_days_and_none_that_the_product_lacks(day: date, first: date, last: date) -> None:
    assert MONTHS.whole([day]) == days_between(first, last)
    assert Partitions("month", FIRST).whole([date(2025, 2, 1)])[-1] == date(2025, 2, 28)


def test_a_week_goes_from_monday_to_sunday_over_the_years_end() -> None:
    monday = date(2024, 12, 30)
    assert WEEKS.whole([date(2025, 1, 2)]) == days_between(monday, date(2025, 1, 5))
    assert (WEEKS.start(date(2025, 1, 5)), WEEKS.start(date(2025, 1, 6))) == (monday, date(2025, 1, 6))
    assert (WEEKS.name(date(2024, 12, 31)), WEEKS.name(date(2023, 12, 31))) == ("2025-W01", "2023-W52")
    assert WEEKS.whole([FIRST])[0] == FIRST, "a Wednesday: the week's Monday is before the product"
    assert WEEKS.start(FIRST) == date(2023, 11, 13)


def test_days_are_rounded_outwards_and_days_that_the_product_lacks_stay() -> None:
    assert MONTHS.rounded((date(2024, 2, 10), date(2024, 4, 1))) == (date(2024, 2, 1), date(2024, 4, 30))
    assert MONTHS.rounded((FIRST + timedelta(days=3), LAST)) == (FIRST, LAST)
    assert MONTHS.rounded((FIRST - timedelta(days=1), LAST + timedelta(days=1))) == (
        FIRST - timedelta(days=1), LAST + timedelta(days=1),
    )  # fmt: skip
    whole = (date(2024, 2, 1), date(2024, 2, 29))
    assert MONTHS.rounded(whole) == whole
    assert WEEKS.rounded((date(2025, 1, 1), date(2025, 1, 1))) == (date(2024, 12, 30), date(2025, 1, 5))


def test_a_partition_that_is_not_over_is_not_asked_for() -> None:
    going_on = Partitions("month", FIRST)
    assert going_on.last_over(date(2024, 2, 28)) == date(2024, 1, 31)
    assert going_on.last_over(date(2024, 2, 29)) == date(2024, 2, 29)
    assert going_on.last_over(date(2023, 11, 29)) is None, "not even the first is over"
    assert MONTHS.last_over(LAST) == LAST, "the history ends within the month: nothing more of it will come"
    assert MONTHS.last_over(LAST - timedelta(days=1)) == date(2025, 1, 31)
    assert Partitions("week", FIRST).last_over(date(2025, 1, 4)) == date(2024, 12, 29)


def test_days_are_as_they_are() -> None:
    """Whatever the product's first and last day: a table may have days that it lacks by now."""
    days = Partitions("day", FIRST, LAST)
    assert days.whole([LAST + timedelta(days=9), FIRST]) == (FIRST, LAST + timedelta(days=9))
    assert days.rounded((LAST, LAST)) == (LAST, LAST)
    assert (days.last_over(LAST), days.name(FIRST)) == (LAST, "2023-11-15")


def test_files_of_a_longer_time_than_a_partition_do_not_end_within_one() -> None:
    found = [(period, length) for period in PARTITIONS for length in PARTITIONS if not fits(period, length)]
    assert found == [
        ("day", "hour"), ("week", "hour"), ("week", "day"), ("month", "hour"), ("month", "day"), ("month", "week"),
    ]  # fmt: skip


def test_a_day_stands_for_its_hours() -> None:
    first, last = checked_slot("2024-02-29-00:00"), checked_slot("2024-03-01-23:00")
    assert BY_HOUR.rounded((date(2024, 2, 29), date(2024, 3, 1))) == (first, last)
    assert BY_HOUR.rounded((checked_slot("2024-02-29-05:00"), date(2024, 3, 1)))[0].hour == 5
    assert len(BY_HOUR.whole([date(2024, 2, 29), checked_slot("2024-03-01-07:00")])) == 25
    assert BY_HOUR.slots_in(date(2024, 2, 29)) == slots_between(first, checked_slot("2024-02-29-23:00"))
    assert MONTHS.slots_in(date(2024, 2, 29)) == (date(2024, 2, 29),)


def test_the_hours_of_the_clock_changes_of_spring_and_autumn_are_as_all_others() -> None:
    """All hours are of UTC: none is left out, and none comes twice."""
    for day in (date(2024, 3, 31), date(2024, 10, 27)):
        names = [BY_HOUR.name(hour) for hour in BY_HOUR.whole([day])]
        assert names == [f"{day}-{n:02}:00" for n in range(24)]


def test_the_hour_before_is_the_last_that_is_over() -> None:
    going_on, now = Partitions("hour", FIRST), datetime(2024, 2, 29, 0, 59, tzinfo=UTC)
    assert str(going_on.ended(now)) == "2024-02-28-23:00"
    assert going_on.last_over(going_on.ended(now)) == going_on.ended(now)
    assert str(going_on.last_over(date(2024, 2, 27))) == "2024-02-27-23:00"
    assert Partitions("hour", date(2024, 2, 29)).last_over(going_on.ended(now)) is None, "it begins in this hour"
    assert str(BY_HOUR.last_over(BY_HOUR.ended(datetime(2026, 1, 1, tzinfo=UTC)))) == f"{LAST}-23:00"
    assert Partitions("month", FIRST).ended(now) == date(2024, 2, 28)
