"""The ratio of densities beside the known one of normal columns, and regions never seen."""

import numpy as np
import pytest

from assets.metrics.density_ratio import density_ratio


def normal(rows: int, mean: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.normal(mean, 1, rows), rng.normal(0, 1, rows)], axis=1).astype(np.float32)


def test_it_follows_the_known_ratio() -> None:
    reference, window = normal(8000, 0.0, 1), normal(5000, 0.8, 2)
    found = density_ratio(reference, window)
    known = np.exp(0.8 * reference[:, 0] - 0.32)
    assert found.shifted
    assert np.corrcoef(np.log(found.reference), np.log(known))[0, 1] > 0.93
    assert found.reference.mean() == pytest.approx(1.0)
    assert np.average(reference[:, 0], weights=found.reference) == pytest.approx(0.8, abs=0.1)
    assert found.unseen_share < 0.02


def test_alike_rows_weigh_the_same() -> None:
    found = density_ratio(normal(4000, 0.0, 1), normal(3000, 0.0, 2))
    assert not found.shifted
    assert (found.reference == 1.0).all()
    assert found.unseen_share == 0.0


def test_rows_where_none_was_before_are_counted() -> None:
    window = np.concatenate([normal(1800, 0.0, 2), normal(200, 30.0, 3)])
    assert density_ratio(normal(4000, 0.0, 1), window).unseen_share == pytest.approx(0.1, abs=0.01)


def test_a_value_that_is_missing_now_is_a_region_too() -> None:
    window = normal(2000, 0.0, 2)
    window[:300, 1] = np.nan
    assert density_ratio(normal(4000, 0.0, 1), window).unseen_share == pytest.approx(0.15, abs=0.02)
