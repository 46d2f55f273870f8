"""What competes: for each candidate its chosen settings, and how it is fitted on any rows.

Belongs here: the recipes, and finding the settings of histogram boosting and of the scorecard on folds. Does not belong
here: the search for XGBoost's settings (`assets.training.search.boosters`), judging recipes (`choice.py`).

Every recipe ends in a booster, the form in which a bundle decides, explains and replays
(`assets.training.fitting.trees`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from assets.product import Imbalance, ModelSpec, OwnCandidate
from assets.training.fitting.boosting import PATIENCE, Fitter, Settings, fit_booster, masked, monotone_signs
from assets.training.fitting.scorecards import STRENGTHS, fit_scorecard
from assets.training.fitting.trees import histogram_booster, scorecard_booster
from assets.training.rows.folds import Fold, TrainingError, calibrated_losses
from assets.training.rows.learning import TrainingRows

SIMPLICITY: Mapping[str, int] = {"scorecard": 3, "histogram": 1, "xgboost": 1}
"""Of candidates of equal loss the one with the highest number wins."""
MOST_STAGES = 300
HISTOGRAMS: Sequence[Settings] = (
    {"learning_rate": 0.1, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 2.0},
    {"learning_rate": 0.1, "max_leaf_nodes": 4, "min_samples_leaf": 50, "l2_regularization": 10.0},
)


class Recipe(Protocol):
    """A candidate whose settings are chosen.

    Attributes:
        name: The candidate.
        simplicity: See `SIMPLICITY`.
        settings: What was chosen, for the record.
    """

    @property
    def name(self) -> str: ...

    @property
    def simplicity(self) -> int: ...

    @property
    def settings(self) -> Mapping[str, float | int | str]: ...

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        """The candidate's model of these rows; the same rows give the same model, bit by bit."""
        ...


@dataclass(frozen=True)
class BoosterRecipe:
    """XGBoost, with the settings that the search found.

    Attributes:
        spec: Seed, device and monotone constraints.
        chosen: The settings.
        rounds: The number of trees.
        way: How rare bad rows are weighted.
        ignored: Positions of columns that it does not use.
        fitter: How it is fitted otherwise than by one call in this process; `None` for so.
    """

    spec: ModelSpec
    chosen: Settings
    rounds: int
    way: Imbalance = "none"
    ignored: tuple[int, ...] = ()
    fitter: Fitter | None = None
    name: str = "xgboost"
    simplicity: int = SIMPLICITY["xgboost"]

    @property
    def settings(self) -> Mapping[str, float | int | str]:
        return {**self.chosen, "rounds": self.rounds, "imbalance": self.way}

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        return fit_booster(
            rows, self.spec, self.chosen, self.rounds, way=self.way, ignored=self.ignored, fitter=self.fitter
        )


@dataclass(frozen=True)
class HistogramRecipe:
    """Scikit-learn's histogram boosting; its trees become a booster of the same scores."""

    spec: ModelSpec
    chosen: Settings
    rounds: int
    ignored: tuple[int, ...] = ()
    name: str = "histogram"
    simplicity: int = SIMPLICITY["histogram"]

    @property
    def settings(self) -> Mapping[str, float | int | str]:
        return {**self.chosen, "rounds": self.rounds}

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        matrix = masked(rows.matrix, self.ignored)
        model = _histogram(rows, self.spec, self.chosen, self.rounds).fit(with_values(matrix), rows.y)
        return histogram_booster(model, matrix)


@dataclass(frozen=True)
class ScorecardRecipe:
    """The scorecard, as trees."""

    spec: ModelSpec
    strength: float
    name: str = "scorecard"
    simplicity: int = SIMPLICITY["scorecard"]

    @property
    def settings(self) -> Mapping[str, float | int | str]:
        return {"strength": self.strength}

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        card = fit_scorecard(rows, self.strength, monotone_signs(rows, self.spec.monotone))
        return scorecard_booster(card, rows.matrix)


