"""What every part of a study is given: the rows, the model as a function, and the groups of features.

Belongs here: the frozen value, from which source each feature comes, of which entity each row is. Does not
belong here: any figure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.metrics.ranking import columns_by_feature
from assets.metrics.resampling import entities_of
from assets.product import DecisionPolicy, Product
from assets.training.rows.learning import TrainingRows
from assets.vocabulary import FeatureSet, History, Number, Text

Floats = NDArray[np.float64]
Predict = Callable[[NDArray[np.float32]], Floats]
FEW_VALUES = 20
"""A column with at most so many values (a flag, a category, a small count) is not moved by noise: it would not be one
of its values any more."""


@dataclass(frozen=True, eq=False)
class Studied:
    """A model with the rows on which it is studied.

    Attributes:
        train, test: The rows that it learned from, and later ones.
        train_scores, scores: Its probabilities of them.
        entity: int64 [test rows], from 0 on: rows of one entity are resampled together.
        predict: Probabilities of a matrix.
        thresholds: Rising; a score at or above one of them has another answer than one below.
        groups: For each feature the group with which it comes.
        decision: Earnings and losses.
        seed: Of everything random.
    """

    train: TrainingRows
    test: TrainingRows
    train_scores: Floats
    scores: Floats
    entity: NDArray[np.int64]
    predict: Predict
    thresholds: tuple[float, ...]
    groups: dict[str, str]
    decision: DecisionPolicy
    seed: int

    @property
    def columns(self) -> dict[str, list[int]]:
        """The positions of each feature's columns in the matrix."""
        return columns_by_feature(self.test.sources)

    @property
    def group_columns(self) -> dict[str, list[int]]:
        """The positions of each group's columns, in the order of the groups' first features."""
        found: dict[str, list[int]] = {}
        for feature, places in self.columns.items():
            found.setdefault(self.groups[feature], []).extend(places)
        return found

    def answers(self, scores: Floats) -> NDArray[np.int64]:
        """The place of each score among the thresholds: rows of one place have the same answer."""
        return np.searchsorted(self.thresholds, scores, side="right").astype(np.int64)


def feature_groups(features: FeatureSet) -> dict[str, str]:
    """For each feature the group with which it comes: a shared group, its source, the request; of a derived feature,
    those of its inputs together."""
    found: dict[str, tuple[str, ...]] = {}
    for feature in features.all:
        if isinstance(feature, Number | Text):
            found[feature.name] = ("request",)
        elif isinstance(feature, History):
            found[feature.name] = (feature.group or feature.source,)
        else:
            found[feature.name] = _together([found[name] for name in feature.inputs]) or ("time of the decision",)
    return {name: " and ".join(parts) for name, parts in found.items()}


def _together(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({one for some in parts for one in some}))


def row_entities(product: Product, rows: pa.Table) -> NDArray[np.int64]:
    """The entity of each row, as numbers from 0 on: by the first key; without one each row is by itself."""
    keys = [name for name in product.features.key_columns if name in rows.column_names]
    if not keys:
        return np.arange(rows.num_rows, dtype=np.int64)
    return entities_of(np.asarray(rows[keys[0]].to_numpy()))


def continuous(matrix: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which columns have so many different values that a small change of one is another possible value: bool [m]."""
    return np.array([_distinct(matrix[:, column]) > FEW_VALUES for column in range(matrix.shape[1])], dtype=np.bool_)


def _distinct(column: NDArray[np.float32]) -> int:
    return len(np.unique(column[~np.isnan(column)]))
