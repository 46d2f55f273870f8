"""Figures of scores under resampling of entities.

Belongs here: how often each resample draws each row, every figure and curve of a set of scores under such weights, and
their intervals. Does not belong here: what a figure must be (`assets.evaluation.gates`), the figures of a whole set as
scikit-learn defines them (`ranking.py`).

Rows of one entity are alike: a customer who asks three times is drawn three times or not at all, or the intervals are
too narrow (Field and Welsh, "Bootstrapping clustered data", 2007). Scores are sorted once; each resample is then a few
sums over the sorted rows.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from assets.metrics.calibration import BINS
from assets.metrics.ranking import RESAMPLES, check_scores, percentile_interval

Floats = NDArray[np.float64]
Figure = Literal["auc", "average_precision", "ks", "brier", "log_loss", "calibration_error", "observed_over_expected"]
FIGURES: tuple[Figure, ...] = get_args(Figure)
POINTS = 41
"""Places at which a curve has its interval."""
GRID: Floats = np.linspace(0.0, 1.0, POINTS)
_LEAST = 1e-15


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval by percentiles over resamples; no interval where too few entities allow one."""

    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Ready for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, eq=False)
class Band:
    """A curve at `GRID` with its 95% interval, float64 [POINTS] each."""

    value: Floats
    low: Floats
    high: Floats

    def to_dict(self) -> dict[str, list[float | None]]:
        """Ready for JSON, in five decimals: a curve is for people. `None` where it has no value."""
        return {
            name: [round(float(one), 5) if np.isfinite(one) else None for one in values]
            for name, values in vars(self).items()
        }


