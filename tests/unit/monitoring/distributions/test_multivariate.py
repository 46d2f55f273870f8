"""The classifier between rows then and rows now."""

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.profile import ReferenceProfile, build_profile
from assets.monitoring.distributions.multivariate import separation


def draw(n: int, seed: int, *, correlation: float = 0.0, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    a = rng.normal(shift, 1, n)
    b = correlation * a + np.sqrt(1 - correlation**2) * rng.normal(0, 1, n)
    return pa.table({"a": a, "b": b, "kind": rng.choice(["x", "y"], n)})


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    rows = draw(500, 0)
    return build_profile(rows, np.linspace(0, 1, 500), ["a", "b"], ["kind"], positive_rate=0.5, auc=0.7)


def test_rows_of_one_distribution_are_not_told_apart(profile: ReferenceProfile) -> None:
    """Of ten p-values fewer than three are below 0.05."""
    found = [separation(profile, draw(120, 2 * n), draw(100, 2 * n + 1), seed=n) for n in range(10)]
    assert sum(one is not None and one.p_value < 0.05 for one in found) < 3


def test_a_correlation_that_no_single_feature_shows_is_seen(profile: ReferenceProfile) -> None:
    found = separation(profile, draw(1000, 1), draw(1000, 2, correlation=0.9))
    assert found is not None
    assert found.auc > 0.65
    assert found.p_value < 1e-6


def test_few_rows_are_not_judged(profile: ReferenceProfile) -> None:
    assert separation(profile, draw(500, 1), draw(49, 2)) is None
