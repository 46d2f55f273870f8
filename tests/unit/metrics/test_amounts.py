"""Losses, figures and answers of amounts, beside scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import (
    d2_tweedie_score,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_squared_error,
    mean_tweedie_deviance,
    r2_score,
)

from assets.metrics.amount_answers import NEVER, amount_earned, at_amount, choose_amount
from assets.metrics.amounts import decile_error, deciles, larger_half, measure_amounts, row_losses
from assets.metrics.ranking import EvaluationError
from assets.product import Amount, DecisionPolicy, Profit

RANDOM = np.random.default_rng(8)
PREDICTED = RANDOM.uniform(50, 500, 2_000)
ACTUAL = RANDOM.gamma(2.0, PREDICTED / 2.0)
DECISION = DecisionPolicy(accept="yes", refuse="no", profit=Profit(good=200.0, bad=1.0), max_refused=0.9)


def test_losses_are_those_of_scikit_learn() -> None:
    def mean(target: Amount) -> float:
        return float(row_losses(target, ACTUAL, PREDICTED).mean())

    assert mean(Amount("EUR")) == pytest.approx(mean_squared_error(ACTUAL, PREDICTED))
    assert mean(Amount("EUR", "gamma")) == pytest.approx(mean_gamma_deviance(ACTUAL, PREDICTED))
    tweedie = mean_tweedie_deviance(ACTUAL, PREDICTED, power=1.3)
    assert mean(Amount("EUR", "tweedie", power=1.3)) == pytest.approx(tweedie)
    pinball = mean_pinball_loss(ACTUAL, PREDICTED, alpha=0.7)
    assert mean(Amount("EUR", "pinball", quantile=0.7)) == pytest.approx(pinball)


def test_skill_is_the_deviance_explained() -> None:
    figures = measure_amounts(Amount("EUR", "gamma"), ACTUAL, PREDICTED)
    assert figures.skill == pytest.approx(d2_tweedie_score(ACTUAL, PREDICTED, power=2))
    assert figures.r2 == pytest.approx(r2_score(ACTUAL, PREDICTED))
    squared = measure_amounts(Amount("EUR"), ACTUAL, PREDICTED)
    assert squared.skill == pytest.approx(squared.r2)


def test_errors_in_the_mean_are_shares_and_of_a_quantile_distances() -> None:
    target = Amount("EUR", "gamma")
    assert measure_amounts(target, ACTUAL, 1.2 * ACTUAL).mean_error == pytest.approx(0.2)
    assert decile_error(target, ACTUAL, ACTUAL) == 0.0
    assert decile_error(target, ACTUAL, 2.0 * PREDICTED) > 1.0  # type: ignore[operator]
    middle = Amount("EUR", "pinball")
    exact = np.full(len(ACTUAL), np.median(ACTUAL))
    assert measure_amounts(middle, ACTUAL, exact).mean_error == pytest.approx(0.0, abs=1e-3)
    assert measure_amounts(middle, ACTUAL, exact + 1e6).mean_error == 0.5


def test_deciles_are_of_equal_size_and_rise() -> None:
    found = deciles(ACTUAL, PREDICTED)
    assert found.rows.tolist() == [200] * 10
    assert (np.diff(found.predicted) > 0).all()


def test_a_figure_that_cannot_be_computed_is_unknown_or_refused() -> None:
    same = np.full(5, 3.0)
    assert measure_amounts(Amount("EUR"), same, same).skill is None
    with pytest.raises(EvaluationError, match="finite prediction"):
        measure_amounts(Amount("EUR"), ACTUAL, np.full(len(ACTUAL), np.nan))
    with pytest.raises(EvaluationError, match="0 and more"):
        measure_amounts(Amount("EUR", "tweedie"), -ACTUAL, PREDICTED)


def test_half_of_the_rows_are_the_larger_ones_and_zeros_are_the_smaller() -> None:
    assert larger_half(ACTUAL).mean() == 0.5
    assert larger_half(np.array([0.0, 0.0, 0.0, 5.0])).tolist() == [0, 0, 0, 1]


def test_the_threshold_earns_the_most_or_is_the_declared_one() -> None:
    chosen = choose_amount(PREDICTED, ACTUAL, Amount("EUR"), DECISION, None)
    assert chosen.threshold == pytest.approx(200.0, rel=0.25), "a row earns 200 less its amount"
    assert chosen.refused_share <= DECISION.max_refused
    best = max(at_amount(bar, PREDICTED, ACTUAL, DECISION, None).profit for bar in (chosen.threshold, 150.0, 260.0))
    assert chosen.profit == best
    assert choose_amount(PREDICTED, ACTUAL, Amount("EUR", threshold=321.0), DECISION, None).threshold == 321.0
    free = choose_amount(PREDICTED, ACTUAL, Amount("EUR", threshold=float("inf")), DECISION, None)
    assert (free.threshold, free.refused_share, free.profit) == (NEVER, 0.0, free.profit_accept_all)


def test_a_row_earns_a_share_of_its_stake_less_its_amount_and_rules_take_theirs() -> None:
    profit = Profit(good=0.1, bad=0.5, stake="sum")
    earned = amount_earned(np.array([10.0, 400.0]), profit, np.array([1_000.0, 1_000.0]))
    assert earned.tolist() == [95.0, -100.0]
    with pytest.raises(EvaluationError, match="stake"):
        amount_earned(np.array([10.0]), profit, None)
    ruled = np.array([2, 0], dtype=np.int8)
    tested = at_amount(NEVER, np.array([1.0, 1.0]), np.array([10.0, 400.0]), DECISION, None, ruled)
    assert (tested.profit, tested.refused_share) == (-200.0, 0.5)
