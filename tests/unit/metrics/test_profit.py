"""Profit against a plain loop over thresholds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.metrics.profit import at_threshold, choose_threshold, profit_curve
from assets.metrics.ranking import EvaluationError
from assets.product import Profit

PER_ROW = Profit(good=10, bad=100)
SHARE = Profit(good=0.1, bad=0.6, stake="amount")


def some_rows(count: int = 300) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64]]:
    generator = np.random.default_rng(0)
    scores = np.round(generator.beta(1, 4, count), 2)
    return scores, (generator.random(count) < scores).astype(np.int8), generator.uniform(100, 900, count)


@pytest.mark.parametrize("profit", [PER_ROW, SHARE])
def test_the_curve_equals_a_loop(profit: Profit) -> None:
    scores, y, amounts = some_rows()
    stake = amounts if profit.stake else None
    curve = profit_curve(scores, y, profit, stake)
    assert len(curve.thresholds) == len(np.unique(scores)) + 1
    for threshold, share, earned in zip(curve.thresholds, curve.refused_share, curve.profit, strict=True):
        accepted = [row for row in range(len(y)) if scores[row] < threshold]
        weight = amounts if profit.stake else np.ones(len(y))
        wanted = sum((-profit.bad if y[row] else profit.good) * weight[row] for row in accepted)
        assert earned == pytest.approx(wanted, abs=1e-9)
        assert share == pytest.approx(1 - len(accepted) / len(y))


def test_the_chosen_threshold_is_the_best_allowed_one_and_says_what_it_earns() -> None:
    scores, y, _ = some_rows()
    free = choose_threshold(scores, y, PER_ROW, None, 1.0)
    curve = profit_curve(scores, y, PER_ROW, None)
    assert free.profit == curve.profit.max() > free.profit_accept_all == curve.profit[0]
    assert free == at_threshold(free.threshold, scores, y, PER_ROW, None)
    tight = choose_threshold(scores, y, PER_ROW, None, 0.1)
    assert tight.refused_share <= 0.1 < free.refused_share
    assert tight.profit <= free.profit


def test_the_threshold_lies_between_scores() -> None:
    scores, y, _ = some_rows()
    chosen = choose_threshold(scores, y, PER_ROW, None, 0.5)
    assert np.abs(scores - chosen.threshold).min() == pytest.approx(0.005)


def test_neighbours_without_a_number_between_them_are_still_told_apart() -> None:
    low = 0.3
    for _ in range(2):
        # The middle is rounded down for one of two such pairs, up for the other.
        scores = np.array([low, np.nextafter(low, 1.0)])
        chosen = choose_threshold(scores, np.array([0, 1], dtype=np.int8), PER_ROW, None, 0.5)
        assert (scores >= chosen.threshold).tolist() == [False, True]
        low = scores[1]


def test_nobody_is_refused_when_that_earns_the_most() -> None:
    scores, _, _ = some_rows()
    chosen = choose_threshold(scores, np.zeros(len(scores), dtype=np.int8), PER_ROW, None, 0.5)
    assert chosen.refused_share == 0.0
    assert chosen.gain == 0.0
    assert chosen.threshold >= 1.0


def test_gain_is_a_share_of_the_size_of_accepting_everybody() -> None:
    scores = np.array([0.1, 0.9])
    y = np.array([0, 1], dtype=np.int8)
    assert choose_threshold(scores, y, Profit(10, 30), None, 0.5).gain == pytest.approx((10 + 20) / 20)
    assert choose_threshold(scores, y, Profit(10, 10), None, 0.5).gain is None


def test_a_stake_that_does_not_fit_is_refused() -> None:
    scores, y, amounts = some_rows()
    with pytest.raises(EvaluationError, match="rows have none"):
        profit_curve(scores, y, SHARE, None)
    with pytest.raises(EvaluationError, match="rows have one"):
        profit_curve(scores, y, PER_ROW, amounts)
    with pytest.raises(EvaluationError, match="finite"):
        profit_curve(scores, y, SHARE, np.where(amounts > 800, np.nan, amounts))
    with pytest.raises(EvaluationError, match="max_refused"):
        choose_threshold(scores, y, PER_ROW, None, 50)
