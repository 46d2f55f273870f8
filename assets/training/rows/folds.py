"""Time-ordered folds of training rows, and the loss of a model on the rows that it judges.

Belongs here: which rows a fold learns from and judges, with the purge gap between them, and log losses after
calibration. Does not belong here: the windows of training, calibration and test (`split.py`), what is chosen by the
losses (`assets.training.search.boosters`, `contest`).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assets.bundle.calibration import log_odds
from assets.training.calibrate import fit_platt
from assets.training.rows.learning import TrainingRows
from resources.errors import LooplineError

NO_GAP = np.timedelta64(0, "us")
# Where the row positions are cut: the second fold learns from the rows that the first judged (prequential).
_BORDERS = (0.6, 0.8, 1.0)
_LEAST_LEFT = 1 / 3


class TrainingError(LooplineError):
    """A model cannot be trained on these rows with this spec; the message names the column or the counts."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the rows that are learned from and of those that are judged, which are later.

    Attributes:
        learn, judge: int64 positions, in time order.
        gap: The time between the last learned and the first judged row in which no row is learned from.
    """

    learn: NDArray[np.int64]
    judge: NDArray[np.int64]
    gap: np.timedelta64

    def checked(self, rows: TrainingRows) -> "Fold":
        """This fold of these rows.

        Raises:
            TrainingError: The learned or the judged rows are of one class.
        """
        for name, part in (("learned", self.learn), ("judged", self.judge)):
            positives = int(rows.y[part].sum())
            if positives in (0, len(part)):
                raise TrainingError(
                    f"the search's {name} rows are {len(part)}, {positives} of them positive; it needs both classes: "
                    "give the training window more days"
                )
        return self


def time_folds(as_of: NDArray[np.datetime64], gap: np.timedelta64 = NO_GAP) -> tuple[Fold, ...]:
    """Two folds that walk forward in time: the judged rows are always later than the learned ones.

    Args:
        as_of: datetime64[us] [n], in any order.
        gap: The label's maturity; see `fold_of`.
    """
    order = np.argsort(as_of, kind="stable").astype(np.int64)
    cuts = np.rint(np.asarray(_BORDERS) * len(order)).astype(np.int64)
    return tuple(fold_of(as_of, order[:first], order[first:last], gap) for first, last in pairwise(cuts))


def fold_of(
    as_of: NDArray[np.datetime64], before: NDArray[np.int64], judge: NDArray[np.int64], gap: np.timedelta64
) -> Fold:
    """A fold whose learned labels were all known when the first judged row was decided.

    Rows of the gap before the judged rows are left out, unless less than a third of the rows would be left: a model
    of so few rows says nothing about one of all. Then no row is left out, and the fold's gap is zero.

    Args:
        as_of: datetime64[us] [n].
        before, judge: Positions of the rows before, and of those to judge.
        gap: The label's maturity.
    """
    if len(judge) == 0:
        return Fold(before, judge, NO_GAP)
    left = before[as_of[before] <= as_of[judge].min() - gap]
    return Fold(left, judge, gap) if len(left) >= _LEAST_LEFT * len(before) else Fold(before, judge, NO_GAP)


def calibrated_losses(raw: NDArray[np.float64], y: NDArray[np.int8]) -> NDArray[np.float64]:
    """The log loss of each row after Platt's calibration on the other half of the rows: float64 [n].

    Every second row of each class makes a half. So models are compared that differ in the level of their scores, as
    one with weighted rows does. With a single row of a class all rows calibrate.

    Args:
        raw: float64 [n], raw scores within [0, 1].
        y: int8 [n], of both classes.
    """
    odds, half = log_odds(raw), np.zeros(len(y), dtype=np.int64)
    for value in (0, 1):
        of_class = np.flatnonzero(y == value)
        half[of_class] = np.arange(len(of_class)) % 2
    losses = np.empty(len(y), dtype=np.float64)
    alone = min(int(y.sum()), int((1 - y).sum())) < 2
    for number in (0, 1):
        judged = half == number
        fitted = fit_platt(odds, y) if alone else fit_platt(odds[~judged], y[~judged])
        z = fitted.slope * odds[judged] + fitted.intercept
        losses[judged] = np.logaddexp(0.0, z) - y[judged] * z
    return losses