@dataclass(frozen=True, eq=False)
class Sorted:
    """Scores with their labels, sorted once.

    Attributes:
        order: Positions of the rows by falling score.
        ends: Places within that order at which a run of equal scores ends.
        y: The labels in that order, float64.
        squares, losses: Squared error and log loss of each row, in that order.
        score: The scores in that order.
        member: The calibration bin of each row, in that order.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    y: Floats
    squares: Floats
    losses: Floats
    score: Floats
    member: NDArray[np.int64]

    @classmethod
    def of(cls, y: NDArray[np.int8], scores: Floats) -> "Sorted":
        """These probabilities.

        Raises:
            EvaluationError: As for `check_scores`.
        """
        check_scores(y, scores)
        order = np.argsort(-scores, kind="stable").astype(np.int64)
        falling, labels = scores[order], y[order].astype(np.float64)
        edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1]))
        bounded = np.clip(falling, _LEAST, 1.0 - _LEAST)
        return cls(
            order=order,
            ends=np.flatnonzero(np.append(falling[1:] != falling[:-1], True)).astype(np.int64),
            y=labels,
            squares=(labels - falling) ** 2,
            losses=-(labels * np.log(bounded) + (1.0 - labels) * np.log1p(-bounded)),
            score=falling,
            member=np.searchsorted(edges, falling, side="left").astype(np.int64),
        )

    def figures(self, weight: Floats) -> dict[Figure, float]:
        """Every figure under weights of the rows, in the order in which they were given; both classes must have some.

        They are those of scikit-learn with `sample_weight`; the calibration error is over the bins of all rows.
        """
        w = weight[self.order]
        total, bad = float(w.sum()), float(w @ self.y)
        true, false, flagged = self._rates(w)
        precision = true * bad / np.maximum(flagged, _LEAST)
        _, predicted, observed = self._bins(w)
        return {
            "auc": float(np.trapezoid(np.append(0.0, true), np.append(0.0, false))),
            "average_precision": float(np.diff(true, prepend=0.0) @ precision),
            "ks": float(np.max(np.abs(true - false))),
            "brier": float(w @ self.squares) / total,
            "log_loss": float(w @ self.losses) / total,
            "calibration_error": float(np.abs(predicted - observed).sum()) / total,
            "observed_over_expected": bad / float(w @ self.score),
        }

    def curves(self, weight: Floats) -> dict[str, Floats]:
        """`roc` (true over false positive rate) and `precision` (over recall) at GRID, `observed` rates of the bins."""
        w = weight[self.order]
        bad = float(w @ self.y)
        true, false, flagged = self._rates(w)
        rows, _, observed = self._bins(w)
        share = np.full(len(rows), np.nan)
        np.divide(observed, rows, out=share, where=rows > 0)
        return {
            "roc": np.interp(GRID, np.append(0.0, false), np.append(0.0, true)),
            "precision": np.interp(GRID, true, true * bad / np.maximum(flagged, _LEAST)),
            "observed": share,
        }

    def _rates(self, w: Floats) -> tuple[Floats, Floats, Floats]:
        """True and false positive rate, and the rows flagged, at the end of each run of equal scores."""
        flagged = np.cumsum(w)
        bad = np.cumsum(w * self.y)
        at_ends, bad_at_ends = flagged[self.ends], bad[self.ends]
        good = at_ends - bad_at_ends
        return bad_at_ends / bad[-1], good / (flagged[-1] - bad[-1]), at_ends

    def _bins(self, w: Floats) -> tuple[Floats, Floats, Floats]:
        """Of each calibration bin the rows, the sum of probabilities and the bad rows."""
        bins = int(self.member.max()) + 1
        rows, predicted, observed = (
            np.bincount(self.member, weights=values, minlength=bins).astype(np.float64)
            for values in (w, w * self.score, w * self.y)
        )
        return rows, predicted, observed


def entity_draws(
    entity: NDArray[np.int64], y: NDArray[np.int8], *, seed: int, resamples: int = RESAMPLES
) -> list[Floats]:
    """How often each resample of the entities draws each row: float64 [n], once a resample.

    A resample without rows of both classes is drawn again, so that every figure is defined. With fewer than ten rows of
    a class, or ten entities, an interval would say little: there are no draws at all.

    Args:
        entity: int64 [n], 0 and up, the entity of each row.
    """
    bad = int(y.sum())
    entities = int(entity.max()) + 1
    if min(bad, len(y) - bad) < 10 or entities < 10:
        return []
    generator = np.random.default_rng(seed)
    found: list[Floats] = []
    while len(found) < resamples:
        drawn = np.bincount(generator.integers(0, entities, entities), minlength=entities)
        weight = drawn[entity].astype(np.float64)
        drawn_bad = float(weight @ y)
        if 0.0 < drawn_bad < weight.sum():
            found.append(weight)
    return found


def intervals(scored: Sorted, draws: list[Floats]) -> dict[Figure, Interval]:
    """Every figure of all rows with its interval over the draws."""
    whole = scored.figures(np.ones(len(scored.order)))
    resampled = [scored.figures(weight) for weight in draws]
    return {name: interval_of(whole[name], [one[name] for one in resampled]) for name in FIGURES}


def differences(one: Sorted, other: Sorted, draws: list[Floats]) -> dict[Figure, Interval]:
    """Every figure of `other` less that of `one`, on the same rows: each draw takes the same rows of both."""
    ones = np.ones(len(one.order))
    first, second = one.figures(ones), other.figures(ones)
    pairs = [(one.figures(weight), other.figures(weight)) for weight in draws]
    return {
        name: interval_of(second[name] - first[name], [after[name] - before[name] for before, after in pairs])
        for name in FIGURES
    }


def bands(scored: Sorted, draws: list[Floats]) -> dict[str, Band]:
    """Every curve of all rows with its interval; without draws the interval is the whole range."""
    whole = scored.curves(np.ones(len(scored.order)))
    resampled = [scored.curves(weight) for weight in draws]
    return {name: band_of(value, [one[name] for one in resampled]) for name, value in whole.items()}


def interval_of(value: float, resampled: list[float]) -> Interval:
    """A figure with the percentiles of its values over resamples."""
    if not resampled:
        return Interval(value, None, None)
    low, high = percentile_interval(resampled)
    return Interval(value, low, high)


def band_of(value: Floats, resampled: list[Floats]) -> Band:
    """A curve with the percentiles of its values over resamples."""
    if not resampled:
        return Band(value, np.full(len(value), np.nan), np.full(len(value), np.nan))
    low, high = np.nanpercentile(np.stack(resampled), [2.5, 97.5], axis=0)
    return Band(value, low, high)


def entities_of(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Numbers from 0 on in place of keys."""
    _, codes = np.unique(values, return_inverse=True)
    return np.asarray(codes, dtype=np.int64).reshape(-1)
