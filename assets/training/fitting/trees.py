"""Other models as XGBoost boosters with the same scores, so that every candidate can become a bundle's model.

Belongs here: the trees of a scorecard and of scikit-learn's histogram boosting, and the booster that they make. Does
not belong here: fitting these models (`contest`), the export to ONNX (`export.py`).

A bundle holds one model as ONNX and as a booster; service, replay, gates and explanations run these two. A scorecard is
a sum of steps, one tree a column; histogram boosting is a sum of trees. As boosters both decide and explain like
XGBoost, and nothing that runs a bundle needs to know where its trees are from. Leaves and sums become float32: scores
differ from the original's by rounding, about 1e-7, which the conversion checks.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from assets.bundle.scorecard import Scorecard, ScorecardLink, bin_indices
from assets.training.rows.folds import TrainingError

TOLERANCE = 1e-5
_LARGEST = float(np.finfo(np.float32).max)
_NO_PARENT = 2**31 - 1
# A bin without rows weighs almost nothing; XGBoost divides by the weights.
_NO_ROWS = 1e-6


BoosterForm = Literal["binary:logistic", "reg:squarederror", "reg:gamma"]
"""What becomes of a booster's sums: a probability, an amount as it is, or the exponential of its logarithm."""
_FORMS: Mapping[ScorecardLink, BoosterForm] = {
    "logit": "binary:logistic", "identity": "reg:squarederror", "log": "reg:gamma",
}  # fmt: skip
# The base score, in the form of the output, at which the sums begin with 0.
_NOTHING: Mapping[BoosterForm, str] = {"binary:logistic": "[5E-1]", "reg:squarederror": "[0E0]", "reg:gamma": "[1E0]"}


class TreesError(TrainingError):
    """A model cannot be written as a booster with the same scores; the message has the figures."""


@dataclass(frozen=True)
class Leaf:
    """The end of a path: log odds that are added to a row's score, and the share of the training rows that end here."""

    value: float
    share: float


@dataclass(frozen=True)
class Node:
    """A question about one column: rows below the threshold go left, others right, missing values where it says.

    Attributes:
        threshold: Exact in float32, the precision of the matrix.
        share: The share of the training rows that are asked; the explanations weigh by it.
    """

    column: int
    threshold: float
    missing_left: bool
    left: "Node | Leaf"
    right: "Node | Leaf"
    share: float


def booster_of(
    trees: Sequence[Node | Leaf], base: float, width: int, form: BoosterForm = "binary:logistic"
) -> xgb.Booster:
    """A booster whose log odds (or amounts, or their logarithms) are `base` and the trees' leaves, summed.

    Args:
        trees: At least one.
        base: Log odds, added to every leaf of the first tree.
        width: The number of the matrix's columns.
        form: What becomes of the sums.

    Raises:
        TreesError: XGBoost does not read the booster.
    """
    records = [_record(tree, number, base if number == 0 else 0.0, width) for number, tree in enumerate(trees)]
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(records))},
        "iteration_indptr": list(range(len(records) + 1)),
        "tree_info": [0] * len(records),
        "trees": records,
        "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
    }
    learner = {
        "attributes": {}, "feature_names": [], "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": _NOTHING[form], "boost_from_average": "0", "num_class": "0", "num_feature": str(width),
            "num_target": "1",
        },
        "objective": {"name": form, "reg_loss_param": {"scale_pos_weight": "1"}},
    }  # fmt: skip
    written = json.dumps({"learner": learner, "version": list(_version())}).encode()
    try:
        return xgb.Booster({"nthread": 1}, model_file=bytearray(written))
    except xgb.core.XGBoostError as error:
        raise TreesError(f"XGBoost {xgb.__version__} does not read the converted trees: {error}") from error


def scorecard_booster(card: Scorecard, matrix: NDArray[np.float32]) -> xgb.Booster:
    """A scorecard as a booster: one tree for each column whose points differ.

    A column's contribution is that of the scorecard: its points less their mean over the matrix.

    Args:
        card: The scorecard.
        matrix: float32 [n, m], the training rows; they give the weights of the leaves.

    Raises:
        TreesError: The booster's scores are not the scorecard's.
    """
    indices = bin_indices(matrix, card.edges)
    trees = []
    for column, (edges, points) in enumerate(zip(card.edges, card.points, strict=True)):
        counts = np.bincount(indices[:, column], minlength=len(points))
        leaves = [Leaf(value, max(count / len(matrix), _NO_ROWS)) for value, count in zip(points, counts, strict=True)]
        if any(leaf.value != leaves[0].value for leaf in leaves):
            trees.append(_column_tree(column, edges, leaves))
    constant = Leaf(0.0, 0.5)
    base = card.intercept + sum(points[0] for points in card.points if len({*points}) == 1)
    booster = booster_of(trees or [_question(0, 0.0, constant, constant)], base, len(card.columns), _FORMS[card.link])
    return _checked(booster, card.apply(matrix), matrix, "scorecard")


