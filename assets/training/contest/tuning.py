"""What is chosen for boosted trees beside their settings: the weight of rare outcomes, and the features.

Belongs here: both choices, measured on folds, and their records. Does not belong here: the settings
(`assets.training.search.boosters`), the choice between candidates (`choice.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.metrics.ranking import columns_by_feature
from assets.product import Imbalance, ModelSpec
from assets.training.fitting.boosting import FoldMatrices, Judged, Settings, fixed_parameters
from assets.training.paired import paired
from assets.training.rows.folds import Fold, calibrated_losses
from assets.training.rows.learning import TrainingRows

# A feature that moves scores less than this share of all movement, on every fold, may be of no use.
_LITTLE = 0.005
_EXPLAINED_ROWS = 1000


@dataclass(frozen=True)
class WayLoss:
    """A way to weigh rare outcomes: its mean log loss on the folds after calibration, and how far above the first."""

    way: Imbalance
    loss: float
    behind_first: float
    error: float
    rounds: int


@dataclass(frozen=True)
class FeatureSelection:
    """Features that boosted trees leave out, or could not.

    Attributes:
        candidates: Features that moved the scores of no fold by more than 0.5% of all movement, with the largest share.
        dropped: Whether they are left out: the loss of the folds is not the worse for it.
        loss_with, loss_without: Mean log loss on the folds with and without them.
        ignored: Positions of their columns; empty where nothing is dropped.
    """

    candidates: tuple[tuple[str, float], ...]
    dropped: bool
    loss_with: float
    loss_without: float | None
    ignored: tuple[int, ...]

    @property
    def reason(self) -> str:
        """Why the candidates are left out or are not, in words."""
        if self.loss_without is None:
            return (
                "no feature moves the scores too little" if not self.candidates else "every feature moves them little"
            )
        verdict = "left out" if self.dropped else "kept"
        return f"{verdict}: without them the loss is {self.loss_without:.6f}, with them {self.loss_with:.6f}"


@dataclass(frozen=True)
class Tuned:
    """What was chosen for boosted trees.

    Attributes:
        way: How rare bad rows are weighted.
        rounds: The median over the folds of the rounds until early stopping, that way.
        ways: Every way that was measured.
        selection: The choice of features; `None` where none was asked for.
    """

    way: Imbalance
    rounds: int
    ways: tuple[WayLoss, ...]
    selection: FeatureSelection | None

    @property
    def ignored(self) -> tuple[int, ...]:
        """Positions of the columns that are left out."""
        return () if self.selection is None else self.selection.ignored


def tune(rows: TrainingRows, folds: Sequence[Fold], spec: ModelSpec, settings: Settings) -> Tuned:
    """Chooses the weight of rare outcomes and the features, for these settings of XGBoost.

    Both are judged by the loss after calibration: weights shift the level of scores, and calibration takes that back.
    """
    parameters = {**fixed_parameters(rows, spec), **settings}
    matrices = [FoldMatrices.of(rows, fold) for fold in folds]
    fits = {way: [fold.fit(parameters, way) for fold in matrices] for way in spec.search.imbalance}
    losses = {way: _losses(judged, rows, folds) for way, judged in fits.items()}
    first = spec.search.imbalance[0]
    ways = tuple(
        WayLoss(way, float(losses[way].mean()), *paired(losses[way], losses[first]), _rounds(fits[way]))
        for way in spec.search.imbalance
    )
    better = [found for found in ways if found.behind_first < -found.error]
    chosen = min(better, key=lambda found: found.loss) if better else ways[0]
    if spec.search.selection == "none":
        return Tuned(chosen.way, chosen.rounds, ways, None)
    selection, rounds = _select(rows, folds, parameters, chosen, fits[chosen.way], matrices)
    return Tuned(chosen.way, rounds, ways, selection)


def _select(
    rows: TrainingRows,
    folds: Sequence[Fold],
    parameters: dict[str, object],
    chosen: WayLoss,
    fits: Sequence[Judged],
    matrices: Sequence[FoldMatrices],
) -> tuple[FeatureSelection, int]:
    """The selection, and the rounds of the trees with it."""
    shares = np.max([_shares(judged, fold) for judged, fold in zip(fits, matrices, strict=True)], axis=0)
    by_feature = columns_by_feature(rows.sources)
    moved = {feature: float(shares[columns].sum()) for feature, columns in by_feature.items()}
    little = {feature: share for feature, share in moved.items() if share < _LITTLE}
    candidates = tuple(sorted(little.items(), key=lambda entry: entry[1]))
    if not little or len(little) == len(by_feature):
        return FeatureSelection(candidates, False, chosen.loss, None, ()), chosen.rounds
    ignored = tuple(column for feature in little for column in by_feature[feature])
    without = [FoldMatrices.of(rows, fold, ignored).fit(parameters, chosen.way) for fold in folds]
    loss = float(_losses(without, rows, folds).mean())
    if loss > chosen.loss:
        return FeatureSelection(candidates, False, chosen.loss, loss, ()), chosen.rounds
    return FeatureSelection(candidates, True, chosen.loss, loss, ignored), _rounds(without)


def _shares(judged: Judged, fold: FoldMatrices) -> NDArray[np.float64]:
    """For each column its share of the mean absolute SHAP values of the judged rows: float64 [m]."""
    rows = xgb.DMatrix(fold.judged_rows[:_EXPLAINED_ROWS], nthread=1)
    moved = np.abs(judged.booster.predict(rows, pred_contribs=True)[:, :-1].astype(np.float64)).mean(axis=0)
    total = float(moved.sum())
    return np.asarray(moved / total if total > 0 else moved, dtype=np.float64)


def _losses(fits: Sequence[Judged], rows: TrainingRows, folds: Sequence[Fold]) -> NDArray[np.float64]:
    return np.concatenate(
        [calibrated_losses(judged.raw, rows.y[fold.judge]) for judged, fold in zip(fits, folds, strict=True)]
    )


def _rounds(fits: Sequence[Judged]) -> int:
    return int(np.median([judged.rounds for judged in fits]))
