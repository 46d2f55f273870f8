"""Fitting the map from raw scores to probabilities.

Belongs here: Platt's sigmoid, the beta map and the centred isotonic map, fitted on calibration rows, and the choice
between them by folds.
Does not belong here: applying the map (`assets.bundle.calibration`).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from assets.bundle.calibration import Calibration, CalibrationError, log_odds, log_sides, sigmoid
from assets.training.paired import paired

# Below this many rows of either class, steps of an isotonic map are mostly noise (scikit-learn's guide says 1000 rows).
ENOUGH_FOR_STEPS = 500
# Below this many rows of either class, the beta map's third number is mostly noise.
_ENOUGH_FOR_BETA = 200
_LOWEST_SLOPE = 0.01
_FOLDS = 4

_Fit = Callable[[NDArray[np.float64], NDArray[np.int8]], Calibration]


def fit_calibration(raw: NDArray[np.float64], y: NDArray[np.int8]) -> Calibration:
    """Platt's calibration, or the beta or the piecewise map where there are rows enough and it predicts better.

    The maps are compared by cross-validation over four folds of every fourth row, so that none wins by overfitting. A
    map of more numbers wins only if the simpler ones are more than one standard error behind.

    Args:
        raw: float64 [n], raw scores within [0, 1], of rows that the model did not learn from.
        y: int8 [n], 0 or 1.

    Raises:
        CalibrationError: There is only one class, or a score is not within [0, 1].
    """
    _check(raw, y)
    fits: list[_Fit] = [fit_platt_raw]
    fewest = min(int(y.sum()), int((1 - y).sum()))
    if fewest >= _ENOUGH_FOR_BETA:
        fits.append(fit_beta)
    if fewest >= ENOUGH_FOR_STEPS:
        fits.append(fit_piecewise)
    if len(fits) == 1:
        return fit_platt_raw(raw, y)
    losses = [_fold_losses(fit, raw, y) for fit in fits]
    best = min(losses, key=lambda values: float(values.mean()))
    differences = [paired(values, best) for values in losses]
    return next(fit for fit, (behind, error) in zip(fits, differences, strict=True) if behind <= error)(raw, y)


def _fold_losses(fit: _Fit, raw: NDArray[np.float64], y: NDArray[np.int8]) -> NDArray[np.float64]:
    """The log loss of each row under a map that was not fitted on its fold."""
    fold, losses = np.arange(len(y)) % _FOLDS, np.empty(len(y), dtype=np.float64)
    for number in range(_FOLDS):
        judged = fold == number
        losses[judged] = _losses(fit(raw[~judged], y[~judged]).apply(raw[judged]), y[judged])
    return losses


def fit_platt_raw(raw: NDArray[np.float64], y: NDArray[np.int8]) -> Calibration:
    """Platt's calibration of raw scores; see `fit_platt`."""
    return fit_platt(log_odds(raw), y)


def fit_beta(raw: NDArray[np.float64], y: NDArray[np.int8]) -> Calibration:
    """The beta map (Kull et al. 2017): logistic regression on ln(raw) and -ln(1 - raw), both slopes 0.01 or more.

    Raises:
        CalibrationError: There is only one class, or a score is not within [0, 1].
    """
    _check(raw, y)
    rise, fall = log_sides(raw)
    columns = np.column_stack([rise, -fall, np.ones(len(raw))])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = columns @ parameters
        return float(np.mean(np.logaddexp(0.0, z) - y * z)), columns.T @ (sigmoid(z) - y) / len(y)

    start = fit_platt_raw(raw, y)
    optimum = minimize(
        loss,
        x0=np.array([start.slope, start.slope, start.intercept]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LOWEST_SLOPE, None), (_LOWEST_SLOPE, None), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    slope, drop, intercept = (float(number) for number in optimum.x)
    return Calibration(method="beta", slope=slope, fall=drop, intercept=intercept)


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


def _losses(probability: NDArray[np.float64], y: NDArray[np.int8]) -> NDArray[np.float64]:
    odds = log_odds(probability)
    return np.asarray(np.logaddexp(0.0, odds) - y * odds, dtype=np.float64)
