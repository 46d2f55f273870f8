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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.bundle.calibration import log_odds, sigmoid
from resources.errors import LooplineError

Floats = NDArray[np.float64]

LEAST_OF_CLASS = 30
"""Fewer rows of either class than this give no recalibration: its slope would be chance."""
_LEAST_CLUSTERS = 5
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
        inflation: How many times larger the covariance is than that of independent rows, on average over both terms.
    """

    intercept: float
    slope: float
    covariance: Floats
    rows: int
    positives: int
    inflation: float = 1.0

    def apply(self, score: Floats) -> Floats:
        """The probabilities of scores, float64 [n]."""
        return sigmoid(self.intercept + self.slope * log_odds(score))


def recalibrate(
    score: Floats, label: NDArray[np.int8], weight: Floats | None = None, clusters: Sequence[NDArray[np.int64]] = ()
) -> Recalibration:
    """The recalibration that fits best by weighted maximum likelihood (Newton's method).

    Args:
        score: float64 [n], probabilities.
        label: int8 [n], 0 or 1.
        weight: float64 [n], of each row; 1 by default.
        clusters: Of each kind the cluster of each row, int64 [n], whose rows may be alike, as those of a day, of a
            customer. The kind that leaves most uncertain counts. By default rows are independent.

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
    scores = design * (weight * residual)[:, None]
    alone = np.asarray(spread @ (scores.T @ scores) @ spread, dtype=np.float64)
    covariance = max([alone, *(spread @ _by_cluster(scores, one) @ spread for one in clusters)], key=_size(alone))
    return Recalibration(
        float(terms[0]), float(terms[1]), covariance, len(label), positives, _size(alone)(covariance) / len(terms)
    )


def moved(before: Recalibration, after: Recalibration) -> float:
    """The p-value of both being the same map: Wald's test on intercept and slope together, chi-squared with 2 degrees.

    Args:
        before: Fitted on the reference rows, with all their clusters.
        after: Fitted on later rows; where less is known of their clusters, their rows are taken to be as much alike as
            those before.
    """
    difference = np.array([after.intercept - before.intercept, after.slope - before.slope])
    of_after = after.covariance * max(1.0, before.inflation / after.inflation)
    distance = difference @ np.linalg.solve(before.covariance + of_after, difference)
    return math.exp(-0.5 * float(distance))


def _information(design: Floats, weight: Floats, p: Floats) -> Floats:
    return np.asarray((design * (weight * p * (1.0 - p))[:, None]).T @ design, dtype=np.float64)


def _by_cluster(scores: Floats, cluster: NDArray[np.int64]) -> Floats:
    """The sum over clusters of the outer products of their summed scores; 0 where they are too few to say anything."""
    sums = cluster_sums(scores, cluster)
    count = len(sums)
    if count < _LEAST_CLUSTERS:
        return np.zeros((scores.shape[1], scores.shape[1]))
    return np.asarray(sums.T @ sums, dtype=np.float64) * count / (count - 1)


def cluster_sums(values: Floats, cluster: NDArray[np.int64]) -> Floats:
    """The sums over each cluster of columns of values: float64 [clusters, columns]; clusters are small, 0 or more."""
    there = np.bincount(cluster) > 0
    return np.stack([np.bincount(cluster, values[:, at])[there] for at in range(values.shape[1])], axis=1)


def _size(alone: Floats) -> Callable[[Floats], float]:
    """How large a covariance is beside that of independent rows, over both terms."""
    return lambda found: float((np.diag(found) / np.diag(alone)).sum())
