"""The protocol of the published card benchmark: folds, the removal of known cards, the three figures.

Belongs here: the protocol of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot, Bontempi), and its table.
Does not belong here: features (`published_cards.py`), models and their choice (`card_models.py`, `choice.py`).

A fold trains on a week, waits a week for the labels, and tests a week. Cards that are known to be compromised are not
tested: those with a fraud in the training week, and on each test day those with a fraud on a day up to eight days
before it and after the training week.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from pipelines.operations.benchmark.published_cards import PublishedCards, day_number

WEEK = 7
CARDS_LOOKED_AT = 100
VALIDATION_STARTS = (date(2018, 7, 11), date(2018, 7, 4), date(2018, 6, 27), date(2018, 6, 20))
TEST_STARTS = (date(2018, 7, 25), date(2018, 8, 1), date(2018, 8, 8), date(2018, 8, 15))
"""The first days of the training weeks; the single split is the first test fold."""
FIRST_TEST_DAY = day_number(TEST_STARTS[0]) + 2 * WEEK


@dataclass(frozen=True)
class CardFigures:
    """The figures of a fold, or their means over several.

    Attributes:
        auc: Area under the ROC curve, over transactions.
        average_precision: Over transactions.
        card_precision: Of the 100 cards a day with the highest scores, the share that is compromised; a card that was
            found is not looked at again.
    """

    auc: float
    average_precision: float
    card_precision: float

    def to_dict(self) -> dict[str, float]:
        """The three figures by name."""
        return asdict(self)


PUBLISHED_SINGLE = {
    "logistic regression": CardFigures(0.871, 0.606, 0.291),
    "random forest": CardFigures(0.867, 0.658, 0.287),
    "XGBoost": CardFigures(0.862, 0.639, 0.273),
}
PUBLISHED_FOUR = {
    "logistic regression": CardFigures(0.868, 0.623, 0.297),
    "random forest": CardFigures(0.870, 0.678, 0.299),
    "XGBoost": CardFigures(0.869, 0.687, 0.303),
    "balanced bagging": CardFigures(0.879, 0.680, 0.305),
    "LSTM": CardFigures(0.876, 0.665, 0.297),
}


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the rows of a fold, int64, ascending."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def fold_of(cards: PublishedCards, start: date) -> Fold:
    """The fold whose training week begins on a day."""
    first = day_number(start)
    train, fraud = cards.within(first, first + WEEK), cards.rows.y == 1
    known = np.unique(cards.card[train[fraud[train]]])
    tested = []
    for day in range(first + 2 * WEEK, first + 3 * WEEK):
        reported = cards.within(day - WEEK - 1, day - WEEK)
        known = np.union1d(known, cards.card[reported[fraud[reported]]])
        of_day = cards.within(day, day + 1)
        tested.append(of_day[~np.isin(cards.card[of_day], known)])
    return Fold(train, np.concatenate(tested))


def figures_of(cards: PublishedCards, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> CardFigures:
    """The figures of scored rows.

    Args:
        rows: Positions of the rows.
        scores: float64, of each of these rows; higher is more suspect.
    """
    y = cards.rows.y[rows]
    return CardFigures(
        float(roc_auc_score(y, scores)),
        float(average_precision_score(y, scores)),
        _card_precision(cards, rows, scores),
    )


def mean_figures(figures: Sequence[CardFigures]) -> CardFigures:
    """The mean of each figure."""
    return CardFigures(*(float(np.mean([one.to_dict()[name] for one in figures])) for name in figures[0].to_dict()))


def _card_precision(cards: PublishedCards, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    found, shares = np.empty(0, cards.card.dtype), []
    for day in np.unique(cards.day[rows]):
        here = np.flatnonzero((cards.day[rows] == day) & ~np.isin(cards.card[rows], found))
        card, place = np.unique(cards.card[rows][here], return_inverse=True)
        highest, compromised = np.full(len(card), -np.inf), np.zeros(len(card), bool)
        np.maximum.at(highest, place, scores[here])
        np.logical_or.at(compromised, place, cards.rows.y[rows][here] == 1)
        top = np.argsort(-highest, kind="stable")[:CARDS_LOOKED_AT]
        caught = top[compromised[top]]
        found = np.union1d(found, card[caught])
        shares.append(len(caught) / CARDS_LOOKED_AT)
    return float(np.mean(shares))
