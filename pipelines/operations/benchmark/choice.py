"""Which model is taken, by validation folds alone.

Belongs here: scoring folds with every model and with means of two, and the choice. Does not belong here: the test
folds: the transactions that are given here end before the first test day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from assets.product import ModelSpec
from pipelines.operations.benchmark.card_models import MODELS, Scores
from pipelines.operations.benchmark.protocol import (
    FIRST_TEST_DAY,
    VALIDATION_STARTS,
    CardFigures,
    Fold,
    figures_of,
    fold_of,
    mean_figures,
)
from pipelines.operations.benchmark.published_cards import PublishedCards

Say = Callable[[str], None]
Chosen = tuple[str, ...]
"""The names of one model, or of two whose scores are averaged."""


@dataclass(frozen=True)
class Choice:
    """What was tried on the validation folds and what is taken: the highest sum of the three mean figures."""

    chosen: Chosen
    tried: Mapping[Chosen, CardFigures]


def choose_model(cards: PublishedCards, spec: ModelSpec, say: Say) -> Choice:
    """The model with the best figures on the validation folds.

    Args:
        cards: Transactions before the first test day; later ones are an error of the caller.
        say: Told of each step.

    Raises:
        ValueError: A transaction lies in the test period.
    """
    if cards.day.max() >= FIRST_TEST_DAY:
        raise ValueError("the choice was given transactions of the test period")
    folds = [fold_of(cards, start) for start in VALIDATION_STARTS]
    scores: dict[str, list[Scores]] = {}
    for name in MODELS:
        scores[name] = [score_fold(cards, fold, (name,), spec) for fold in folds]
        say(f"validated: {name}")
    names: list[Chosen] = [*((name,) for name in MODELS), *combinations(MODELS, 2)]
    tried = {
        chosen: mean_figures(
            [
                figures_of(cards, fold.test, np.mean([scores[name][number] for name in chosen], axis=0))
                for number, fold in enumerate(folds)
            ]
        )
        for chosen in names
    }
    return Choice(max(tried, key=lambda chosen: sum(tried[chosen].to_dict().values())), tried)


def score_fold(cards: PublishedCards, fold: Fold, chosen: Chosen, spec: ModelSpec) -> Scores:
    """Trains on a fold's week and scores its test rows."""
    train, matrix = cards.rows.take(fold.train), cards.rows.matrix[fold.test]
    return np.asarray(np.mean([MODELS[name](train, matrix, spec) for name in chosen], axis=0), np.float64)


def words(chosen: Chosen) -> str:
    """The model for people."""
    return chosen[0] if len(chosen) == 1 else f"mean of {' and '.join(chosen)}"
