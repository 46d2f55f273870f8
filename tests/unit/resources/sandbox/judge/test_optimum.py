"""The best times to retrain, against every plan there is."""

from itertools import combinations

import numpy as np
import pytest

from resources.sandbox.judge.optimum import best_plan, value_of


@pytest.mark.parametrize("seed", range(12))
def test_no_plan_of_all_is_better(seed: int) -> None:
    random, n = np.random.default_rng(seed), 8
    # Models age: they earn less with each period, by steps that chance draws.
    earned = np.array([[10.0 - 0.8 * max(t - i, 0) + random.normal() for t in range(n)] for i in range(n)])
    cost = float(random.uniform(0.0, 6.0))
    found = best_plan(earned, cost)
    plans = [plan for size in range(n) for plan in combinations(range(1, n), size)]
    values = [value_of(earned, plan, cost).value for plan in plans]
    assert found.value == pytest.approx(max(values))
    assert value_of(earned, found.trained, cost).value == pytest.approx(found.value)


def test_a_training_that_costs_more_than_it_brings_is_left_out() -> None:
    earned = np.array([[5.0, 4.0, 4.0], [0.0, 5.0, 5.0], [0.0, 0.0, 5.0]])
    assert best_plan(earned, cost=1.5).trained == (0, 1)
    assert best_plan(earned, cost=2.5).trained == (0,)


def test_retraining_always_is_no_optimum_where_new_models_know_little() -> None:
    """The model of period 2 learned from few new labels, and is worse than the one before it."""
    earned = np.array([[5.0, 3.0, 3.0], [0.0, 6.0, 6.0], [0.0, 0.0, 2.0]])
    found = best_plan(earned, cost=0.0)
    assert found.trained == (0, 1)
    assert found.value > value_of(earned, (1, 2), cost=0.0).value
