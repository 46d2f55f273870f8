"""Which candidate becomes the bundle's model.

Belongs here: judging recipes on the same later rows, and the choice by loss and simplicity. Does not belong here: the
candidates (`recipes.py`), the gates that the chosen model must pass (`assets.evaluation.gates`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.training.contest.recipes import Recipe
from assets.training.paired import paired
from assets.training.rows.folds import Fold, calibrated_losses
from assets.training.rows.learning import TrainingRows

RowLosses = Callable[[NDArray[np.float64], TrainingRows], NDArray[np.float64]]
"""The loss of each judged row, from the raw scores of a candidate and the rows: float64 [n]."""


@dataclass(frozen=True)
class Standing:
    """How a candidate did.

    Attributes:
        name, simplicity: The candidate.
        loss: Mean log loss of the judged rows, after calibration.
        behind: How far the loss is above the lowest, and `error` the standard error of this difference, row by row.
        error: 0 for the candidate of lowest loss.
        settings: Its settings.
    """

    name: str
    simplicity: int
    loss: float
    behind: float
    error: float
    settings: dict[str, float | int | str]

    @property
    def within(self) -> bool:
        """Whether its loss is within one standard error of the lowest."""
        return self.behind <= self.error


@dataclass(frozen=True)
class Choice:
    """The contest's result.

    Attributes:
        standings: Every candidate, in the order of its declaration.
        chosen: The name of the winner.
        reason: Why it won, in words.
        rows: How many rows judged, and how many of them were bad.
        positives: Of the judged rows, the bad ones.
    """

    standings: tuple[Standing, ...]
    chosen: str
    reason: str
    rows: int
    positives: int


def log_losses(raw: NDArray[np.float64], judged: TrainingRows) -> NDArray[np.float64]:
    """The losses of a binary target: log losses after calibration."""
    return calibrated_losses(raw, judged.y)


def hold_contest(
    recipes: Sequence[Recipe], rows: TrainingRows, folds: Sequence[Fold], losses_of: RowLosses = log_losses
) -> Choice:
    """The candidate that becomes the model: of those within one standard error of the lowest loss, the simplest.

    Candidates are compared row by row on the same rows, so that what is hard for all of them cancels out. Between
    candidates that are equally simple the lower loss wins.

    Args:
        recipes: At least one, each with a name of its own.
        rows: The labelled rows.
        folds: The rows to learn from and to judge; each recipe is fitted on each.
        losses_of: By what they are judged.
    """
    losses = {recipe.name: _losses(recipe, rows, folds, losses_of) for recipe in recipes}
    standings = standings_of(recipes, losses)
    chosen = simplest(standings)
    judged = np.concatenate([fold.judge for fold in folds])
    return Choice(standings, chosen.name, _reason(chosen, standings), len(judged), int(rows.y[judged].sum()))


def standings_of(recipes: Sequence[Recipe], losses: dict[str, NDArray[np.float64]]) -> tuple[Standing, ...]:
    """The standings from each candidate's losses of the same rows."""
    best = min(recipes, key=lambda recipe: float(losses[recipe.name].mean())).name
    standings = []
    for recipe in recipes:
        behind, error = paired(losses[recipe.name], losses[best])
        standings.append(
            Standing(
                recipe.name, recipe.simplicity, float(losses[recipe.name].mean()), behind, error, dict(recipe.settings)
            )
        )
    return tuple(standings)


def simplest(standings: Sequence[Standing]) -> Standing:
    """Of the candidates within one standard error of the lowest loss the simplest; of equally simple ones the best."""
    return min((found for found in standings if found.within), key=lambda found: (-found.simplicity, found.loss))


def _losses(recipe: Recipe, rows: TrainingRows, folds: Sequence[Fold], losses_of: RowLosses) -> NDArray[np.float64]:
    parts = []
    for fold in folds:
        judged = rows.take(fold.judge)
        raw = recipe.fit(rows.take(fold.learn)).inplace_predict(judged.matrix)
        parts.append(losses_of(np.asarray(raw, dtype=np.float64), judged))
    return np.concatenate(parts)


def _reason(chosen: Standing, standings: Sequence[Standing]) -> str:
    if len(standings) == 1:
        return f"{chosen.name} is the only candidate"
    best = min(standings, key=lambda found: found.loss)
    if chosen.name == best.name:
        return f"{chosen.name} has the lowest loss, and no simpler candidate is within one standard error"
    return (
        f"{chosen.name} is simpler than {best.name}, and its loss is {chosen.behind:.5f} above, within one standard "
        f"error ({chosen.error:.5f})"
    )
