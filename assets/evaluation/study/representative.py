"""Whether the training rows stand for the rows that are decided.

Belongs here: a classifier between training and test rows, and the share of test rows such as hardly occur among the
training rows. Does not belong here: the classifier itself (`assets.metrics.density_ratio`), drift of single features.
"""

from dataclasses import asdict, dataclass

import numpy as np

from assets.evaluation.study.parts import Studied
from assets.metrics.density_ratio import density_ratio

_MOST_ROWS = 5_000


@dataclass(frozen=True)
class Representativeness:
    """How test rows differ from training rows.

    Attributes:
        auc: How well a classifier tells them apart: 0.5 not at all.
        told_apart: Whether that is more than chance.
        outside: The share of test rows that come twenty times more often than among the training rows, or more.
        alike: The effective share of training rows once they are weighted like the test rows (Kish, 1965).
        beyond: The share of test rows with a number outside of the range of the training rows.
    """

    auc: float
    told_apart: bool
    outside: float
    alike: float
    beyond: float

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def representativeness(studied: Studied) -> Representativeness:
    """The difference between at most 5,000 rows of either side."""
    train, test = (_evenly(rows.matrix) for rows in (studied.train, studied.test))
    found = density_ratio(train, test)
    # A column without any value in training has no range: a value there is outside of it.
    low = np.min(np.where(np.isnan(studied.train.matrix), np.inf, studied.train.matrix), axis=0)
    high = np.max(np.where(np.isnan(studied.train.matrix), -np.inf, studied.train.matrix), axis=0)
    beyond = ((studied.test.matrix < low) | (studied.test.matrix > high)).any(axis=1)
    weight = found.reference
    return Representativeness(
        auc=found.auc,
        told_apart=found.shifted,
        outside=found.unseen_share,
        alike=float(weight.sum() ** 2 / (weight**2).sum() / len(weight)),
        beyond=float(beyond.mean()),
    )


def _evenly(
    matrix: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if len(matrix) <= _MOST_ROWS:
        return matrix
    return matrix[np.linspace(0, len(matrix) - 1, _MOST_ROWS).astype(np.int64)]
