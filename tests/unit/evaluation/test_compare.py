"""The paired comparison."""

import numpy as np
import pytest

from assets.evaluation.compare import compare
from assets.metrics.ranking import EvaluationError

GENERATOR = np.random.default_rng(0)
TRUTH = GENERATOR.normal(size=4000)
Y = (GENERATOR.random(4000) < 1 / (1 + np.exp(-TRUTH + 1))).astype(np.int8)
GOOD = TRUTH + GENERATOR.normal(scale=0.3, size=4000)
WORSE = TRUTH + GENERATOR.normal(scale=1.5, size=4000)


def test_a_model_loses_nothing_against_itself() -> None:
    same = compare(Y, champion=GOOD, challenger=2 * GOOD + 1, seed=1)
    assert (same.difference, same.low, same.high) == (0.0, 0.0, 0.0)


def test_a_worse_challenger_loses_with_an_interval_above_zero() -> None:
    comparison = compare(Y, champion=GOOD, challenger=WORSE, seed=1)
    assert 0 < comparison.low < comparison.difference < comparison.high
    assert comparison.difference == pytest.approx(comparison.champion_auc - comparison.challenger_auc)


def test_swapping_the_sides_turns_the_interval_round() -> None:
    one = compare(Y, champion=GOOD, challenger=WORSE, seed=1)
    two = compare(Y, champion=WORSE, challenger=GOOD, seed=1)
    assert (two.low, two.high) == pytest.approx((-one.high, -one.low))


def test_pairing_makes_the_interval_narrower_than_each_models_own() -> None:
    twin = GOOD + np.random.default_rng(2).normal(scale=0.05, size=4000)
    comparison = compare(Y, champion=GOOD, challenger=twin, seed=1)
    assert comparison.high - comparison.low < 0.005


def test_scores_of_other_rows_are_refused() -> None:
    with pytest.raises(EvaluationError, match="shape"):
        compare(Y, champion=GOOD[:-1], challenger=WORSE, seed=1)
