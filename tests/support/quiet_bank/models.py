"""A model of a quiet bank as of a day: its scores, its answers, and the profile that live rows are compared with.

Belongs here: training on labels that are final by then, and what approval keeps. Does not belong here: judging rows.
The model is scikit-learn's: what is measured is the judges of the scores, not the scores.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from assets.bundle.bundle import Policy
from assets.bundle.profile import build_profile, category_values, numeric_values
from assets.monitoring.distributions.cells import Layout, layout_of
from assets.product import Product
from tests.support.quiet_bank.rows import ProductRows

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class Approved:
    """A model.

    Attributes:
        day: When it was approved.
        scores: Its scores of all rows, float64 [n].
        answers: Its answers, int64 [n].
        tested: The rows of its test window, bool [n].
        auc: On those with a label.
    """

    day: date
    policy: Policy
    layout: Layout
    scores: NDArray[np.float64]
    answers: NDArray[np.int64]
    tested: NDArray[np.bool_]
    auc: float


def approved(product: Product, rows: ProductRows, matrix: NDArray[np.float32], day: date) -> Approved:
    """The model that is trained on a day."""
    number = (day - _EPOCH).days
    known = number - product.label.maturity // timedelta(days=1) - 1
    first_tested = known - product.model.test_days
    learned = first_tested - product.label.maturity // timedelta(days=1)
    earliest = -np.inf if product.model.train_days is None else learned - product.model.train_days
    train = rows.labelled & (rows.day < learned) & (rows.day >= earliest)
    tested = (rows.day >= first_tested) & (rows.day < known)
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, learning_rate=0.1, random_state=1)
    scores = model.fit(matrix[train], rows.bad[train]).predict_proba(matrix)[:, 1]
    judged = tested & rows.labelled
    auc = float(roc_auc_score(rows.bad[judged], scores[judged]))
    features = product.features
    profile = build_profile(
        rows.features.filter(pa.array(judged)), scores[judged], features.numeric, features.categories,
        positive_rate=float(rows.bad[judged].mean()), auc=auc,
    )  # fmt: skip
    policy = _policy(product, scores[judged])
    answers = (scores >= policy.refer_from).astype(np.int64) + (scores >= policy.threshold)
    return Approved(day, policy, layout_of(profile, policy, features.of_the_date), scores, answers, tested, auc)


def matrix_of(product: Product, table: pa.Table) -> NDArray[np.float32]:
    """The features as numbers; a text as its place among its values."""
    numbers = [numeric_values(table, name) for name in product.features.numeric]
    texts = [
        category_values(table, name).combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
        for name in product.features.categories
    ]
    return np.column_stack([*numbers, *texts]).astype(np.float32)


def _policy(product: Product, scores: NDArray[np.float64]) -> Policy:
    decision, profit = product.decision, product.decision.profit
    most = float(np.quantile(scores, 1.0 - decision.max_refused))
    threshold = max(profit.good / (profit.good + profit.bad), most)
    refer = min(threshold, float(np.quantile(scores, 0.8))) if decision.refer else None
    return Policy(
        threshold=threshold, accept=decision.accept, refuse=decision.refuse, fallback=decision.accept, reasons={},
        reasons_shown=1, row_id=product.spine.row_id, refer=decision.refer, refer_threshold=refer,
    )  # fmt: skip
