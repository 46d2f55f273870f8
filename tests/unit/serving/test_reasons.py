"""Reasons: true of the person, no sentence twice, the largest first."""

import dataclasses

from assets.bundle.bundle import Policy
from assets.serving.reasons import Wording, reasons_of
from assets.vocabulary import FeatureSet, Missing, Number

FEATURES = FeatureSet(
    request=(Number("score", description="Score of the bureau"), Number("debt"), Number("income")),
    derived=(Missing("no_score", of="score"),),
)
POLICY = Policy(
    threshold=0.5,
    accept="approve",
    refuse="decline",
    fallback="review",
    reasons={"score": "The score is low", "debt": "Money is short", "income": "Money is short"},
    reasons_shown=3,
    row_id="id",
)
ROW = {"score": 400.0, "debt": 10.0, "income": 5.0, "no_score": 0.0}


def texts(totals: dict[str, float], row: dict[str, object], policy: Policy = POLICY) -> list[str]:
    return [reason.text for reason in reasons_of(Wording(totals, row, FEATURES, policy))]


def test_the_largest_contribution_is_first_and_those_for_the_person_are_left_out() -> None:
    assert texts({"score": 0.2, "debt": 0.5, "no_score": -1.0}, ROW) == ["Money is short", "The score is low"]


def test_a_missing_value_is_named_as_missing() -> None:
    row: dict[str, object] = {**ROW, "score": None}
    assert texts({"score": 0.2}, row) == ["Nothing is known of this: score of the bureau"]


def test_no_sentence_is_repeated_and_the_limit_counts_sentences() -> None:
    totals = {"debt": 0.5, "income": 0.4, "score": 0.3, "no_score": 0.1}
    two = dataclasses.replace(POLICY, reasons_shown=2)
    assert texts(totals, ROW, two) == ["Money is short", "The score is low"]
