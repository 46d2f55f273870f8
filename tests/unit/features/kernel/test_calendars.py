"""Starts of days and months and local times, also on days on which clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from assets.features.kernel.calendars import local, period_start
from assets.vocabulary import Calendar, FeatureError, last_months, this_month, today
from resources.moments import EPOCH, micros

_MICROSECOND = timedelta(microseconds=1)


def _start(moment: str, calendar: Calendar) -> str:
    """First moment of the window of a decision, both as ISO-8601 in UTC."""
    found = period_start(np.array([micros(datetime.fromisoformat(moment).replace(tzinfo=UTC))]), calendar)
    assert found.dtype == np.int64
    return (EPOCH + timedelta(microseconds=int(found[0]))).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize(
    ("moment", "calendar", "start"),
    [
        ("2024-03-31T00:00:00", today(), "2024-03-31T00:00:00"),
        ("2024-03-30T23:59:59.999999", today(), "2024-03-30T00:00:00"),
        ("1969-12-31T23:00:00", today(), "1969-12-31T00:00:00"),
        # Berlin is one hour before UTC in winter, two in summer; 31 March 2024 has 23 hours, 27 October 25.
        ("2024-03-30T23:00:00", today("Europe/Berlin"), "2024-03-30T23:00:00"),
        ("2024-03-30T22:59:59.999999", today("Europe/Berlin"), "2024-03-29T23:00:00"),
        ("2024-03-31T21:59:59.999999", today("Europe/Berlin"), "2024-03-30T23:00:00"),
        ("2024-03-31T22:00:00", today("Europe/Berlin"), "2024-03-31T22:00:00"),
        ("2024-10-27T22:59:59.999999", today("Europe/Berlin"), "2024-10-26T22:00:00"),
        ("2024-10-27T23:00:00", today("Europe/Berlin"), "2024-10-27T23:00:00"),
        # São Paulo's clock went from 23:59 to 01:00 on 4 November 2018.
        ("2018-11-04T03:00:00", today("America/Sao_Paulo"), "2018-11-04T03:00:00"),
        ("2018-11-04T02:59:59", today("America/Sao_Paulo"), "2018-11-03T03:00:00"),
        # Apia went over the date line: 29 December 2011 was followed by the 31st.
        ("2011-12-30T09:59:59", today("Pacific/Apia"), "2011-12-29T10:00:00"),
        ("2011-12-30T10:00:00", today("Pacific/Apia"), "2011-12-30T10:00:00"),
        # St John's set its clock back from 00:01 to 23:01: the day begins with the first midnight shown.
        ("2008-11-02T02:30:30", today("America/St_Johns"), "2008-11-02T02:30:00"),
        ("2008-11-02T02:45:00", today("America/St_Johns"), "2008-11-02T02:30:00"),
        ("2024-03-31T21:30:00", this_month("Europe/Berlin"), "2024-02-29T23:00:00"),
        ("2024-03-31T22:00:00", this_month("Europe/Berlin"), "2024-03-31T22:00:00"),
        ("2024-03-31T23:59:59", this_month(), "2024-03-01T00:00:00"),
        ("2024-03-31T22:00:00", last_months(1, "Europe/Berlin"), "2024-02-29T23:00:00"),
        ("2024-01-15T00:00:00", last_months(3), "2023-10-01T00:00:00"),
        ("2024-01-15T00:00:00", last_months(13, "Europe/Berlin"), "2022-11-30T23:00:00"),
    ],
)
def test_a_period_begins_with_the_zones_midnight(moment: str, calendar: Calendar, start: str) -> None:
    """The first moment is computed by hand from the zone's clock."""
    assert _start(moment, calendar) == start


def test_days_of_a_change_have_23_and_25_hours() -> None:
    """Two years of hours fall into days of 24 hours, but for the two a year on which the clock changes."""
    hours = micros(datetime(2023, 1, 1, tzinfo=UTC)) + np.arange(2 * 365 * 24) * 3_600_000_000
    starts = np.unique(period_start(hours, today("Europe/Berlin")))
    lengths = [int(later - earlier) // 3_600_000_000 for earlier, later in pairwise(starts)]
    assert sorted(lengths)[:3] == [23, 23, 24]
    assert sorted(lengths)[-3:] == [24, 25, 25]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Apia", "Pacific/Kwajalein", "America/St_Johns"])
def test_a_window_is_never_longer_than_it_says(zone: str) -> None:
    """`longest` is an upper bound for every decision of the period."""
    half_hours = np.arange(-40 * 365 * 48, 60 * 365 * 48, 5, dtype=np.int64) * 1_800_000_000
    for calendar in (today(zone), this_month(zone), last_months(2, zone)):
        assert (half_hours - period_start(half_hours, calendar)).max() < calendar.longest // _MICROSECOND


def test_a_moment_without_a_calendar_is_refused() -> None:
    """A year that no calendar has is named, with the remedy."""
    with pytest.raises(FeatureError, match="outside the years 1 to 9999; fix the rows' as_of"):
        period_start(np.array([2**62]), today("Europe/Berlin"))


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia"]
)
def test_local_time_is_that_of_the_standard_library(zone: str) -> None:
    """Around every change of the clock, in zones of half and quarter hours, and in one that changed by seconds."""
    random = np.random.default_rng(1)
    moments = random.integers(micros(datetime(1919, 1, 1, tzinfo=UTC)), micros(datetime(2040, 1, 1, tzinfo=UTC)), 2_000)
    changes = [micros(datetime(2026, 3, 29, 1, tzinfo=UTC)) + step for step in (-1, 0, 1)]
    monrovia = [micros(datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)) + step for step in (-1, 0, 1)]
    moments = np.append(moments, [*changes, *monrovia])
    expected = [
        micros((EPOCH + timedelta(microseconds=int(m))).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)) for m in moments
    ]
    np.testing.assert_array_equal(local(moments, zone), expected)
