"""How well scores rank.

Belongs here: figures of one set of scores against labels, their bootstrap interval, and the ranking by one feature
alone. Does not belong here: calibration (`calibration.py`), money (`profit.py`), groups, two models and thresholds
(`assets.evaluation`).

scikit-learn takes a second to import: it waits for the first scores, since whoever loads a product's definitions may
have none.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from assets.metrics.calibration import calibration_error
from resources.errors import LooplineError

RESAMPLES = 200


class EvaluationError(LooplineError):
    """Scores, labels or settings do not fit together; the message says how."""


@dataclass(frozen=True)
class Metrics:
    """Figures of one set of probabilities.

    Attributes:
        rows, positives: Counts.
        auc: Area under the ROC curve; `auc_low` and `auc_high` are its 95% interval by stratified bootstrap.
        average_precision: Area under the precision-recall curve, by steps.
        brier: Mean squared error of the probability.
        log_loss: Mean negative log likelihood, in nats.
        calibration_error: Expected calibration error over 10 bins of equal count.
        ks: Kolmogorov-Smirnov distance between the scores of both classes.
    """

    rows: int
    positives: int
    auc: float
    auc_low: float
    auc_high: float
    average_precision: float
    brier: float
    log_loss: float
    calibration_error: float
    ks: float

    def to_dict(self) -> dict[str, float | int]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores ranked once, so that the bootstrap computes the AUC under new row weights in one pass.

    Attributes:
        negative_order: Positions among the negative rows, by ascending score.
        below: For each positive row, how many negative rows score lower.
        upto: For each positive row, how many negative rows score lower or the same.
    """

    negative_order: NDArray[np.int64]
    below: NDArray[np.int64]
    upto: NDArray[np.int64]

    @classmethod
    def of(cls, y: NDArray[np.int8], scores: NDArray[np.float64]) -> "Ranking":
        """The ranking of these scores."""
        positive, negative = scores[y == 1], scores[y != 1]
        order = np.argsort(negative, kind="stable").astype(np.int64)
        ordered = negative[order]
        below = np.searchsorted(ordered, positive, side="left").astype(np.int64)
        return cls(order, below, np.searchsorted(ordered, positive, side="right").astype(np.int64))

    @property
    def auc(self) -> float:
        """The probability that a positive row scores above a negative one, ties counting half (Mann-Whitney)."""
        return float((self.below + self.upto).mean() / (2.0 * len(self.negative_order)))

    def weighted_auc(self, positive: NDArray[np.int64], negative: NDArray[np.int64]) -> float:
        """The AUC under weights of the positive and of the negative rows, each in the order of those rows."""
        upto = np.concatenate([[0], np.cumsum(negative[self.negative_order])])
        pairs = int(positive.sum()) * int(upto[-1])
        return float(np.dot(positive, upto[self.below] + upto[self.upto]) / (2.0 * pairs))


def check_scores(y: NDArray[np.int8], scores: NDArray[np.float64]) -> None:
    """Checks that there is one score per label, that every score is finite, and that both classes occur.

    Raises:
        EvaluationError: One of these does not hold.
    """
    if y.shape != scores.shape or y.ndim != 1:
        raise EvaluationError(f"labels have the shape {y.shape}, scores {scores.shape}; both must be [n]")
    if not np.all(np.isfinite(scores)):
        raise EvaluationError(f"{int(np.sum(~np.isfinite(scores)))} of {len(scores)} scores are not finite numbers")
    positives = int(y.sum())
    if positives in (0, len(y)):
        raise EvaluationError(f"{positives} of {len(y)} rows are positive; both classes are needed")


