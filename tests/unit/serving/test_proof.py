"""Which reasons are named: those proved alone, else together, else the largest without a claim."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assets.bundle.bundle import Policy, ReasonWords
from assets.bundle.encoder import Encoder
from assets.bundle.usual import UsualValues
from assets.serving.decision import Reason
from assets.serving.proof import Proof
from assets.serving.reasons import Wording
from assets.vocabulary import Category, FeatureSet, Number

FEATURES = FeatureSet(
    request=(
        Number("a", description="The a"), Number("b", description="The b"), Number("c", description="The c"),
        Category("kind", values=("x", "y"), description="The kind"),
    )
)  # fmt: skip
ENCODER = Encoder.from_features(FEATURES)
USUAL = UsualValues((0.0, 0.0, None, 1.0, 0.0))
ROW = np.array([[1.0, 1.0, 1.0, 0.0, 1.0]], np.float32)
TOTALS = {"a": 0.9, "b": 0.5, "c": 0.2, "kind": -0.1}
VALUES = {"a": 1.0, "b": 1.0, "c": 1.0, "kind": "y"}
POLICY = Policy(
    threshold=0.5, accept="yes", refuse="no", fallback="ask", reasons_shown=2, row_id="row",
    reasons={"a": ReasonWords("a is high", None, 0.0), "b": ReasonWords("b is high", None, 0.0)},
)  # fmt: skip
Model = Callable[[NDArray[np.float32]], NDArray[np.float64]]


class Counted:
    """A model that knows how often it was called."""

    def __init__(self, model: Model) -> None:
        self.model, self.calls = model, 0

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        self.calls += 1
        return self.model(matrix.astype(np.float64))


def named(model: Model, *, most: int = 2, accepted: bool = False) -> tuple[tuple[Reason, ...], int]:
    counted = Counted(model)
    score = float(model(ROW.astype(np.float64))[0])
    wording = Wording(TOTALS, VALUES, FEATURES, replace(POLICY, reasons_shown=most))
    reasons = Proof(counted, ROW, score, USUAL, ENCODER).proved(wording, accepted=accepted)
    return reasons, counted.calls


def test_only_features_that_lower_the_score_are_named_in_one_call() -> None:
    """`a` has the larger contribution, but the score would be the same without it."""
    reasons, calls = named(lambda rows: rows[:, 1] * 0.5)
    assert [(reason.feature, reason.text, reason.score_if_usual) for reason in reasons] == [("b", "b is high", 0.0)]
    assert calls == 1


def test_a_feature_that_would_raise_the_score_is_not_named() -> None:
    reasons, _ = named(lambda rows: 0.5 - 0.2 * rows[:, 0] + 0.1 * rows[:, 1])
    assert [reason.feature for reason in reasons] == ["b"]


def test_where_no_candidate_is_proved_the_other_features_are_tried() -> None:
    reasons, calls = named(lambda rows: rows[:, 4] * 0.5)
    assert [(reason.feature, reason.score_if_usual, reason.together) for reason in reasons] == [("kind", 0.0, False)]
    assert calls == 2


def test_an_accepted_row_is_told_of_nothing_else() -> None:
    assert named(lambda rows: rows[:, 4] * 0.5, accepted=True) == ((), 1)


def test_where_no_feature_alone_lowers_the_score_the_fewest_together_are_named() -> None:
    """Either of `a` and `b` suffices for the score: only both at once lower it."""
    reasons, _ = named(lambda rows: np.maximum(rows[:, 0], rows[:, 1]) * 0.5, most=3)
    assert [(reason.feature, reason.score_if_usual, reason.together) for reason in reasons] == [
        ("a", 0.0, True),
        ("b", 0.0, True),
    ]


def test_what_cannot_be_proved_is_named_without_a_claim() -> None:
    """By its description, which says nothing of high or low, and without a score."""
    reasons, _ = named(lambda rows: np.full(len(rows), 0.5))
    assert [(reason.text, reason.score_if_usual, reason.together) for reason in reasons] == [
        ("The a", None, False),
        ("The b", None, False),
    ]


def test_a_feature_without_a_usual_value_is_not_proved() -> None:
    reasons, _ = named(lambda rows: rows[:, 2] * 0.5)
    assert all(reason.score_if_usual is None for reason in reasons)


def test_where_no_reasons_are_shown_none_is_computed() -> None:
    assert named(lambda rows: rows[:, 0] * 0.5, most=0) == ((), 0)
