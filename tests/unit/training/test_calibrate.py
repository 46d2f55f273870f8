"""Fitting a calibration: it corrects probabilities and keeps the order of rows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.bundle.calibration import CalibrationError, log_odds, sigmoid
from assets.training.calibrate import fit_beta, fit_calibration, fit_piecewise, fit_platt


def drawn(count: int, odds: NDArray[np.float64], seed: int = 0) -> NDArray[np.int8]:
    return (np.random.default_rng(seed).random(count) < sigmoid(odds)).astype(np.int8)


def test_platt_finds_the_slope_and_intercept_that_made_the_labels() -> None:
    odds = np.random.default_rng(1).normal(size=200_000)
    fitted = fit_platt(odds, drawn(len(odds), 0.6 * odds - 1.0))
    assert fitted.slope == pytest.approx(0.6, abs=0.02)
    assert fitted.intercept == pytest.approx(-1.0, abs=0.02)


def test_scores_that_rank_backwards_become_almost_flat_not_reversed() -> None:
    odds = np.random.default_rng(1).normal(size=5000)
    y = drawn(len(odds), -2.0 * odds)
    fitted = fit_calibration(sigmoid(odds), y)
    assert fitted.slope == pytest.approx(0.01)
    assert fitted.apply(np.array([0.5]))[0] == pytest.approx(y.mean(), abs=0.01)


def test_a_shape_that_platt_cannot_follow_gets_a_piecewise_map() -> None:
    raw = np.random.default_rng(2).random(20_000)
    stairs = np.where(raw < 0.5, 0.05, np.where(raw < 0.9, 0.3, 0.9))
    y = (np.random.default_rng(3).random(len(raw)) < stairs).astype(np.int8)
    fitted = fit_calibration(raw, y)
    assert fitted.method == "piecewise"
    assert fitted.apply(np.array([0.25, 0.7, 0.95])) == pytest.approx([0.05, 0.3, 0.9], abs=0.03)


def test_few_positives_get_platt_and_one_class_gets_none() -> None:
    raw = np.random.default_rng(2).random(1500)
    y = (np.random.default_rng(3).random(1500) < np.where(raw < 0.9, 0.01, 0.9)).astype(np.int8)
    assert fit_calibration(raw, y).method == "platt"
    with pytest.raises(CalibrationError, match="both classes"):
        fit_calibration(raw, np.zeros_like(y))


def test_a_bend_at_one_end_gets_the_beta_map_and_a_straight_line_does_not() -> None:
    raw = np.random.default_rng(5).random(40_000)
    bent = 3.0 * np.log(raw) - 0.3 * np.log1p(-raw) + 0.5
    fitted = fit_calibration(raw[:20_000], drawn(20_000, bent[:20_000]))
    assert fitted.method == "beta"
    np.testing.assert_allclose(fitted.apply(raw[20_000:]), sigmoid(bent[20_000:]), atol=0.02)
    straight = fit_calibration(raw, drawn(len(raw), 0.7 * log_odds(raw) - 1.0, seed=6))
    assert straight.method == "platt"


@pytest.mark.parametrize("fit", [fit_calibration, fit_piecewise, fit_beta])
def test_no_two_rows_change_places_and_no_probability_leaves_0_to_1(fit: object) -> None:
    raw = np.sort(np.random.default_rng(4).beta(1, 8, 4000))
    fitted = fit(raw, drawn(4000, log_odds(raw)))  # type: ignore[operator]
    mapped = fitted.apply(raw)
    assert np.all(np.diff(mapped[np.append(True, np.diff(raw) > 1e-12)]) > 0)
    ends = fitted.apply(np.array([0.0, 1.0]))
    assert 0 <= ends[0] < mapped[0]
    assert mapped[-1] < ends[1] <= 1
