"""The candidates of a product: they compete, and the winner is fitted and calibrated, with the scorecard as fallback.

Belongs here: the order of training's steps, the final fit on the training rows, the calibration on the calibration
rows, and the frozen values that hold the results. Does not belong here: the search (`search/boosters.py`), the
candidates and the choice between them (`contest`), the export to ONNX (`fitting/export.py`), evaluating a model
(`assets.evaluation`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assets.bundle.calibration import Calibration
from assets.bundle.scorecard import Scorecard
from assets.product import ModelSpec, OwnCandidate
from assets.training.calibrate import fit_calibration
from assets.training.contest.choice import Choice, hold_contest
from assets.training.contest.recipes import (
    BoosterRecipe,
    OwnRecipe,
    Recipe,
    ScorecardRecipe,
    find_histogram,
    find_scorecard,
)
from assets.training.contest.tuning import Tuned, tune
from assets.training.fitting.boosting import THREADS, monotone_signs
from assets.training.fitting.scorecards import calibrated_scorecard, fit_scorecard
from assets.training.large.fits import LargeFits, for_all_rows
from assets.training.rows.folds import Fold, fold_of, time_folds
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split
from assets.training.search.boosters import SearchResult, search_settings


@dataclass(frozen=True, eq=False)
class BoostedModel:
    """A model as boosted trees, with its calibration.

    Attributes:
        booster: Its trees, without feature names.
        calibration: The map from raw score to probability.
        columns, sources: Names of the matrix's columns, and the feature that each encodes.
        settings: The settings that were chosen; empty for a model that is read back from a bundle.
        rounds: Number of trees in the booster.
    """

    booster: xgb.Booster
    calibration: Calibration
    columns: tuple[str, ...]
    sources: tuple[str, ...]
    settings: Mapping[str, float | int | str]
    rounds: int

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The booster's own score of each row of the matrix [n, m], as float64 [n]."""
        if len(matrix) == 0:
            return np.empty(0, dtype=np.float64)
        return np.asarray(self.booster.inplace_predict(matrix), dtype=np.float64)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of the bad outcome for each row of the matrix [n, m], as float64 [n]."""
        return self.calibration.apply(self.raw(matrix))


@dataclass(frozen=True, eq=False)
class Candidates:
    """The outcome of training.

    Attributes:
        boosted: The winner of the contest, as boosted trees: what the bundle decides with.
        scorecard: The scorecard, calibrated: the baseline and the fallback.
        choice: How each candidate did, and why one won.
        search: Every trial of XGBoost's settings; `None` where XGBoost is no candidate.
        tuned: What was chosen beside the settings; `None` where XGBoost is no candidate.
    """

    boosted: BoostedModel
    scorecard: Scorecard
    choice: Choice
    search: SearchResult | None
    tuned: Tuned | None


def train_candidates(
    rows: TrainingRows,
    split: Split,
    spec: ModelSpec,
    *,
    journal: Path | None = None,
    large: LargeFits | None = None,
) -> Candidates:
    """Finds each candidate's settings, lets them compete, fits the winner and the scorecard. No test row is touched.

    The same rows and spec give the same predictions, bit by bit, on the same machine and library versions, as long as
    no budget of minutes ends the search.

    Args:
        rows: All labelled rows.
        split: The positions of the training and of the calibration rows.
        spec: Candidates, trials, seed, device, monotone constraints.
        journal: The file that keeps the search's trials over a crash; `None` for none.
        large: What the final fit of many rows needs; `None` for fits in this process.

    Raises:
        TrainingError: The rows do not allow the search, a monotone constraint does not fit, the device is not there, or
            a product's own candidate gave no model.
        LockTimeout: Another process searches for the product.
    """
    train, calibrate = rows.take(split.train), rows.take(split.calibrate)
    with threadpool_limits(limits=THREADS):
        folds = [fold.checked(train) for fold in time_folds(train.as_of, split.gap)]
        search, tuned = None, None
        if "xgboost" in spec.candidates:
            search = search_settings(train, spec, gap=split.gap, journal=journal)
            tuned = tune(train, folds, spec, search.best.settings)
        card = find_scorecard(train, folds, spec)
        recipes = _recipes(train, folds, spec, search, tuned, card)
        choice = hold_contest(recipes, rows, contest_folds(rows, split, folds))
        winner = next(recipe for recipe in recipes if recipe.name == choice.chosen)
        return Candidates(
            boosted=fit_model(for_all_rows(winner, spec.scale, len(train), large), train, calibrate),
            scorecard=calibrated_scorecard(
                fit_scorecard(train, card.strength, monotone_signs(train, spec.monotone)), calibrate
            ),
            choice=choice,
            search=search,
            tuned=tuned,
        )


def fit_model(recipe: Recipe, train: TrainingRows, calibrate: TrainingRows) -> BoostedModel:
    """A recipe's model of the training rows, calibrated on the calibration rows."""
    booster = recipe.fit(train)
    plain = BoostedModel(
        booster=booster,
        calibration=Calibration(),
        columns=train.columns,
        sources=train.sources,
        settings=recipe.settings,
        rounds=booster.num_boosted_rounds(),
    )
    return replace(plain, calibration=fit_calibration(plain.raw(calibrate.matrix), calibrate.y))


def contest_folds(rows: TrainingRows, split: Split, folds: Sequence[Fold]) -> list[Fold]:
    """The folds of the training rows, and one more that judges the calibration rows, which no setting was chosen by."""
    of_all = [Fold(split.train[fold.learn], split.train[fold.judge], fold.gap) for fold in folds]
    return [*of_all, fold_of(rows.as_of, split.train, split.calibrate, split.gap)]


def _recipes(
    train: TrainingRows,
    folds: Sequence[Fold],
    spec: ModelSpec,
    search: SearchResult | None,
    tuned: Tuned | None,
    card: ScorecardRecipe,
) -> list[Recipe]:
    """Each declared candidate with its settings, in the order of their declaration."""
    recipes: list[Recipe] = []
    ignored = () if tuned is None else tuned.ignored
    for candidate in spec.candidates:
        match candidate:
            case "scorecard":
                recipes.append(card)
            case "histogram":
                recipes.append(find_histogram(train, folds, spec, ignored))
            case "xgboost" if search is not None and tuned is not None:
                recipes.append(BoosterRecipe(spec, search.best.settings, tuned.rounds, tuned.way, ignored))
            case OwnCandidate():
                recipes.append(OwnRecipe(spec, candidate))
    return recipes
