"""Proxies: features that tell a protected group, and how much of the gap between groups goes through them.

Belongs here: how well the features tell a group, together and each alone, and the part of the gap in accepted share
that each carries. Does not belong here: how much of it is allowed (`limits.py`), the groups' own figures
(`standing.py`).

The attribute is used to look at the model after it was trained; the model itself does not have it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.bundle.calibration import sigmoid
from assets.evaluation.fairness.standing import AttributeStanding
from assets.metrics.groups import group_members
from assets.metrics.ranking import Ranking, columns_by_feature, single_features
from assets.product import Protected
from assets.training.candidates import BoostedModel
from assets.training.rows.learning import TrainingRows

_LEARNED_ROWS = 6_000
_JUDGED_ROWS = 3_000
_TELLING = {"objective": "multi:softprob", "max_depth": 3, "learning_rate": 0.3, "tree_method": "hist"}
_ROUNDS = 20
_SHOWN = 10


@dataclass(frozen=True)
class ProxyFeature:
    """One feature.

    Attributes:
        feature: Its name.
        auc: How well it alone tells the group from all others; at least 0.5.
        through: The part of the gap that goes through it, as a share of rows; negative where it narrows the gap.
    """

    feature: str
    auc: float
    through: float


@dataclass(frozen=True)
class ProxyGroup:
    """One group against all others.

    Attributes:
        group: Its name.
        together: The AUC with which all features together tell it, learned from training rows.
        gap: Its accepted share less that of all others, on a sample of the test rows, by the score alone.
        through_proxies: How far the gap is narrowed if its proxies contribute to it what they do to the others.
        features: Those that tell it best, the best first.
    """

    group: str
    together: float
    gap: float
    through_proxies: float
    features: tuple[ProxyFeature, ...]


@dataclass(frozen=True)
class ProxyReport:
    """The groups of one attribute that have enough rows."""

    attribute: str
    groups: tuple[ProxyGroup, ...]

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Test rows with the model's contributions, in log odds before calibration: float64 [n, features]."""

    rows: TrainingRows
    margin: NDArray[np.float64]
    contributions: NDArray[np.float64]
    features: tuple[str, ...]


def proxies_of(
    protected: Protected,
    standing: AttributeStanding,
    train: TrainingRows,
    test: TrainingRows,
    model: BoostedModel,
    *,
    threshold: float,
    tells: float,
    min_group_rows: int,
    seed: int,
) -> ProxyReport:
    """What tells each group of an attribute that has at least `min_group_rows` rows, and what goes through it.

    Args:
        protected: The attribute.
        standing: Its groups on the test rows.
        train, test: Rows with the attribute; at most 6,000 of the first and 3,000 of the second are used.
        model: The model whose contributions carry the gap.
        threshold: A score at or above it is not accepted.
        tells: The AUC from which on a feature is a proxy.
        min_group_rows: Groups with fewer test rows are left out.
        seed: Seeds the samples.
    """
    sample = _sampled_contributions(model, _sampled(test, _JUDGED_ROWS, seed))
    names, member = group_members(protected, sample.rows.protected[protected.column])
    together = _together(protected, names, _sampled(train, _LEARNED_ROWS, seed), sample.rows, seed)
    rows = {group.group: group.rows for group in standing.groups}
    groups = [
        _group(name, member == place, together[name], sample, model, threshold, tells)
        for place, name in enumerate(names)
        if rows[name] >= min_group_rows and rows[name] < len(test)
    ]
    return ProxyReport(protected.column, tuple(groups))


def _sampled(rows: TrainingRows, most: int, seed: int) -> TrainingRows:
    if len(rows) <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False)))


def _sampled_contributions(model: BoostedModel, rows: TrainingRows) -> _Sample:
    by_column = model.booster.predict(xgb.DMatrix(rows.matrix, nthread=1), pred_contribs=True)
    features = columns_by_feature(rows.sources)
    return _Sample(
        rows=rows,
        margin=by_column.sum(axis=1).astype(np.float64),
        contributions=np.column_stack([by_column[:, places].sum(axis=1) for places in features.values()]),
        features=tuple(features),
    )


def _together(
    protected: Protected, names: Sequence[str], train: TrainingRows, test: TrainingRows, seed: int
) -> dict[str, float]:
    """By group, the AUC on the test rows of a booster that learned to tell the groups from the training rows."""
    known, learned = group_members(protected, train.protected[protected.column])
    _, member = group_members(protected, test.protected[protected.column])
    matrix = xgb.QuantileDMatrix(train.matrix, learned, nthread=1)
    parameters = {**_TELLING, "num_class": len(known), "seed": seed, "nthread": 1}
    chances = xgb.train(parameters, matrix, num_boost_round=_ROUNDS, verbose_eval=False).inplace_predict(test.matrix)
    found = {}
    for place, name in enumerate(names):
        own = (member == place).astype(np.int8)
        told = name in known and 0 < own.sum() < len(own)
        found[name] = Ranking.of(own, chances[:, known.index(name)].astype(np.float64)).auc if told else 0.5
    return found


def _group(
    name: str,
    own: NDArray[np.bool_],
    together: float,
    sample: _Sample,
    model: BoostedModel,
    threshold: float,
    tells: float,
) -> ProxyGroup:
    rows = sample.rows
    aucs = [one.auc for one in single_features(rows.matrix, rows.columns, rows.sources, own.astype(np.int8))]
    moved = sample.contributions[own].mean(axis=0) - sample.contributions[~own].mean(axis=0)

    def gap(shift: float) -> float:
        """The gap in accepted share if the log odds of the group were lower by the shift."""
        margin = np.where(own, sample.margin - shift, sample.margin)
        accepted = model.calibration.apply(sigmoid(margin)) < threshold
        return float(accepted[own].mean() - accepted[~own].mean())

    whole = gap(0.0)

    def through(shift: float) -> float:
        return abs(whole) - abs(gap(shift)) if shift else 0.0

    proxies = float(sum(by for by, auc in zip(moved, aucs, strict=True) if auc >= tells))
    best = sorted(range(len(aucs)), key=lambda place: -aucs[place])[:_SHOWN]
    features = tuple(ProxyFeature(sample.features[at], aucs[at], through(float(moved[at]))) for at in best)
    return ProxyGroup(name, together, whole, through(proxies), features)
