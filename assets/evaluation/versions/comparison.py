"""Two versions of a model beside each other, on the same rows.

Belongs here: figures with paired intervals, calibration, features, slices and the decisions that flip, as one frozen
value. Does not belong here: the rows (`rows.py`), the page (`page.py`), whether a challenger may replace a champion
(`assets.evaluation.gates`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from assets.evaluation.versions.flips import Flip, flips, values
from assets.evaluation.versions.rows import Compared, Said
from assets.metrics.calibration import reliability, wilson_interval
from assets.metrics.resampling import (
    FIGURES,
    Band,
    Figure,
    Floats,
    Interval,
    Sorted,
    bands,
    differences,
    entity_draws,
    interval_of,
    intervals,
)
from assets.product import DecisionPolicy

_MOST_SLICES = 8
_LEAST_ROWS, _LEAST_BAD = 40, 10


@dataclass(frozen=True)
class Pair:
    """A figure of both versions.

    Attributes:
        difference: The second version's less the first one's, with the interval of the paired resamples.
    """

    one: Interval
    other: Interval
    difference: Interval

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {name: value.to_dict() for name, value in vars(self).items()}


@dataclass(frozen=True)
class FeatureChange:
    """A feature of either version.

    Attributes:
        one, other: Its share of all mean absolute contributions; `None` for a version without it.
    """

    feature: str
    one: float | None
    other: float | None

    @property
    def change(self) -> float:
        """The change of its share."""
        return (self.other or 0.0) - (self.one or 0.0)


@dataclass(frozen=True)
class SliceChange:
    """A slice of the rows.

    Attributes:
        slice: Its condition, or its group.
        one_auc, other_auc: AUC within it; `None` with fewer than ten rows of a class.
        one_loss, other_loss: Mean log loss.
        difference: Log loss of the second version less that of the first: below 0 the second is better.
        low, high: Its interval, corrected for the number of slices (Bonferroni).
    """

    slice: str
    rows: int
    bad: int
    one_auc: float | None
    other_auc: float | None
    one_loss: float
    other_loss: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """A calibration bin of one version."""

    rows: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class VersionComparison:
    """Two versions on the same rows.

    Attributes:
        rows, bad, entities: Counts.
        first, last: The days of the rows.
        learned, absent: Rows left out; see `Compared`.
        figures: Every figure of both, and `profit` by the answers as they are.
        calibration: The bins of each version.
        added, dropped: Features that only the second, or only the first version has.
        features: Every feature, the largest change first.
        slices: Conditions and groups, the largest change that is no chance first.
        flips: The decisions that differ.
        same_answers: The share of rows with the same answer.
        rank_correlation: Spearman's correlation of the scores.
        curves: `roc` and `precision` of each version, for the page.
    """

    product: str
    one: str
    other: str
    rows: int
    bad: int
    entities: int
    first: str
    last: str
    learned: int
    absent: int
    figures: Mapping[str, Pair]
    calibration: Mapping[str, tuple[Bin, ...]]
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    features: tuple[FeatureChange, ...]
    slices: tuple[SliceChange, ...]
    flips: tuple[Flip, ...]
    same_answers: float
    rank_correlation: float
    thresholds: Mapping[str, tuple[float, float]]
    training_sets: Mapping[str, int]
    curves: tuple[Mapping[str, Band], Mapping[str, Band]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; no rows and no curves."""
        return {
            "product": self.product, "versions": [self.one, self.other], "rows": self.rows, "bad": self.bad,
            "entities": self.entities, "from": self.first, "to": self.last,
            "left_out": {"in_training": self.learned, "absent": self.absent},
            "figures": {name: pair.to_dict() for name, pair in self.figures.items()},
            "calibration": {name: [asdict(one) for one in bins] for name, bins in self.calibration.items()},
            "features": {
                "added": list(self.added), "dropped": list(self.dropped),
                "importance": [{**asdict(one), "change": one.change} for one in self.features],
            },
            "slices": [asdict(one) for one in self.slices],
            "flips": [one.to_dict() for one in self.flips],
            "same_answers": self.same_answers, "rank_correlation": self.rank_correlation,
            "thresholds": {name: list(values) for name, values in self.thresholds.items()},
            "training_sets": dict(self.training_sets),
        }  # fmt: skip


