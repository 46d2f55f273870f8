"""The figures that rows are expected to have, from the probability of the bad outcome of each, with their intervals.

Belongs here: expected AUC, confusion matrix, bad rate and profit, and how far the realised figures may lie from them.
Does not belong here: the probabilities (`recalibration.py`), which rows they are of (`estimates.py`).

Confidence-based performance estimation (Kivimäki et al., "Confidence-based estimators for predictive performance in
model monitoring", JAIR 2025; as in NannyML): the label of a row is 1 with its probability, and a figure follows. Its
realised value differs from that for two reasons, whose variances are added by the delta method: labels are drawn, and
the probabilities are estimated. Labels of rows of a day or of an entity may be drawn together: how much more a figure
varies by that is measured on the reference rows. Few expected bad rows make the distribution of a sum lopsided, so the
quantiles are Cornish and Fisher's (1938), with the third moment of the drawn labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from assets.bundle.calibration import log_odds
from assets.monitoring.performance.recalibration import Floats, Recalibration, cluster_sums

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Linear:
    """A figure as a function of the labels, to first order.

    Attributes:
        value: Its expected value.
        gradient: float64 [n], how much it changes with the label of each row.
    """

    value: float
    gradient: Floats


@dataclass(frozen=True)
class Interval:
    """A figure with the interval of CONFIDENCE in which its realised value lies."""

    value: float
    low: float
    high: float


def auc_of(score: Floats, p: Floats) -> Linear | None:
    """The AUC of the expected ROC curve; `None` without rows or where all are certain to be alike.

    Each row stands on both sides with its probability, beside itself as half a pair, as NannyML counts: with many rows
    the share of such pairs is negligible.
    """
    bad, good = float(p.sum()), float((1.0 - p).sum())
    if not len(p) or bad <= 0.0 or good <= 0.0:
        return None
    order = np.argsort(score, kind="stable")
    ordered, q = score[order], p[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first, group = np.flatnonzero(begins), np.cumsum(begins) - 1
    good_at, bad_at = np.add.reduceat(1.0 - q, first), np.add.reduceat(q, first)
    below = (np.cumsum(good_at) - 0.5 * good_at)[group]
    above = (bad - np.cumsum(bad_at) + 0.5 * bad_at)[group]
    value = float((q * below).sum()) / (bad * good)
    gradient = np.empty(len(p))
    gradient[order] = (below - above - value * (good - bad)) / (bad * good)
    return Linear(value, gradient)


def bad_rate_of(p: Floats, accepted: NDArray[np.bool_]) -> Linear | None:
    """The share of bad rows among the accepted ones; `None` where none is accepted."""
    count = int(accepted.sum())
    return Linear(float(p[accepted].mean()), accepted / count) if count else None


def profit_of(p: Floats, accepted: NDArray[np.bool_], stake: Floats, good: float, bad: float) -> Linear:
    """What the accepted rows earn, in the product's currency.

    Args:
        stake: float64 [n], of which `good` and `bad` are shares; 1 where they are amounts.
    """
    at_stake = np.where(accepted, stake, 0.0)
    return Linear(float((at_stake * (good - (good + bad) * p)).sum()), -(good + bad) * at_stake)


def confusion_of(p: Floats, accepted: NDArray[np.bool_]) -> dict[str, float]:
    """The expected confusion matrix, where a row that is not accepted is predicted to be bad.

    Returns:
        Counts of rows: `true_bad` and `false_bad`, bad and good ones that are not accepted; `missed_bad` and
        `true_good`, bad and good ones that are.
    """
    bad, good = np.where(accepted, p, 0.0), np.where(accepted, 1.0 - p, 0.0)
    return {
        "true_bad": float((p - bad).sum()), "false_bad": float((1.0 - p - good).sum()),
        "missed_bad": float(bad.sum()), "true_good": float(good.sum()),
    }  # fmt: skip


def alike_of(figure: Linear, p: Floats, label: NDArray[np.int8], clusters: Sequence[NDArray[np.int64]]) -> float:
    """How many times more a figure varies than over independent rows, because rows of a cluster turn out alike.

    Args:
        figure: Of reference rows with these probabilities, labels and clusters.

    Returns:
        At least 1.
    """
    residual = (figure.gradient * (label - p))[:, None]
    drawn = float((figure.gradient**2 * p * (1.0 - p)).sum())
    if drawn <= 0.0:
        return 1.0
    return max([1.0, *(float((cluster_sums(residual, one) ** 2).sum()) / drawn for one in clusters)])


def interval_of(figure: Linear, score: Floats, p: Floats, used: Recalibration, alike: float = 1.0) -> Interval:
    """The interval of the realised figure of these rows.

    Args:
        figure: Of rows with these scores and probabilities, which the recalibration gave.
        alike: As `alike_of` returns it.
    """
    spread = p * (1.0 - p)
    drawn = alike * float((figure.gradient**2 * spread).sum())
    third = float((figure.gradient**3 * spread * (1.0 - 2.0 * p)).sum())
    moves = figure.gradient * spread
    of_terms = np.array([moves.sum(), (moves * log_odds(score)).sum()])
    variance = drawn + float(of_terms @ used.covariance @ of_terms)
    if variance <= 0.0:
        return Interval(figure.value, figure.value, figure.value)
    error = float(np.sqrt(variance))
    skewness = float(np.clip(third / error**3, -1.0, 1.0))
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2.0)
    lopsided = skewness * (reach**2 - 1.0) / 6.0
    return Interval(figure.value, figure.value - error * (reach - lopsided), figure.value + error * (reach + lopsided))
