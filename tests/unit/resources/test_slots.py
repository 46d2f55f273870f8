"""Slots: days and hours of UTC, their names, their order."""

import copy
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from resources.naming import BadName
from resources.slots import (
    Hour,
    checked_slot,
    days_of,
    end_of,
    hours_of,
    is_slot,
    named,
    next_slot,
    slot_before,
    slots_between,
    start_of,
    stretches,
)

HOUR = checked_slot("2026-03-01-23:00")


def test_an_hour_is_written_as_dagsters_key_of_it() -> None:
    assert isinstance(HOUR, Hour)
    assert (str(HOUR), f"{HOUR}", named(HOUR)) == ("2026-03-01-23:00", "2026-03-01-23:00", "hour 2026-03-01-23:00")
    assert checked_slot(str(next_slot(HOUR))) == datetime(2026, 3, 2, tzinfo=UTC)
    assert str(copy.deepcopy(HOUR)) == str(HOUR), "it is sent to tasks"
    assert named(date(2026, 3, 1)) == "day 2026-03-01"


def test_an_hour_holds_its_moments_of_any_zone() -> None:
    half_past = datetime(2026, 3, 2, 5, 29, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert str(Hour.holding(half_past)) == "2026-03-01-23:00"
    assert (start_of(HOUR), end_of(HOUR)) == (HOUR, datetime(2026, 3, 2, tzinfo=UTC))
    assert end_of(date(2026, 3, 1)) == end_of(HOUR)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-03-01-24:00", "hour '2026-03-01-24:00' is not in the day: the last one is 2026-03-01-23:00"),
        ("2026-03-01-05:30", "write YYYY-MM-DD or, of an hour, YYYY-MM-DD-HH:00"),
        ("2026-03-01T05", "write YYYY-MM-DD or, of an hour, YYYY-MM-DD-HH:00"),
        ("2026-02-30-05:00", "day '2026-02-30' is not in the calendar"),
        ("yesterday", "day 'yesterday' is not a date"),
    ],
)
def test_what_is_no_day_and_no_hour_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadName, match=said):
        checked_slot(text)
    assert is_slot("2026-03-01-05:00")
    assert not is_slot("2026-03-01-05:00#7"), "a row of the hour"


def test_hours_follow_each_other_over_the_end_of_a_day() -> None:
    found = slots_between(HOUR, checked_slot("2026-03-02-01:00"))
    assert [str(slot) for slot in found] == ["2026-03-01-23:00", "2026-03-02-00:00", "2026-03-02-01:00"]
    assert days_of(found) == (date(2026, 3, 1), date(2026, 3, 2))
    assert slots_between(found[1], found[0]) == ()
    assert len(hours_of(date(2026, 3, 1))) == 24
    assert hours_of(HOUR) == (HOUR,)


def test_the_slot_before_is_a_whole_one() -> None:
    assert str(slot_before(HOUR, timedelta(minutes=90))) == "2026-03-01-21:00"
    assert slot_before(date(2026, 3, 1), timedelta(days=2, hours=5)) == date(2026, 2, 27)


def test_slots_are_divided_where_one_is_missing() -> None:
    hours = hours_of(date(2026, 3, 1))
    assert list(stretches([hours[5], *hours[:2], hours[4]])) == [hours[:2], hours[4:6]]
    days = tuple(date(2026, 2, 27) + timedelta(days=n) for n in range(4))
    assert list(stretches([*days, date(2026, 3, 9)])) == [days, (date(2026, 3, 9),)]
    assert list(stretches([])) == []