def compare_versions(product: str, rows: Compared, decision: DecisionPolicy, *, seed: int) -> VersionComparison:
    """The comparison of the second version with the first.

    Args:
        decision: Whose profit counts, for both.
        seed: Of the bootstrap.
    """
    scored = (Sorted.of(rows.y, rows.one.scores), Sorted.of(rows.y, rows.other.scores))
    draws = entity_draws(rows.entity, rows.y, seed=seed)
    each, change = [intervals(one, draws) for one in scored], differences(scored[0], scored[1], draws)
    figures: dict[str, Pair] = {name: Pair(each[0][name], each[1][name], change[name]) for name in FIGURES}
    figures["profit"] = _profit(rows, decision, draws)
    names = (rows.one.bundle.version, rows.other.bundle.version)
    sets = [set(said.contributions) for said in (rows.one, rows.other)]
    return VersionComparison(
        product=product,
        one=names[0],
        other=names[1],
        rows=len(rows.y),
        bad=int(rows.y.sum()),
        entities=int(rows.entity.max()) + 1,
        first=str(rows.as_of.min().astype("datetime64[D]")),
        last=str(rows.as_of.max().astype("datetime64[D]")),
        learned=rows.learned,
        absent=rows.absent,
        figures=figures,
        calibration={said.bundle.version: _bins(rows.y, said.scores) for said in (rows.one, rows.other)},
        added=tuple(sorted(sets[1] - sets[0])),
        dropped=tuple(sorted(sets[0] - sets[1])),
        features=_features(rows),
        slices=_slices(rows),
        flips=flips(rows, decision),
        same_answers=float(np.mean(rows.one.codes == rows.other.codes)),
        rank_correlation=float(spearmanr(rows.one.scores, rows.other.scores).statistic),
        thresholds={said.bundle.version: said.thresholds for said in (rows.one, rows.other)},
        training_sets={said.bundle.version: said.training_set for said in (rows.one, rows.other)},
        curves=(bands(scored[0], draws), bands(scored[1], draws)),
    )


def _profit(rows: Compared, decision: DecisionPolicy, draws: list[Floats]) -> Pair:
    earned = [values(rows, said, decision) for said in (rows.one, rows.other)]

    def interval(of_rows: Floats) -> Interval:
        # A resample has more or fewer rows: its profit is that of as many as there are.
        return interval_of(float(of_rows.sum()), [float(w @ of_rows) * len(w) / float(w.sum()) for w in draws])

    return Pair(interval(earned[0]), interval(earned[1]), interval(earned[1] - earned[0]))


def _bins(y: NDArray[np.int8], scores: Floats) -> tuple[Bin, ...]:
    curve = reliability(y, scores)
    low, high = wilson_interval(curve.observed, curve.rows)
    columns = (curve.rows, curve.predicted, curve.observed, low, high)
    return tuple(Bin(*one) for one in zip(*(column.tolist() for column in columns), strict=True))


def _features(rows: Compared) -> tuple[FeatureChange, ...]:
    shares = [_shares(said) for said in (rows.one, rows.other)]
    names = dict.fromkeys((*shares[0], *shares[1]))
    found = [FeatureChange(name, shares[0].get(name), shares[1].get(name)) for name in names]
    return tuple(sorted(found, key=lambda one: -abs(one.change)))


def _shares(said: Said) -> dict[str, float]:
    sizes = {name: float(np.abs(moved).mean()) for name, moved in said.contributions.items()}
    total = sum(sizes.values())
    return {name: size / total if total > 0.0 else 0.0 for name, size in sizes.items()}


def _slices(rows: Compared) -> tuple[SliceChange, ...]:
    """The conditions and groups in which the versions differ most, by the distance of their intervals from 0."""
    named = dict(zip(rows.conditions.words, rows.conditions.met.T, strict=True))
    for part, of_rows in rows.groups.items():
        named |= {f"{part}: {group}": np.asarray(of_rows == group) for group in sorted(set(of_rows.tolist()))}
    # Of conditions that the same rows meet, the first stands for all.
    distinct = {met.tobytes(): name for name, met in reversed(named.items())}
    large = {name: named[name] for name in distinct.values() if named[name].sum() >= _LEAST_ROWS}
    found = [_slice(rows, name, met, len(large)) for name, met in large.items()]

    def certain(one: SliceChange) -> float:
        return max(one.low, -one.high)

    return tuple(sorted(found, key=lambda one: -certain(one))[:_MOST_SLICES])


def _slice(rows: Compared, name: str, met: NDArray[np.bool_], looked_at: int) -> SliceChange:
    y = rows.y[met]
    one, other = (_losses(y, said.scores[met]) for said in (rows.one, rows.other))
    change = other - one
    _, member = np.unique(rows.entity[met], return_inverse=True)
    sums = np.bincount(member.reshape(-1), weights=change - change.mean())
    spread = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1))) / len(y)
    reach = float(norm.ppf(1.0 - 0.025 / looked_at)) * spread
    mean = float(change.mean())
    return SliceChange(
        name, len(y), int(y.sum()), _auc(y, rows.one.scores[met]), _auc(y, rows.other.scores[met]),
        float(one.mean()), float(other.mean()), mean, mean - reach, mean + reach,
    )  # fmt: skip


def _losses(y: NDArray[np.int8], scores: Floats) -> Floats:
    bounded = np.clip(scores, 1e-15, 1.0 - 1e-15)
    return -np.where(y == 1, np.log(bounded), np.log1p(-bounded))


def _auc(y: NDArray[np.int8], scores: Floats) -> float | None:
    bad = int(y.sum())
    if min(bad, len(y) - bad) < _LEAST_BAD:
        return None
    figure: Figure = "auc"
    return Sorted.of(y, scores).figures(np.ones(len(y)))[figure]
