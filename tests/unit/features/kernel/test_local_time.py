"""Local time against the standard library, a moment at a time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from assets.features.kernel.calendars import local
from assets.features.kernel.derive import derive
from assets.vocabulary import DayOfWeek, FeatureSet, Hour, Night, Weekend

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia"]
)
def test_local_time_is_that_of_the_standard_library(zone: str) -> None:
    """Around every change of the clock, in zones of half and quarter hours, and in one that changed by seconds."""
    random = np.random.default_rng(1)
    moments = random.integers(
        _micros(datetime(1919, 1, 1, tzinfo=UTC)), _micros(datetime(2040, 1, 1, tzinfo=UTC)), 2_000
    )
    changes = [_micros(datetime(2026, 3, 29, 1, tzinfo=UTC)) + step for step in (-1, 0, 1)]
    monrovia = [_micros(datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)) + step for step in (-1, 0, 1)]
    moments = np.append(moments, [*changes, *monrovia])
    expected = [
        _micros((EPOCH + timedelta(microseconds=int(m))).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC))
        for m in moments
    ]
    np.testing.assert_array_equal(local(moments, zone), expected)


def test_the_clock_of_a_zone_is_read_in_summer_and_in_winter() -> None:
    """The same hour of UTC is another hour in Berlin in March, before and after the clocks change."""
    moments = [datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
               datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
               datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)]  # fmt: skip
    zone = "Europe/Berlin"
    features = FeatureSet(
        derived=[Hour("hour", zone=zone), DayOfWeek("weekday", zone=zone), Weekend("weekend", zone=zone),
                 Night("night", until_hour=2, zone=zone), Hour("utc_hour")]
    )  # fmt: skip
    found = derive(features, {}, np.array([_micros(moment) for moment in moments]))
    assert found["hour"].tolist() == [0, 1, 3, 2, 2, 0]
    assert found["weekday"].tolist() == [6, 6, 6, 6, 6, 0]
    assert found["weekend"].tolist() == [1, 1, 1, 1, 1, 0]
    assert found["night"].tolist() == [1, 1, 0, 1, 1, 1]
    assert found["utc_hour"].tolist() == [23, 0, 1, 0, 1, 22]