def measure(y: NDArray[np.int8], probability: NDArray[np.float64], *, seed: int) -> Metrics:
    """All figures of calibrated probabilities.

    Args:
        y: int8 [n], 0 or 1.
        probability: float64 [n], of the positive class.
        seed: Seed of the bootstrap.

    Raises:
        EvaluationError: The arrays differ in length, a score is not finite, or there is one class only.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    check_scores(y, probability)
    low, high = auc_interval(y, probability, seed=seed)
    return Metrics(
        rows=len(y),
        positives=int(y.sum()),
        auc=float(roc_auc_score(y, probability)),
        auc_low=low,
        auc_high=high,
        average_precision=float(average_precision_score(y, probability)),
        brier=float(brier_score_loss(y, probability)),
        log_loss=float(log_loss(y, probability)),
        calibration_error=calibration_error(y, probability),
        ks=ks_distance(y, probability),
    )


def auc_interval(
    y: NDArray[np.int8], scores: NDArray[np.float64], *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95% interval of the AUC, resampling positives and negatives apart (so that both classes stay)."""
    ranking = Ranking.of(y, scores)
    generator = np.random.default_rng(seed)
    values = [ranking.weighted_auc(*resampled(y, generator)) for _ in range(resamples)]
    return percentile_interval(values)


def percentile_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """The 95% percentile interval of a figure from its values over resamples."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def resampled(y: NDArray[np.int8], generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often one stratified bootstrap resample draws each positive and each negative row: two arrays of int64."""
    positives = int(y.sum())
    positive, negative = (
        np.bincount(generator.integers(0, count, count), minlength=count) for count in (positives, len(y) - positives)
    )
    return positive, negative


def ks_distance(y: NDArray[np.int8], scores: NDArray[np.float64]) -> float:
    """The largest distance between the score distributions of both classes."""
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(y, scores)
    return float(np.max(np.abs(true_rate - false_rate)))


@dataclass(frozen=True)
class SingleFeature:
    """A feature and the AUC of ranking the label by it alone (at least 0.5: reversed where needed)."""

    feature: str
    auc: float


def best_single_feature(
    matrix: NDArray[np.float32], columns: Sequence[str], sources: Sequence[str], y: NDArray[np.int8]
) -> SingleFeature:
    """The feature that alone ranks best, perhaps the label in disguise. Arguments and errors as `single_features`."""
    return max(single_features(matrix, columns, sources, y), key=lambda single: single.auc)


def single_features(
    matrix: NDArray[np.float32], columns: Sequence[str], sources: Sequence[str], y: NDArray[np.int8]
) -> tuple[SingleFeature, ...]:
    """How well each feature alone ranks the label, in either direction, in the order of the matrix.

    A missing value counts once as the lowest and once as the highest (missingness itself may be the leak). A category
    with several columns is ranked by the share of positives of each of its values.

    Args:
        matrix: float32 [n, m], NaN = missing.
        columns, sources: Names of the matrix's columns, and the feature that each encodes.
        y: int8 [n].

    Raises:
        EvaluationError: There is no column, or one class only.
    """
    check_scores(y, np.zeros(len(y)))
    if not columns:
        raise EvaluationError("there is no feature to measure")
    return tuple(
        SingleFeature(feature, max(_either_way(y, scores) for scores in _as_scores(matrix[:, positions], y)))
        for feature, positions in columns_by_feature(sources).items()
    )


def columns_by_feature(sources: Sequence[str]) -> dict[str, list[int]]:
    """The positions of each feature's columns in the matrix."""
    members: dict[str, list[int]] = {}
    for position, source in enumerate(sources):
        members.setdefault(source, []).append(position)
    return members


def _as_scores(columns: NDArray[np.float32], y: NDArray[np.int8]) -> list[NDArray[np.float64]]:
    """The scores by which one feature, columns [n, k], may rank rows: float64 [n] each."""
    if columns.shape[1] == 1:
        values = columns[:, 0].astype(np.float64)
        missing = np.isnan(values)
        if not missing.any():
            return [values]
        return [np.where(missing, -np.inf, values), np.where(missing, np.inf, values)]
    _, category = np.unique(columns, axis=0, return_inverse=True)
    category = category.reshape(-1)
    positive_share = np.bincount(category, weights=y) / np.bincount(category)
    return [positive_share[category]]


def _either_way(y: NDArray[np.int8], scores: NDArray[np.float64]) -> float:
    auc = Ranking.of(y, scores).auc
    return max(auc, 1.0 - auc)