def histogram_booster(
    model: HistGradientBoostingClassifier | HistGradientBoostingRegressor,
    matrix: NDArray[np.float32],
    link: ScorecardLink = "logit",
) -> xgb.Booster:
    """Scikit-learn's histogram boosting, of two classes or of an amount, as a booster.

    Args:
        model: Fitted on float32 without categories.
        matrix: float32 [n, m], the training rows, on which the scores are compared.
        link: What the model adds up.

    Raises:
        TreesError: The booster's scores are not the model's.
    """
    trees = [_histogram_tree(stage[0].nodes, 0, len(matrix)) for stage in model._predictors]
    booster = booster_of(trees, float(np.ravel(model._baseline_prediction)[0]), matrix.shape[1], _FORMS[link])
    scores = model.predict_proba(matrix)[:, 1] if link == "logit" else model.predict(matrix)
    return _checked(booster, scores, matrix, "histogram boosting")


def _column_tree(column: int, edges: Sequence[float], leaves: Sequence[Leaf]) -> Node:
    """The bins of a column as a balanced tree; the last leaf is that of missing values."""
    cuts = [_at_least(edge) for edge in edges]

    def between(first: int, end: int) -> Node | Leaf:
        if end - first == 1:
            return leaves[first]
        middle = (first + end) // 2
        return _question(column, cuts[middle - 1], between(first, middle), between(middle, end))

    # No value of a matrix is above the largest float: right of it are missing values alone.
    return _question(column, np.inf, between(0, len(leaves) - 1), leaves[-1])


def _question(column: int, threshold: float, left: Node | Leaf, right: Node | Leaf) -> Node:
    return Node(column, threshold, False, left, right, left.share + right.share)


def _histogram_tree(nodes: Any, place: int, rows: int) -> Node | Leaf:
    """A tree of scikit-learn: rows at or below the threshold go left."""
    node = nodes[place]
    if node["is_leaf"]:
        return Leaf(float(node["value"]), node["count"] / rows)
    return Node(
        int(node["feature_idx"]), _above(float(node["num_threshold"])), bool(node["missing_go_to_left"]),
        _histogram_tree(nodes, int(node["left"]), rows), _histogram_tree(nodes, int(node["right"]), rows),
        node["count"] / rows,
    )  # fmt: skip


def _at_least(value: float) -> float:
    """The smallest float32 that is not below the value: for x of float32, x < value means x < this."""
    near = np.float32(value)
    return float(near if float(near) >= value else np.nextafter(near, np.float32(np.inf)))


def _above(value: float) -> float:
    """The smallest float32 above the value: for x of float32, x <= value means x < this."""
    near = np.float32(value)
    return float(near if float(near) > value else np.nextafter(near, np.float32(np.inf)))


def _record(tree: Node | Leaf, number: int, base: float, width: int) -> dict[str, Any]:
    """A tree in XGBoost's JSON form, its nodes in breadth-first order.

    The weights are shares and not counts, because onnxmltools takes trees whose weights are all whole for a regression.
    """
    found: list[tuple[Node | Leaf, int]] = [(tree, _NO_PARENT)]
    left, right = [], []
    for place, (node, _) in enumerate(found):
        is_node = isinstance(node, Node)
        left.append(len(found) if is_node else -1)
        right.append(len(found) + 1 if is_node else -1)
        if isinstance(node, Node):
            found += [(node.left, place), (node.right, place)]
    nodes = [node for node, _ in found]
    values = [node.threshold if isinstance(node, Node) else node.value + base for node in nodes]
    zeros = [0] * len(nodes)
    return {
        "id": number,
        "left_children": left,
        "right_children": right,
        "parents": [parent for _, parent in found],
        "split_indices": [node.column if isinstance(node, Node) else 0 for node in nodes],
        "split_conditions": [min(float(np.float32(value)), _LARGEST) for value in values],
        "split_type": zeros,
        "default_left": [int(node.missing_left) if isinstance(node, Node) else 0 for node in nodes],
        "sum_hessian": [node.share for node in nodes],
        "base_weights": [0.0 if isinstance(node, Node) else node.value + base for node in nodes],
        "loss_changes": [0.0] * len(nodes),
        "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
        "tree_param": {
            "num_deleted": "0", "num_feature": str(width), "num_nodes": str(len(nodes)), "size_leaf_vector": "1",
        },
    }  # fmt: skip


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in xgb.__version__.split(".")[:3])


def _checked(booster: xgb.Booster, wanted: NDArray[np.float64], matrix: NDArray[np.float32], name: str) -> xgb.Booster:
    given = np.asarray(booster.inplace_predict(matrix), dtype=np.float64)
    # Of amounts above 1 the difference is a share of them.
    gap = float((np.abs(given - wanted) / np.maximum(1.0, np.abs(wanted))).max())
    if not gap <= TOLERANCE:
        raise TreesError(f"the {name} as a booster differs by {gap} from itself; at most {TOLERANCE} is allowed")
    return booster
