"""Times between events, streaks and slopes, computed by hand."""

import numpy as np
import pytest

from assets.vocabulary import hours
from tests.unit.features.one_person import events, own, tx, value


def test_times_between_events_are_in_days() -> None:
    """Gaps of 12, 6 and 6 hours; a request that counts ends one more."""
    history = events([30, 18, 12, 6])
    assert value(tx.time_between("mean"), history) == 1 / 3
    assert value(tx.time_between("min"), history) == 0.25
    assert value(tx.time_between("max"), history) == 0.5
    assert value(tx.time_between("std"), history) == pytest.approx(np.std([0.5, 0.25, 0.25], ddof=1), rel=1e-15)
    assert value(tx.time_between("max", hours(18)), history) == 0.25
    assert value(own.time_between("max", hours(7)), history) == 0.25
    assert value(own.time_between("std"), history) == pytest.approx(np.std([0.5, 0.25, 0.25, 0.25], ddof=1), rel=1e-15)
    some = events([30, 18, 12, 6], kind=["a", "b", "b", "a"])
    assert value(tx.where(kind="a").time_between("mean"), some) == 1.0
    assert value(own.where(kind="a").time_between("mean"), some, kind=["b"]) == 1.0


def test_between_simultaneous_events_the_time_is_zero() -> None:
    """A gap of length 0 counts."""
    assert value(tx.time_between("min"), events([5, 5])) == 0.0
    assert value(tx.time_between("std"), events([5, 5, 5])) == 0.0


def test_a_streak_ends_at_the_latest_event_that_breaks_it() -> None:
    """Streaks count back from the decision among the events that meet the filters."""
    late = {"status": "late"}
    assert value(tx.streak(**late), events([4, 3, 2, 1], status=["late", "paid", "late", "late"])) == 2
    assert value(tx.streak(**late), events([2, 1], status=["late", "paid"])) == 0
    assert value(tx.streak(**late), events([2, 1], status=["late", None])) == 0
    assert value(tx.streak(hours(3), **late), events([4, 2, 1], status=["late"] * 3)) == 2
    some = events([4, 3, 2, 1], status=["late", "late", "paid", "late"], kind=["a", "a", "b", "a"])
    assert value(tx.where(kind="a").streak(**late), some) == 3
    assert value(own.streak(**late), events([2, 1], status=["late", "late"]), status=["late"]) == 3
    assert value(own.streak(**late), events([2, 1], status=["late", "late"]), status=["paid"]) == 0


def test_of_tied_events_the_one_that_breaks_a_streak_is_the_last() -> None:
    """A streak does not depend on the order in which tied events are stored."""
    for statuses in (["late", "paid", "late", "late"], ["late", "late", "paid", "late"]):
        assert value(tx.streak(status="late"), events([5, 3, 3, 1], status=statuses)) == 1


def test_a_slope_is_the_daily_rise_of_a_column() -> None:
    """Ten cents every six hours are forty a day; events of a single time have no slope."""
    assert value(tx.slope("amount"), events([24, 18, 12, 6], amount=[0.1, 0.2, 0.3, 0.4])) == 0.4
    assert value(tx.slope("amount"), events([24, 18, 6], amount=[0.1, None, 0.4])) == 0.4
    assert value(tx.slope("amount"), events([5, 5, 5], amount=[1.0, 2.0, 4.0])) is None
    assert value(own.slope("amount"), events([12], amount=[1.0]), amount=[2.0]) == 2.0
    random = np.random.default_rng(5)
    before, amounts = np.sort(random.uniform(0, 900, 50))[::-1], np.round(random.normal(0, 9, 50), 2)
    fitted = np.polyfit(-before / 24, amounts, 1)[0]
    assert value(tx.slope("amount"), events(before.tolist(), amount=amounts)) == pytest.approx(fitted, rel=1e-7)
