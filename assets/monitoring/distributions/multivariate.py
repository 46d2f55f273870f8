"""A classifier between rows then and rows now: whether they differ at all, in any combination of features.

Belongs here: the classifier two-sample test. Does not belong here: which rows are compared (`separating.py`), how much
more often rows like each one come now (`assets.metrics.density_ratio`).

If no classifier tells the two sets of rows apart, their joint distributions do not differ by more than it could see
(Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, 2017). The test is the AUC of scores from cross-fitting:
each row is scored by a classifier that has not seen it. Given the classifier of its fold, the AUC of a fold is a
Mann-Whitney statistic, with mean 1/2 and a known variance where the sets do not differ; folds are averaged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from assets.bundle.profile import ReferenceProfile, category_values, numeric_values

_FOLDS = 3
_LEAST_ROWS = 50
_MOST_CATEGORIES = 254


@dataclass(frozen=True)
class Separation:
    """How well rows now are told from rows then.

    Attributes:
        auc: Of the cross-fitted classifier; 0.5 where nothing tells them apart.
        p_value: The chance of an AUC so high if the sets did not differ.
        then, now: The rows.
    """

    auc: float
    p_value: float
    then: int
    now: int


def separation(profile: ReferenceProfile, then: pa.Table, now: pa.Table, *, seed: int = 0) -> Separation | None:
    """How well rows now are told from rows then; `None` with fewer than 50 rows on either side.

    Raises:
        ProfileError: A column of the profile is absent or of another type.
    """
    if min(then.num_rows, now.num_rows) < _LEAST_ROWS:
        return None
    texts = _texts(profile, (then, now))
    matrix = np.concatenate([_matrix(profile, then, texts), _matrix(profile, now, texts)])
    target = _target(then, now)
    folds = _folds(target, np.random.default_rng(seed))
    aucs, variances = [], []
    for fold in range(_FOLDS):
        held = folds == fold
        # One thread: on a busy machine threads that wait for each other cost a hundred times what the sums do.
        with threadpool_limits(1, user_api="openmp"):
            fitted = _classifier(profile, texts, seed).fit(matrix[~held], target[~held])
            scores = fitted.predict_proba(matrix[held])[:, 1]
        auc, variance = _mann_whitney(scores, target[held])
        aucs.append(auc)
        variances.append(variance)
    auc = float(np.mean(aucs))
    error = math.sqrt(sum(variances)) / _FOLDS
    return Separation(auc, float(ndtr(-(auc - 0.5) / error)), then.num_rows, now.num_rows)


def _mann_whitney(scores: NDArray[np.float64], target: NDArray[np.int8]) -> tuple[float, float]:
    """The AUC, and its variance if the scores said nothing of the target, with the correction for ties."""
    ranks = rankdata(scores)
    n, m = int((target == 1).sum()), int((target == 0).sum())
    auc = (ranks[target == 1].sum() - n * (n + 1) / 2) / (n * m)
    total = n + m
    _, ties = np.unique(scores, return_counts=True)
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (total * (total - 1))
    return float(auc), max((total + 1 - tied) / (12 * n * m), 1e-12)


def _folds(target: NDArray[np.int8], random: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each row; both sets are spread evenly over the folds."""
    folds = np.empty(len(target), dtype=np.int64)
    for side in (0, 1):
        places = random.permutation(np.flatnonzero(target == side))
        folds[places] = np.arange(len(places)) % _FOLDS
    return folds


def _classifier(profile: ReferenceProfile, texts: Sequence[pa.Array], seed: int) -> HistGradientBoostingClassifier:
    first = len(profile.numeric)
    return HistGradientBoostingClassifier(
        max_iter=25, max_leaf_nodes=12, min_samples_leaf=20, learning_rate=0.1, random_state=seed, early_stopping=False,
        categorical_features=list(range(first, first + len(texts))) or None,
    )  # fmt: skip


def _target(then: pa.Table, now: pa.Table) -> NDArray[np.int8]:
    return np.repeat(np.array([0, 1], np.int8), [then.num_rows, now.num_rows])


def _texts(profile: ReferenceProfile, tables: Sequence[pa.Table]) -> list[pa.Array]:
    """For each category the values that have a code of their own."""
    found = []
    for name in profile.categories:
        both = pa.chunked_array([chunk for table in tables for chunk in category_values(table, name).chunks])
        found.append(pa.array(sorted(both.drop_null().unique().to_pylist())[:_MOST_CATEGORIES], pa.string()))
    return found


def _matrix(profile: ReferenceProfile, rows: pa.Table, texts: Sequence[pa.Array]) -> NDArray[np.float64]:
    columns = [numeric_values(rows, name) for name in profile.numeric]
    for name, known in zip(profile.categories, texts, strict=True):
        codes = category_values(rows, name).combine_chunks()
        columns.append(pc.index_in(codes, value_set=known).cast(pa.float64()).to_numpy(zero_copy_only=False))
    return np.column_stack(columns) if columns else np.zeros((rows.num_rows, 0))
