"""Realised figures over all decisions, where refused rows have labels only if they were explored.

Belongs here: the figures in which each labelled row counts for those that, like it, have none. Does not belong here:
figures over labelled rows as they are (`figures.py`), the value of policies (`assets.rollout.outcomes.off_policy`).

A refusal by score is let past with a known probability, its propensity, and only then has a label. So each labelled row
weighs the inverse of the probability with which it got its answer, and sums are divided by the sum of weights (Hájek's
estimator, "Comment on a paper by Basu", 1971): steadier than the sum of Horvitz and Thompson where weights differ. Rows
that a rule refuses are never explored: nothing is said of them. The variance is that of the linearised estimator
(Särndal, Swensson and Wretman, "Model assisted survey sampling", 1992, section 5.5), over entities, which are drawn as
a whole.
"""

from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.monitoring.performance.recalibration import Floats

LEAST_EXPLORED = 30
"""With fewer explored rows that have a label, nothing is said of the refused ones."""
_REACH = NormalDist().inv_cdf(0.975)
_EPOCH = date(1970, 1, 1)

CORRECTED_FIELDS = (
    pa.field("explored", pa.int64()),
    *(
        pa.field(f"corrected_{name}{end}", pa.float64())
        for name in ("auc", "bad_rate") for end in ("", "_low", "_high")
    ),
)  # fmt: skip
"""The columns of the corrected figures, null where there are none."""


@dataclass(frozen=True)
class Corrected:
    """A figure over all decisions that the model's score made, with its 95% interval."""

    value: float
    low: float
    high: float


def with_corrected(
    figures: pa.Table, outcomes: pa.Table, window_days: int, *, accept: str, over_all: frozenset[date]
) -> pa.Table:
    """Realised figures with the corrected ones beside them.

    They are over all rows that the score accepted or refused: not over those that a rule took or a person reviews.

    Args:
        figures: A table of PERFORMANCE_SCHEMA.
        outcomes: The rows that it is of, with `share`, `propensity`, `explored` and `entity` where they were logged.
        over_all: Days on which refused rows have labels anyway.
    """
    rows = _Explored.of(outcomes, accept)
    found = [
        {} if rows is None or day in over_all else rows.figures(day, window_days) for day in figures["day"].to_pylist()
    ]
    for field in CORRECTED_FIELDS:
        figures = figures.append_column(field, pa.array([one.get(field.name) for one in found], field.type))
    return figures


@dataclass(frozen=True, eq=False)
class _Explored:
    """The labelled rows with the weight of each; arrays [n]."""

    day: NDArray[np.int64]
    score: Floats
    label: NDArray[np.int8]
    weight: Floats
    entity: NDArray[np.int64]
    explored: NDArray[np.bool_]

    @classmethod
    def of(cls, outcomes: pa.Table, accept: str) -> "_Explored | None":
        """Accepted rows with label, score and propensity; `None` where propensities were not logged."""
        if not {"share", "propensity", "explored", "entity"} <= set(outcomes.column_names):
            return None
        kept = pc.and_(pc.equal(outcomes["outcome"], accept), pc.is_valid(outcomes["label"]))
        kept = pc.and_(kept, pc.and_(pc.is_valid(outcomes["score"]), pc.greater(outcomes["propensity"], 0.0)))
        rows = outcomes.filter(kept)
        entity = rows["entity"].combine_chunks().dictionary_encode(null_encoding="encode").indices
        return cls(
            np.asarray(rows["day"].cast(pa.int32()).to_numpy(), dtype=np.int64),
            np.asarray(rows["score"].to_numpy(), dtype=np.float64),
            np.asarray(rows["label"].to_numpy(), dtype=np.int8),
            np.asarray(pc.divide(rows["share"], rows["propensity"]).to_numpy(), dtype=np.float64),
            np.asarray(entity.to_numpy(), dtype=np.int64),
            np.asarray(pc.fill_null(rows["explored"], False).to_numpy(), dtype=np.bool_),
        )

    def figures(self, day: date, window_days: int) -> dict[str, float | int]:
        """The corrected figures of the window that ends with the day, by column."""
        last = (day - _EPOCH).days
        kept = (self.day <= last) & (self.day > last - window_days)
        told: dict[str, float | int] = {"explored": int(self.explored[kept].sum())}
        if told["explored"] < LEAST_EXPLORED:
            return told
        label, weight, entity = self.label[kept], self.weight[kept], self.entity[kept]
        auc = corrected_auc(self.score[kept], label, weight, entity)
        for name, one in (("auc", auc), ("bad_rate", corrected_bad_rate(label, weight, entity))):
            if one is not None:
                told |= {
                    f"corrected_{name}": one.value, f"corrected_{name}_low": one.low,
                    f"corrected_{name}_high": one.high,
                }  # fmt: skip
        return told


def corrected_bad_rate(label: NDArray[np.int8], weight: Floats, entity: NDArray[np.int64]) -> Corrected:
    """The share of bad rows if every row had been accepted.

    Args:
        label: int8 [n], 0 or 1, of the labelled rows.
        weight: float64 [n], 1 over the probability with which each got its answer.
        entity: int64 [n], equal for rows whose answers were drawn together.
    """
    total = float(weight.sum())
    value = float((weight * label).sum() / total)
    return _with_error(value, weight * (label - value) / total, entity)


def corrected_auc(
    score: Floats, label: NDArray[np.int8], weight: Floats, entity: NDArray[np.int64]
) -> Corrected | None:
    """The AUC over all rows; `None` where the labels are of one class. Arguments as for `corrected_bad_rate`."""
    bad, good = np.where(label == 1, weight, 0.0), np.where(label == 1, 0.0, weight)
    if bad.sum() <= 0.0 or good.sum() <= 0.0:
        return None
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first, group = np.flatnonzero(begins), np.cumsum(begins) - 1
    good_at, bad_at = np.add.reduceat(good[order], first), np.add.reduceat(bad[order], first)
    below, above = np.empty(len(score)), np.empty(len(score))
    below[order] = ((np.cumsum(good_at) - 0.5 * good_at) / good.sum())[group]
    above[order] = ((bad.sum() - np.cumsum(bad_at) + 0.5 * bad_at) / bad.sum())[group]
    value = float((bad * below).sum() / bad.sum())
    influence = bad * (below - value) / bad.sum() + good * (above - value) / good.sum()
    return _with_error(value, influence, entity)


def _with_error(value: float, influence: Floats, entity: NDArray[np.int64]) -> Corrected:
    sums = np.bincount(np.unique(entity, return_inverse=True)[1], influence)
    error = float(np.sqrt(len(sums) / max(len(sums) - 1, 1) * (sums**2).sum()))
    return Corrected(value, value - _REACH * error, value + _REACH * error)
