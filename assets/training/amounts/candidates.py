"""The candidates of an amount: they compete, and the winner is fitted, with the scorecard as fallback.

Belongs here: the order of training's steps for an amount. Does not belong here: that of a binary target, and the frozen
values of both (`assets.training.candidates`), the candidates (`recipes.py`).

An amount is not calibrated: the objective fits its mean (or quantile), and a gate judges how far it is off.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assets.bundle.calibration import Calibration
from assets.metrics.amounts import check_amounts, row_losses
from assets.metrics.ranking import EvaluationError
from assets.product import Amount, ModelSpec
from assets.training.amounts.recipes import find_amount_histogram, find_amount_scorecard
from assets.training.candidates import BoostedModel, Candidates, contest_folds
from assets.training.contest.choice import hold_contest
from assets.training.contest.recipes import BoosterRecipe, Recipe
from assets.training.contest.tuning import Tuned
from assets.training.fitting.boosting import THREADS
from assets.training.large.fits import LargeFits, for_all_rows
from assets.training.rows.folds import TrainingError, time_folds
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split
from assets.training.search.boosters import SearchResult, search_settings


def train_amounts(
    rows: TrainingRows,
    split: Split,
    spec: ModelSpec,
    target: Amount,
    *,
    journal: Path | None = None,
    large: LargeFits | None = None,
) -> Candidates:
    """Finds each candidate's settings, lets them compete, fits the winner and the scorecard. No test row is touched.

    The winner learns from the training rows alone, so that the calibration rows are new to it: the interval around its
    predictions and the threshold are chosen there.

    Args:
        rows, split, spec, journal, large: As for `train_candidates`; `rows` have amounts.

    Raises:
        TrainingError: As for `train_candidates`; or the objective has no loss for an amount.
    """
    try:
        check_amounts(target, rows.amounts)
    except EvaluationError as error:
        raise TrainingError(f"the amounts of the training set: {error}") from error
    train = rows.take(split.train)

    def losses(raw: NDArray[np.float64], judged: TrainingRows) -> NDArray[np.float64]:
        return row_losses(target, judged.amounts, raw)

    with threadpool_limits(limits=THREADS):
        folds = [fold.checked(train) for fold in time_folds(train.as_of, split.gap)]
        search = None
        if "xgboost" in spec.candidates:
            search = search_settings(train, spec, gap=split.gap, journal=journal)
        card = find_amount_scorecard(train, folds, spec, target)
        recipes: list[Recipe] = []
        for candidate in spec.candidates:
            if candidate == "scorecard":
                recipes.append(card)
            elif candidate == "histogram":
                recipes.append(find_amount_histogram(train, folds, spec, target))
            elif search is not None:
                recipes.append(BoosterRecipe(spec, search.best.settings, search.best.rounds))
        choice = hold_contest(recipes, rows, contest_folds(rows, split, folds), losses)
        winner = next(recipe for recipe in recipes if recipe.name == choice.chosen)
        return Candidates(
            boosted=_fitted(for_all_rows(winner, spec.scale, len(train), large), train),
            scorecard=card.card(train),
            choice=choice,
            search=search,
            tuned=_tuned(search),
        )


def _fitted(recipe: Recipe, train: TrainingRows) -> BoostedModel:
    booster = recipe.fit(train)
    return BoostedModel(
        booster=booster, calibration=Calibration(method="none"), columns=train.columns, sources=train.sources,
        settings=recipe.settings, rounds=booster.num_boosted_rounds(),
    )  # fmt: skip


def _tuned(search: SearchResult | None) -> Tuned | None:
    """Amounts have no rare class to be weighted, and every feature is kept."""
    if search is None:
        return None
    return Tuned("none", search.best.rounds, (), None)
