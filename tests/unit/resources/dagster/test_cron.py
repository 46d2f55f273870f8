from datetime import UTC, datetime, timedelta

import pytest

from resources.dagster.cron import last_time, next_time

MONTHLY = "0 4 1 * *"
DUE = datetime(2026, 10, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "last", "then"),
    [
        (DUE - timedelta(minutes=1), datetime(2026, 9, 1, 4, tzinfo=UTC), DUE),
        (DUE, DUE, datetime(2026, 11, 1, 4, tzinfo=UTC)),
        (DUE + timedelta(minutes=1), DUE, datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_moment_lies_between_the_last_time_and_the_next(now: datetime, last: datetime, then: datetime) -> None:
    assert (last_time(MONTHLY, now), next_time(MONTHLY, now)) == (last, then)


def test_weekly_times_are_in_utc() -> None:
    now = datetime(2026, 10, 1, 12, tzinfo=UTC)  # a Thursday
    assert last_time("30 2 * * 1", now) == datetime(2026, 9, 28, 2, 30, tzinfo=UTC)
    assert next_time("30 2 * * 1", now) == datetime(2026, 10, 5, 2, 30, tzinfo=UTC)
