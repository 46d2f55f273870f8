"""Intervals of shares: against published values, by simulation, and where rows of one entity are alike."""

import numpy as np
import pytest

from assets.metrics.calibration import wilson_interval
from assets.metrics.intervals import Share, difference_interval, independent_rows, ratio_interval, share_of, wilson

RUNS = 2000


def drawn(hits: int, rows: int, confidence: float = 0.95) -> Share:
    return Share(hits / rows, *wilson(hits / rows, rows, confidence), rows, rows)


def test_wilson_is_that_of_the_calibration_curve() -> None:
    low, high = wilson_interval(np.array([0.3]), np.array([100]))
    assert wilson(0.3, 100, 0.95) == pytest.approx((low[0], high[0]), abs=1e-6)


def test_the_difference_equals_newcombes_published_example() -> None:
    """Newcombe 1998, table II, method 10: 56/70 less 48/80."""
    assert difference_interval(drawn(56, 70), drawn(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "rows"), [(0.5, 0.6, (100, 300)), (0.9, 0.95, (100, 1000)), (0.02, 0.05, (120, 400))]
)
def test_intervals_hold_the_truth_as_often_as_they_say(one: float, other: float, rows: tuple[int, int]) -> None:
    generator = np.random.default_rng(3)
    held = np.zeros(3)
    for hits in zip(generator.binomial(rows[0], one, RUNS), generator.binomial(rows[1], other, RUNS), strict=True):
        first, second = drawn(int(hits[0]), rows[0]), drawn(int(hits[1]), rows[1])
        difference, ratio = difference_interval(first, second), ratio_interval(first, second)
        held += [
            first.low <= one <= first.high,
            difference[0] <= one - other <= difference[1],
            ratio[0] <= one / other <= ratio[1],
        ]
    assert np.all(held / RUNS > 0.935)
    assert np.all(held / RUNS < 0.985)


def test_rows_of_an_entity_that_are_alike_count_as_few() -> None:
    generator = np.random.default_rng(4)
    entities = np.repeat(np.arange(150), 10)
    held, naive = 0, 0
    for _ in range(500):
        chance = np.repeat(generator.beta(1.0, 1.0, 150), 10)
        share = share_of(generator.random(1500) < chance, 0.95, entities)
        held += share.low <= 0.5 <= share.high
        low, high = wilson(share.value, 1500, 0.95)
        naive += low <= 0.5 <= high
    assert held / 500 > 0.92
    assert naive / 500 < 0.8


def test_independent_rows() -> None:
    hits = np.array([True, True, False, False])
    assert independent_rows(hits, None) == 4.0
    assert independent_rows(hits, np.array(["a", "a", "b", "b"])) == 2.0
    assert independent_rows(hits, np.array(["a", "b", "c", "d"])) == 4.0
    assert independent_rows(np.ones(4, dtype=np.bool_), np.array(["a", "a", "b", "b"])) == 2.0


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 5), (5, 0), (20, 20), (20, 3), (1, 20)])
def test_shares_at_the_edge_have_ordered_ends_around_the_ratio(one: int, other: int) -> None:
    low, high = ratio_interval(drawn(one, 20), drawn(other, 20))
    assert 0.0 <= low <= high
    if other:
        assert low <= one / other + 1e-12
        assert one / other <= high + 1e-12
