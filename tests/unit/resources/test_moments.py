"""Moments as microseconds."""

from datetime import UTC, date, datetime, timedelta, timezone

from resources.moments import DAY_US, SECOND_US, micros, midnight_us


def test_a_moment_counts_from_1970_in_any_zone() -> None:
    assert micros(datetime(1970, 1, 2, 0, 0, 1, 5, tzinfo=UTC)) == DAY_US + SECOND_US + 5
    assert micros(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_a_day_starts_at_midnight_utc() -> None:
    assert midnight_us(date(1970, 1, 2)) == DAY_US
    assert midnight_us(date(1969, 12, 31)) == -DAY_US
