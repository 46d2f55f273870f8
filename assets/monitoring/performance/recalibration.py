"""The probability of the bad outcome behind a score, fitted on rows with labels, and how uncertain it is.

Belongs here: the logistic recalibration of scores, weighted, with the covariance of its terms, and whether two of them
differ. Does not belong here: the bundle's own calibration (`assets.bundle.calibration`), figures that follow from the
probabilities (`expected.py`).

The log odds of a row's probability are `intercept + slope * log_odds(score)`: Cox's recalibration ("Two further
applications of a model for binary regression", Biometrika 1958), 0 and 1 for a score that is right. The covariance is
the sandwich over days (Liang and Zeger, Biometrika 1986), which holds where weights vary and where the rows of a day
are alike.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.bundle.calibration import log_odds, sigmoid
from resources.errors import LooplineError

Floats = NDArray[np.float64]

LEAST_OF_CLASS = 30
"""Fewer rows of either class than this give no recalibration: its slope would be chance."""
_LEAST_DAYS = 5
_STEPS, _CLOSE = 50, 1e-10


class RecalibrationError(LooplineError):
    """Rows from which no recalibration can be fitted; the message has the counts."""


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A map from score to probability.

    Attributes:
        intercept, slope: Of the log odds.
        covariance: float64 [2, 2], of intercept and slope.
        rows, positives: From which it was fitted.
        dispersion: How many times more the days' sums of labels vary than those of independent rows would; 1 or more.
    """

    intercept: float
    slope: float
    covariance: Floats
    rows: int
    positives: int
    dispersion: float = 1.0

    def apply(self, score: Floats) -> Floats:
        """The probabilities of scores, float64 [n]."""
        return sigmoid(self.intercept + self.slope * log_odds(score))


def recalibrate(
    score: Floats, label: NDArray[np.int8], weight: Floats | None = None, day: NDArray[np.int64] | None = None
) -> Recalibration:
    """The recalibration that fits best by weighted maximum likelihood (Newton's method).

    Args:
        score: float64 [n], probabilities.
        label: int8 [n], 0 or 1.
        weight: float64 [n], of each row; 1 by default.
        day: int64 [n], rows of a day may be alike; by default, and with fewer than 5 days, rows are independent.

    Raises:
        RecalibrationError: There are fewer than LEAST_OF_CLASS rows of a class.
    """
    positives = int((label == 1).sum())
    if min(positives, len(label) - positives) < LEAST_OF_CLASS:
        raise RecalibrationError(
            f"{positives} of {len(label)} rows are positive; a recalibration needs {LEAST_OF_CLASS} of either class"
        )
    weight = np.ones(len(score)) if weight is None else weight
    design = np.stack([np.ones(len(score)), log_odds(score)], axis=1)
    terms = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        p = sigmoid(design @ terms)
        slope = design.T @ (weight * (label - p))
        step = np.linalg.solve(_information(design, weight, p), slope)
        # A step of more than 2 in the log odds overshoots where scores are nearly certain.
        terms = terms + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < _CLOSE:
            break
    p = sigmoid(design @ terms)
    spread = np.linalg.inv(_information(design, weight, p))
    residual = label - p
    middle = _outer_sums(design * (weight * residual)[:, None], day)
    covariance = np.asarray(spread @ middle @ spread, dtype=np.float64)
    return Recalibration(
        float(terms[0]), float(terms[1]), covariance, len(label), positives, _dispersion(residual, p, day)
    )


def moved(before: Recalibration, after: Recalibration) -> float:
    """The p-value of both being the same map: Wald's test on intercept and slope together, chi-squared with 2 degrees.

    Args:
        before, after: Fitted on different rows.
    """
    difference = np.array([after.intercept - before.intercept, after.slope - before.slope])
    distance = difference @ np.linalg.solve(before.covariance + after.covariance, difference)
    return math.exp(-0.5 * float(distance))


def _information(design: Floats, weight: Floats, p: Floats) -> Floats:
    return np.asarray((design * (weight * p * (1.0 - p))[:, None]).T @ design, dtype=np.float64)


def _outer_sums(scores: Floats, day: NDArray[np.int64] | None) -> Floats:
    """The sum over rows of the outer products of their scores; over days, where rows of a day may be alike.

    Days alone underrate the variance where there are few: the larger of both is taken, term by term of the diagonal.
    """
    by_row = np.asarray(scores.T @ scores, dtype=np.float64)
    if day is None:
        return by_row
    _, member = np.unique(day, return_inverse=True)
    days = int(member.max()) + 1
    if days < _LEAST_DAYS:
        return by_row
    sums = np.stack([np.bincount(member, scores[:, at], minlength=days) for at in range(scores.shape[1])], axis=1)
    by_day = np.asarray(sums.T @ sums, dtype=np.float64) * days / (days - 1)
    return by_day if float(np.trace(by_day)) > float(np.trace(by_row)) else by_row


def _dispersion(residual: Floats, p: Floats, day: NDArray[np.int64] | None) -> float:
    if day is None:
        return 1.0
    _, member = np.unique(day, return_inverse=True)
    days = int(member.max()) + 1
    if days < _LEAST_DAYS:
        return 1.0
    sums, expected = np.bincount(member, residual), np.bincount(member, p * (1.0 - p))
    known = expected > 0.0
    return max(1.0, float((sums[known] ** 2 / expected[known]).sum() / max(int(known.sum()) - 1, 1)))
