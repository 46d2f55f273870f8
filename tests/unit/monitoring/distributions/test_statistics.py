"""Each statistic equals scipy's on the same counts."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, kstwobign, wasserstein_distance

from assets.metrics.psi import psi as one_psi
from assets.monitoring.distributions.statistics import (
    chi_squared,
    distribution_gaps,
    jensen_shannon,
    kolmogorov_smirnov,
    kolmogorov_smirnov_p,
    psi,
    share,
    wasserstein,
)

SIZES = (1, 2, 7, 40)
STARTS = np.array([0, 1, 3, 10])
WINDOWS = 6


@pytest.fixture(params=range(5))
def counts(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Reference counts [cells] and those of some windows [windows, cells], with empty cells on either side and both."""
    rng = np.random.default_rng(request.param)
    scale = rng.choice([0, 1, 5, 400], sum(SIZES))
    reference, current = rng.poisson(scale), rng.poisson(np.roll(scale, 1), (WINDOWS, sum(SIZES)))
    reference[STARTS] += 1
    current[:, STARTS] += 1
    return reference, current


def pairs(counts: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
    """For each window and subject its two vectors of counts."""
    reference, current = counts
    return [
        (window, place, reference[start : start + size], current[window, start : start + size])
        for window in range(WINDOWS)
        for place, (start, size) in enumerate(zip(STARTS, SIZES, strict=True))
    ]


def test_psi_is_that_of_one_column_alone(counts: tuple[np.ndarray, np.ndarray]) -> None:
    found = psi(*counts, STARTS)
    for window, place, then, now in pairs(counts):
        assert found[window, place] == pytest.approx(one_psi(then, now[None])[0], abs=1e-12)


def test_jensen_shannon_is_scipys(counts: tuple[np.ndarray, np.ndarray]) -> None:
    found = jensen_shannon(*counts, STARTS)
    for window, place, then, now in pairs(counts):
        theirs = np.nan_to_num(jensenshannon(then, now, base=2))
        assert found[window, place] ** 2 == pytest.approx(theirs**2, abs=1e-12)
        assert found[window, place] == pytest.approx(theirs, abs=1e-9 if theirs > 1e-6 else 1e-7)


def test_chi_squared_is_scipys(counts: tuple[np.ndarray, np.ndarray]) -> None:
    statistic, p_value = chi_squared(*counts, STARTS)
    for window, place, then, now in pairs(counts):
        both = np.array([then, now])[:, (then + now) > 0]
        theirs = chi2_contingency(both, correction=False)
        assert statistic[window, place] == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
        assert p_value[window, place] == pytest.approx(theirs.pvalue, abs=1e-9)


def test_kolmogorov_smirnov_is_scipys(counts: tuple[np.ndarray, np.ndarray]) -> None:
    found = kolmogorov_smirnov(distribution_gaps(*counts, STARTS), STARTS)
    for window, place, then, now in pairs(counts):
        cells = np.arange(len(then))
        theirs = ks_2samp(cells.repeat(then), cells.repeat(now), method="asymp")
        assert found[window, place] == pytest.approx(theirs.statistic, abs=1e-9)
        p_value = kolmogorov_smirnov_p(found[window, place], then.sum(), now.sum())
        rows = then.sum() * now.sum() / (then.sum() + now.sum())
        assert float(p_value) == pytest.approx(kstwobign.sf(np.sqrt(rows) * theirs.statistic), abs=1e-9)


def test_wasserstein_is_scipys(counts: tuple[np.ndarray, np.ndarray]) -> None:
    points = np.concatenate([np.sort(np.random.default_rng(size).normal(size=size)) for size in SIZES])
    found = wasserstein(distribution_gaps(*counts, STARTS), STARTS, points)
    for window, place, then, now in pairs(counts):
        at = points[STARTS[place] : STARTS[place] + SIZES[place]]
        assert found[window, place] == pytest.approx(wasserstein_distance(at, at, then, now), abs=1e-9)


def test_nothing_on_a_side_is_not_known() -> None:
    some, nothing, starts = np.array([3, 4, 5]), np.zeros((2, 3), np.int64), np.array([0])
    points, gaps = np.arange(3.0), distribution_gaps(some, nothing, starts)
    for found in (
        psi(some, nothing, starts),
        jensen_shannon(some, nothing, starts),
        chi_squared(some, nothing, starts)[1],
        kolmogorov_smirnov(gaps, starts),
        wasserstein(gaps, starts, points),
        kolmogorov_smirnov_p(np.full((2, 1), np.nan), np.array([12]), np.array([0])),
        share(nothing, nothing),
    ):
        assert np.isnan(found).all()
