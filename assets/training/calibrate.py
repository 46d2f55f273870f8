"""Fitting the map from raw scores to probabilities.

Belongs here: Platt's sigmoid and the centred isotonic map, fitted on calibration rows, and the choice between them.
Does not belong here: applying the map (`assets.bundle.calibration`).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from assets.bundle.calibration import Calibration, CalibrationError, log_odds, sigmoid

# Below this many rows of either class, steps of an isotonic map are mostly noise (scikit-learn's guide says 1000 rows).
ENOUGH_FOR_STEPS = 500
# The relative log loss out of sample that the piecewise map must save to justify its many knots.
_LEAST_SAVING = 0.002
_LOWEST_SLOPE = 0.01
_FOLDS = 2


def fit_calibration(raw: NDArray[np.float64], y: NDArray[np.int8]) -> Calibration:
    """Platt's calibration, or the piecewise map where there are many rows and it predicts better.

    The two maps are compared by two-fold cross-validation over alternating rows, so that the piecewise map cannot win
    by overfitting.

    Args:
        raw: float64 [n], raw scores within [0, 1], of rows that the model did not learn from.
        y: int8 [n], 0 or 1.

    Raises:
        CalibrationError: There is only one class, or a score is not within [0, 1].
    """
    _check(raw, y)
    platt = fit_platt(log_odds(raw), y)
    if min(int(y.sum()), int((1 - y).sum())) < ENOUGH_FOR_STEPS:
        return platt
    fold = np.arange(len(y)) % _FOLDS
    losses = np.zeros(2)
    for number in range(_FOLDS):
        held_out, fit_on = fold == number, fold != number
        maps = (fit_platt(log_odds(raw[fit_on]), y[fit_on]), fit_piecewise(raw[fit_on], y[fit_on]))
        for slot, fitted in enumerate(maps):
            losses[slot] += _loss(fitted.apply(raw[held_out]), y[held_out])
    return fit_piecewise(raw, y) if losses[1] < losses[0] * (1 - _LEAST_SAVING) else platt


def fit_platt(odds: NDArray[np.float64], y: NDArray[np.int8]) -> Calibration:
    """Platt's sigmoid over log odds, by maximum likelihood with his smoothed targets (Platt 1999, section 2.2).

    The slope stays at or above 0.01: a calibration never reverses the order of rows. Scores that rank backwards become
    almost constant, and the gates refuse the model by its AUC.

    Raises:
        CalibrationError: There is only one class, or a log odds is not finite.
    """
    positives = int(y.sum())
    negatives = len(y) - positives
    if min(positives, negatives) == 0 or not np.all(np.isfinite(odds)):
        raise CalibrationError(f"calibration needs finite scores of both classes: {positives} of {len(y)} are positive")
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = parameters[0] * odds + parameters[1]
        error = sigmoid(z) - target
        value = float(np.mean(np.logaddexp(0.0, z) - target * z))
        return value, np.array([np.mean(error * odds), np.mean(error)])

    base = float(np.log(positives / negatives))
    optimum = minimize(
        loss,
        x0=np.array([1.0, 0.0]) if np.ptp(odds) > 0 else np.array([_LOWEST_SLOPE, base]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LOWEST_SLOPE, None), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    return Calibration(slope=float(optimum.x[0]), intercept=float(optimum.x[1]))


def fit_piecewise(raw: NDArray[np.float64], y: NDArray[np.int8]) -> Calibration:
    """Centred isotonic regression (Oron and Flournoy 2017): the centres of the isotonic steps, joined by lines.

    Unlike the steps the map rises strictly, and so keeps the order of all rows. Beyond the outermost centres it runs
    half-way towards 0 and 1.

    Raises:
        CalibrationError: There is only one class, or a score is not within [0, 1].
    """
    _check(raw, y)
    order = np.argsort(raw, kind="stable")
    level = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(raw[order], y[order].astype(np.float64))
    _, starts = np.unique(level, return_index=True)
    sizes = np.diff(np.append(starts, len(level)))
    centres = np.add.reduceat(raw[order], starts) / sizes
    # A step of only zeros or ones proves no certainty: each step is shrunk towards the base rate, weighted as one row.
    heights = (np.add.reduceat(y[order].astype(np.float64), starts) + y.mean()) / (sizes + 1.0)
    inner = [(float(x), float(h)) for x, h in zip(centres, heights, strict=True) if 0.0 < x < 1.0]
    knots = [(0.0, inner[0][1] / 2.0)] if inner else [(0.0, float(y.mean()) / 2.0)]
    for x, height in inner:
        if x > knots[-1][0] and height > knots[-1][1]:
            knots.append((x, height))
    knots.append((1.0, (1.0 + knots[-1][1]) / 2.0))
    return Calibration(method="piecewise", knots=tuple(knots))


def _check(raw: NDArray[np.float64], y: NDArray[np.int8]) -> None:
    positives = int(y.sum())
    if positives in (0, len(y)):
        raise CalibrationError(f"calibration needs both classes: {positives} of {len(y)} rows are positive")
    if not np.all((raw >= 0.0) & (raw <= 1.0)):
        raise CalibrationError("calibration needs raw scores within 0 and 1: give it probabilities")


def _loss(probability: NDArray[np.float64], y: NDArray[np.int8]) -> float:
    odds = log_odds(probability)
    return float(np.mean(np.logaddexp(0.0, odds) - y * odds))
