"""The population stability index."""

import numpy as np
import pytest

from assets.metrics.psi import psi


def test_psi_is_the_published_formula() -> None:
    """Shares with half a row more in each bin, put into the formula by hand."""
    expected, counts = np.array([40, 60]), np.array([[70, 30]])
    p, q = np.array([40.5, 60.5]) / 101, np.array([70.5, 30.5]) / 101
    by_hand = (q[0] - p[0]) * np.log(q[0] / p[0]) + (q[1] - p[1]) * np.log(q[1] / p[1])
    assert psi(expected, counts)[0] == pytest.approx(by_hand, rel=1e-12)


def test_an_empty_bin_is_finite_and_nothing_moved_is_zero() -> None:
    """A bin that one side never fills does not make the index infinite; the same shares are 0 apart."""
    expected = np.array([500, 500, 0])
    moved, same = psi(expected, np.array([[0, 500, 500], [5_000, 5_000, 0]]))
    assert 0.25 < moved < 20
    assert same == pytest.approx(0.0, abs=0.01)
