"""Intervals of business figures are left as seldom as stated, also where rows are few and bad rows come in bursts."""

import numpy as np
import pytest

from assets.monitoring.performance.expectations import (
    Expectation,
    expected_count,
    expected_draw,
    expected_share,
    expected_sum,
)

CHANCE = 0.002
DAYS = 28
TRIES = 3_000
MOST = 0.005
"""Of 3,000 days at 0.002 more than 15 come once in 2,000 times."""


def outside(found: Expectation | None, value: float) -> bool:
    assert found is not None
    return not found.low <= value <= found.high


@pytest.mark.parametrize("a_day", [3, 12, 150])
@pytest.mark.parametrize("burst", [1.0, 2.0])
def test_counts_of_days_that_differ_by_more_than_chance(a_day: int, burst: float) -> None:
    """A weekday has its own number of rows, and a day's variance is its mean times the burst."""
    rng, weekday = np.random.default_rng(a_day), np.arange(DAYS + 1) % 7
    mean = np.where(weekday >= 5, 0.6, 1.0) * a_day
    drawn = rng.poisson(mean if burst == 1.0 else rng.gamma(mean / (burst - 1), burst - 1, (TRIES, DAYS + 1)),
                        (TRIES, DAYS + 1))  # fmt: skip
    found = [
        outside(expected_count(one[:-1].tolist(), weekday[:-1].tolist(), int(weekday[-1]), CHANCE), one[-1])
        for one in drawn
        if (one[:-1] > 0).sum() >= 7
    ]
    assert np.mean(found) <= MOST


def test_a_small_count_s_limit_follows_its_tail_and_a_day_without_rows_is_outside_of_a_large_one() -> None:
    counts, weekdays = [4, 2, 3, 5, 1, 3, 2] * 4, [*range(7)] * 4
    few = expected_count(counts, weekdays, 0, 1e-4)
    assert few is not None
    assert few.low == 0
    assert few.high > 11
    many = expected_count([40 * one for one in counts], weekdays, 0, 1e-4)
    assert many is not None
    assert many.low > 0
    assert expected_count(counts[:6], weekdays[:6], 0, 1e-4) is None


@pytest.mark.parametrize("share", [0.02, 0.3, 0.85])
@pytest.mark.parametrize("rows", [12, 150])
def test_shares_of_few_rows(share: float, rows: int) -> None:
    rng, day = np.random.default_rng(rows), np.repeat(np.arange(60), rows)
    of_days = rng.beta(80 * share, 80 * (1 - share), (TRIES // 50, 60))
    found = []
    for levels in of_days:
        then = (rng.random(60 * rows) < levels.repeat(rows)).astype(np.float64)
        expected = expected_share(then, day, rows, CHANCE)
        now = rng.binomial(rows, rng.beta(80 * share, 80 * (1 - share), 50)) / rows
        found += [outside(expected, one) for one in now]
    assert np.mean(found) <= MOST


def test_sums_of_lopsided_amounts() -> None:
    rng, day = np.random.default_rng(3), np.repeat(np.arange(60), 20)
    found = []
    for _ in range(TRIES // 50):
        expected = expected_sum(rng.lognormal(1, 0.8, 1_200), day, 20, CHANCE)
        found += [outside(expected, one) for one in rng.lognormal(1, 0.8, (50, 20)).sum(axis=1)]
    assert np.mean(found) <= MOST


@pytest.mark.parametrize("burst", [1, 4])
def test_sums_over_labels_that_come_in_bursts(burst: int) -> None:
    """So many rows beside each other have one label."""
    rng, p = np.random.default_rng(burst), np.full(400, 0.01)
    bad = rng.binomial(400 // burst, 0.01, (TRIES, DAYS + 1))
    sums = bad * burst
    mean, error, third = p.sum(), np.sqrt((p * (1 - p)).sum()), (p * (1 - p) * (1 - 2 * p)).sum()
    found = [outside(expected_draw(mean, error, third, (one[:-1] - mean) / error, CHANCE), one[-1]) for one in sums]
    assert np.mean(found) <= 2 * MOST


def test_labels_that_are_all_worse_are_outside_however_long_they_are() -> None:
    expected = expected_draw(10.0, 3.0, 25.0, np.full(DAYS, 6.0), CHANCE)
    assert outside(expected, 28.0)
