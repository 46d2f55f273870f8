"""The features that move the scores of a population.

Belongs here: SHAP values of a sample, added up from encoded columns to features, and the importance table. Does not
belong here: the reasons of one decision (`assets.serving.reasons`), pictures (`importance_plot.py`,
`dependence_plot.py`), the second opinion (`lime.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray

from assets.metrics.ranking import EvaluationError

MOST_ROWS = 2000


@dataclass(frozen=True, eq=False)
class Explanation:
    """SHAP values of a sample of rows, in log odds, by feature.

    Attributes:
        features: k names, the most important first.
        contributions: float64 [n, k]: how far each feature moved each row's log odds from `base`.
        values: float64 [n, k]: the feature's value; NaN where it is missing or the feature is a category.
        base: Mean log odds.
        rows: int64 [n]: the place of each row in the matrix that was explained.
    """

    features: tuple[str, ...]
    contributions: NDArray[np.float64]
    values: NDArray[np.float64]
    base: float
    rows: NDArray[np.int64]

    @property
    def importance(self) -> NDArray[np.float64]:
        """Mean absolute contribution of each feature, in log odds: float64 [k], falling."""
        return np.asarray(np.abs(self.contributions).mean(axis=0), dtype=np.float64)

    def table(self) -> pa.Table:
        """`feature`, `importance` (log odds), `share` (of the sum of all importances), most important first."""
        importance = self.importance
        total = float(importance.sum())
        share = importance / total if total > 0 else importance
        return pa.table({"feature": list(self.features), "importance": importance, "share": share})


def explain(
    booster: xgb.Booster,
    matrix: NDArray[np.float32],
    columns: Sequence[str],
    sources: Sequence[str],
    *,
    seed: int,
    most_rows: int = MOST_ROWS,
) -> Explanation:
    """SHAP values (path-dependent TreeSHAP, Lundberg 2020) of at most `most_rows` rows, drawn by the seed.

    Args:
        booster: Cut after its best round.
        matrix: float32 [n, m], in time order.
        columns, sources: Names of the matrix's columns, and the feature that each encodes; contributions are added up
            by feature.
        seed: Seed of the sample, which keeps the order of the matrix.

    Raises:
        EvaluationError: There are no rows.
    """
    import shap  # The import takes seconds; gates and metrics do not need it.

    if len(matrix) == 0:
        raise EvaluationError("an explanation needs some rows")
    rows = np.arange(len(matrix))
    if len(rows) > most_rows:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most_rows, replace=False))
    sample = matrix[rows]
    explained = shap.TreeExplainer(booster)(sample)
    by_column = np.asarray(explained.values, dtype=np.float64)
    features = tuple(dict.fromkeys(sources))
    contributions = np.zeros((len(sample), len(features)), dtype=np.float64)
    values = np.full((len(sample), len(features)), np.nan, dtype=np.float64)
    for position, source in enumerate(sources):
        slot = features.index(source)
        contributions[:, slot] += by_column[:, position]
        if columns[position] == source:
            values[:, slot] = sample[:, position]
    order = np.argsort(-np.abs(contributions).mean(axis=0), kind="stable")
    return Explanation(
        features=tuple(features[slot] for slot in order),
        contributions=contributions[:, order],
        values=values[:, order],
        base=float(np.ravel(explained.base_values)[0]),
        rows=rows.astype(np.int64),
    )
