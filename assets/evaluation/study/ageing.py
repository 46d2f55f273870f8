"""How a model ages: its figures by the time that has passed since the end of its training.

Belongs here: the periods, their figures with intervals, and whether ranking falls with age. Does not belong here: live
performance by day (`assets.monitoring.performance`), what is made of it (`assets.monitoring.retraining`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from assets.evaluation.stability import population_stability
from assets.evaluation.study.parts import Studied
from assets.metrics.resampling import Sorted, entities_of, entity_draws, interval_of

_WEEK, _MONTH = 7, 30
_MOST_WEEKS = 10
_RESAMPLES = 100
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Period:
    """The figures of one period; `None` where it has fewer than ten rows of a class.

    Attributes:
        days: Days from the end of the training to the middle of the period.
        rows, bad: Counts.
        auc, auc_low, auc_high: How well the score ranks within the period, with its 95% interval.
        ratio, ratio_low, ratio_high: Bad rows observed over those that the scores expect, with its 95% interval.
        calibration_error: Expected calibration error.
        score_psi: Stability index of the score, training against the period.
    """

    days: float
    rows: int
    bad: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    calibration_error: float | None
    score_psi: float


@dataclass(frozen=True)
class Ageing:
    """The staleness curve.

    Attributes:
        unit: Days of a period: 7 or 30.
        periods: The oldest first; periods without rows are left out.
        loss_a_month: AUC lost in 30 days, by a line through the periods that have one, weighted by their rows; `None`
            with fewer than three.
        low, high: Its 95% interval.
    """

    unit: int
    periods: tuple[Period, ...]
    loss_a_month: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {**asdict(self), "periods": [asdict(period) for period in self.periods]}


def ageing(studied: Studied, trained_until: np.datetime64) -> Ageing:
    """The figures of the test rows by week after the end of the training, or by 30 days of a long test window.

    Args:
        trained_until: When the last row was decided from which the model learned.
    """
    age = (studied.test.as_of - trained_until) / _DAY
    span = float(age.max() - age.min())
    unit = _WEEK if span <= _MOST_WEEKS * _WEEK else _MONTH
    first = float(np.floor(age.min()))
    number = ((age - first) // unit).astype(np.int64)
    found = [np.flatnonzero(number == one).astype(np.int64) for one in range(int(number.max()) + 1)]
    made = [_period(studied, rows, float(age[rows].mean())) for rows in found if len(rows)]
    periods, drawn = [period for period, _ in made], [aucs for _, aucs in made]
    slope, slopes = _loss(periods, drawn)
    low, high = (None, None) if not slopes else np.percentile(slopes, [2.5, 97.5]).tolist()
    return Ageing(unit, tuple(periods), slope, low, high)


def _period(studied: Studied, rows: NDArray[np.int64], days: float) -> tuple[Period, list[float]]:
    """A period, and its AUC under each resample; none where it has too few rows."""
    y, scores = studied.test.y[rows], studied.scores[rows]
    psi = population_stability(studied.train_scores, scores)
    bad = int(y.sum())
    draws = entity_draws(entities_of(studied.entity[rows]), y, seed=studied.seed, resamples=_RESAMPLES)
    if not draws:
        return Period(days, len(rows), bad, None, None, None, None, None, None, None, psi), []
    scored = Sorted.of(y, scores)
    whole, drawn = scored.figures(np.ones(len(y))), [scored.figures(weight) for weight in draws]
    auc, ratio = (interval_of(whole[name], [one[name] for one in drawn]) for name in ("auc", "observed_over_expected"))
    period = Period(
        days, len(rows), bad, auc.value, auc.low, auc.high, ratio.value, ratio.low, ratio.high,
        whole["calibration_error"], psi,
    )  # fmt: skip
    return period, [one["auc"] for one in drawn]


def _loss(periods: Sequence[Period], drawn: Sequence[list[float]]) -> tuple[float | None, list[float]]:
    """The AUC lost a month, and the same of each resample."""
    known = [(period, aucs) for period, aucs in zip(periods, drawn, strict=True) if period.auc is not None]
    if len(known) < 3:
        return None, []
    months = np.array([period.days for period, _ in known]) / _MONTH
    rows = np.array([period.rows for period, _ in known], dtype=np.float64)
    centred = months - np.average(months, weights=rows)
    per_auc = -rows * centred / float((rows * centred**2).sum())
    slope = float(per_auc @ np.array([period.auc for period, _ in known]))
    return slope, (per_auc @ np.array([aucs for _, aucs in known])).tolist()
