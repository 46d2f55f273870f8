"""The regret of rules for when to train, on rows whose concept turns over half way."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from resources.sandbox.judge.record import Observation, Seen, Stakes
from resources.sandbox.judge.regret import Rows, compared, earned_by_period, period_days, periods_of

PERIODS, PERIOD_DAYS = 6, 30
TURN = 2 * PERIOD_DAYS
STAKES = Stakes(good=0.2, bad=0.5)


def turning_rows() -> Rows:
    """One feature: high was bad before the turn, low is bad after it; a label is known after five days."""
    random = np.random.default_rng(8)
    day = np.sort(random.integers(-60, PERIODS * PERIOD_DAYS, 4_000))
    value = random.normal(size=len(day))
    odds = np.where(day < TURN, 3.0 * value, -3.0 * value) - 2.0
    bad = random.random(len(day)) < 1 / (1 + np.exp(-odds))
    return Rows(
        day=day, features=value[:, None], stake=np.full(len(day), 100.0), bad=bad, label_day=day + 5, told=bad
    )  # fmt: skip


@pytest.fixture(scope="module")
def earned() -> np.ndarray:
    return earned_by_period(turning_rows(), PERIODS * PERIOD_DAYS, STAKES)


def test_a_model_of_the_old_concept_loses_after_the_turn_and_one_of_the_new_earns(earned: np.ndarray) -> None:
    assert earned[0, 0] > 0
    assert earned[0, 5] < 0 < earned[5, 5]
    assert (np.tril(earned, -1) == 0).all(), "a model decides nothing before it is trained"


def test_no_rule_beats_the_optimum_at_any_cost(earned: np.ndarray) -> None:
    found = compared(earned, loop=(3,), on_drift=(3,))
    assert [one.ratio for one in found] == [0.0, 0.02, 0.1, 0.5]
    for one in found:
        best = one.plans["optimum"].value
        assert all(plan.value <= best + 1e-9 for plan in one.plans.values())
        assert one.share("optimum") == 1.0
    assert found[0].plans["never"].value < found[0].plans["loop"].value
    assert found[-1].plans["monthly"].value < found[-1].plans["on drift only"].value, "each training costs"


def test_a_short_game_day_has_four_periods_and_trains_monthly_once(earned: np.ndarray) -> None:
    assert [period_days(days) for days in (730, 120, 30, 4, 1)] == [30, 30, 7, 1, 1]
    weeks = compared(earned, loop=(), on_drift=(), period=7)[0]
    assert weeks.plans["monthly"].trained == (0, 4)


def test_without_labels_there_is_no_model_and_everything_is_accepted() -> None:
    rows = turning_rows()
    never = Rows(
        day=rows.day, features=rows.features, stake=rows.stake, bad=rows.bad,
        label_day=np.full(len(rows.day), 10**6), told=rows.told,
    )  # fmt: skip
    earned = earned_by_period(never, PERIODS * PERIOD_DAYS, STAKES)
    assert np.allclose(earned[0, 1:], earned[1, 1:])


def test_the_periods_are_of_what_became_champion_and_of_what_the_calendar_did_not_ask_for() -> None:
    first = date(2026, 1, 1)

    def seen(what: Seen, day: int, cause: str = "", product: str = "card_fraud") -> Observation:
        at = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=day)
        return Observation(at=at, seen=what, product=product, cause=cause)

    observed = [
        seen("retrain", 5, "schedule"), seen("promoted", 9), seen("retrain", 40, "drift"), seen("promoted", 65),
        seen("promoted", 10_000), seen("promoted", 33, product="credit_risk"),
    ]  # fmt: skip
    assert periods_of(observed, "card_fraud", first, 180, off_schedule=False) == (0, 2, 5)
    assert periods_of(observed, "card_fraud", first, 180, off_schedule=True) == (1,)