@dataclass(frozen=True)
class OwnRecipe:
    """A product's own candidate."""

    spec: ModelSpec
    candidate: OwnCandidate

    @property
    def name(self) -> str:
        return self.candidate.name

    @property
    def simplicity(self) -> int:
        return self.candidate.simplicity

    @property
    def settings(self) -> Mapping[str, float | int | str]:
        return {}

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        """Its booster, checked.

        Raises:
            TrainingError: The bytes are no booster of two classes over these columns.
        """
        signs = monotone_signs(rows, self.spec.monotone)
        written = self.candidate.fit(rows.matrix, rows.y, signs=signs, seed=self.spec.seed)
        try:
            booster = xgb.Booster({"nthread": 1}, model_file=bytearray(written))
            scores = np.asarray(booster.inplace_predict(rows.matrix))
        except (xgb.core.XGBoostError, TypeError, ValueError) as error:
            raise TrainingError(
                f"candidate '{self.name}': fit gave no model that XGBoost runs on {rows.matrix.shape[1]} columns: "
                f"{error}; return booster.save_raw('ubj')"
            ) from error
        if scores.shape != (len(rows),) or not np.all((scores >= 0.0) & (scores <= 1.0)):
            raise TrainingError(
                f"candidate '{self.name}': its scores are {scores.dtype} {scores.shape}, from {scores.min()} to "
                f"{scores.max()}; fit a booster with the objective binary:logistic"
            )
        return booster


def find_scorecard(rows: TrainingRows, folds: Sequence[Fold], spec: ModelSpec) -> ScorecardRecipe:
    """The scorecard with the penalty of lowest mean loss over the folds."""
    signs = monotone_signs(rows, spec.monotone)
    losses = []
    for strength in STRENGTHS:
        of_folds = []
        for fold in folds:
            card, judged = fit_scorecard(rows.take(fold.learn), strength, signs), rows.take(fold.judge)
            of_folds.append(calibrated_losses(card.apply(judged.matrix), judged.y).mean())
        losses.append(float(np.mean(of_folds)))
    return ScorecardRecipe(spec, STRENGTHS[int(np.argmin(losses))])


def find_histogram(
    rows: TrainingRows, folds: Sequence[Fold], spec: ModelSpec, ignored: tuple[int, ...] = ()
) -> HistogramRecipe:
    """Histogram boosting with the declared setting of lowest mean loss over the folds, each stopped by its fold."""
    matrix = masked(rows.matrix, ignored)
    found: list[tuple[float, int, Settings]] = []
    for settings in HISTOGRAMS:
        losses, stages = [], []
        for fold in folds:
            model = _histogram(rows, spec, settings, None).fit(
                with_values(matrix[fold.learn]), rows.y[fold.learn], X_val=matrix[fold.judge], y_val=rows.y[fold.judge]
            )
            # Scores are the negative losses, the first before any tree.
            curve = -np.asarray(model.validation_score_)
            losses.append(float(curve.min()))
            stages.append(max(int(curve.argmin()), 1))
        found.append((float(np.mean(losses)), int(np.median(stages)), settings))
    _, rounds, settings = min(found, key=lambda entry: entry[0])
    return HistogramRecipe(spec, settings, rounds, ignored)


def with_values(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix with zeros in columns without any value: scikit-learn fails to bin those, and asks no constant one."""
    return masked(matrix, np.flatnonzero(np.isnan(matrix).all(axis=0)).tolist())


def _histogram(
    rows: TrainingRows, spec: ModelSpec, settings: Settings, rounds: int | None
) -> HistGradientBoostingClassifier:
    """The classifier with so many trees, or one that its validation rows stop."""
    return HistGradientBoostingClassifier(
        max_iter=MOST_STAGES if rounds is None else rounds,
        early_stopping=rounds is None,
        n_iter_no_change=PATIENCE,
        scoring="loss",
        monotonic_cst=list(monotone_signs(rows, spec.monotone)),
        random_state=spec.seed,
        **settings,
    )
