"""Which cases are in the review queue of a day, in which order, and why; and when they leave it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.feedback.queue import Known, review_queue
from assets.product import DecisionPolicy, ProductError, Profit, ReviewPolicy

TIME = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = DecisionPolicy("approve", "decline", Profit(1, 3), refer="review")
REVIEW = ReviewPolicy(informative=2, days=10)
_DECISION = pa.schema([
    ("decision_id", pa.string()), ("decided_at", TIME), ("bundle", pa.string()), ("outcome", pa.string()),
    ("score", pa.float64()), ("threshold", pa.float64()), ("refer_threshold", pa.float64()), ("fallback", pa.string()),
    ("erased", pa.bool_()),
])  # fmt: skip
_LABELLED = pa.schema([*_DECISION, ("label", pa.int8()), ("matured_at", TIME), ("revision", pa.int32())])
_WORD = pa.schema([("decision_id", pa.string()), ("outcome", pa.string()), ("by", pa.string()), ("known_at", TIME)])
_SHADOW = pa.schema([("shadow_of", pa.string()), ("score", pa.float64()), ("outcome", pa.string())])


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def decided(name: str, day: float = 0, **changes: object) -> dict[str, object]:
    terms = {"outcome": "approve", "score": 0.1, "threshold": 0.5, "refer_threshold": 0.3, "bundle": "1"}
    return {"decision_id": name, "decided_at": at(day), "erased": False, **terms, **changes}


def word(name: str, outcome: str, by: str, day: float) -> dict[str, object]:
    return {"decision_id": name, "outcome": outcome, "by": by, "known_at": at(day)}


def queue(day: int, *, policy: DecisionPolicy = POLICY, review: ReviewPolicy = REVIEW, **known: list[dict[str, Any]]):
    schemas = {"decisions": _DECISION, "words": _WORD, "labelled": _LABELLED, "shadows": _SHADOW}
    tables = {name: pa.Table.from_pylist(known.get(name, []), schema=schema) for name, schema in schemas.items()}
    rows, left = review_queue(Known(**tables), at(day).date(), decision=policy, review=review)
    return [{**row, "reasons": json.loads(row["reasons"])} for row in rows.to_pylist()], left


def names(rows: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(row["decision_id"], row["kind"]) for row in rows]


def test_referred_cases_wait_for_a_word_the_oldest_first() -> None:
    decisions = [
        decided("b", 2, outcome="review"), decided("a", 1, outcome="review", fallback="policy", score=None),
        decided("said", 1, outcome="review"), decided("gone", 1, outcome="review", erased=True), decided("own", 1),
    ]  # fmt: skip
    rows, left = queue(3, decisions=decisions, words=[word("said", "approve", "Ann", 2)])
    assert names(rows) == [("a", "referred"), ("b", "referred")]
    assert [row["place"] for row in rows] == [1, 2]
    assert rows[0]["reasons"] == ["it was answered 'review', and nobody has given a word"]
    assert left == {"referred": 0, "disputed": 0, "informative": 0}


def test_the_reviewers_time_is_the_quota_and_people_who_wait_come_first() -> None:
    decisions = [decided(f"r{n}", n / 10, outcome="review") for n in range(3)] + [decided("i", 0.1)]
    disputed = [{**decided("d", 0), "label": 1, "matured_at": at(0.5), "revision": 1}]
    known = {"decisions": decisions, "labelled": disputed}
    rows, left = queue(0, policy=DecisionPolicy("approve", "decline", Profit(1, 3), refer="review",
                                                review_capacity=4.7), **known)  # fmt: skip
    assert names(rows) == [("r0", "referred"), ("r1", "referred"), ("r2", "referred"), ("d", "disputed")]
    assert left == {"referred": 0, "disputed": 0, "informative": 1}
    rows, left = queue(0, policy=DecisionPolicy("approve", "decline", Profit(1, 3), refer="review",
                                                review_capacity=0.4), **known)  # fmt: skip
    assert names(rows) == [("r0", "referred")]
    assert left == {"referred": 2, "disputed": 1, "informative": 1}


@pytest.mark.parametrize(
    ("words", "label", "revision", "why"),
    [
        ([], 1, 1, "its label was revised: since 2026-01-06 it turned out badly"),
        ([], 1, 0, None),
        ([("approve", "Ann", 2)], 1, 0, "the last word was 'approve', and it turned out badly"),
        ([("decline", "Ann", 2)], 0, 0, "the last word was 'decline', and it turned out well"),
        ([("approve", "Ann", 2)], 0, 0, None),
        ([("approve", "Ann", 2), ("decline", "Ann", 6)], 1, 1, None),
        ([("approve", "A", 2), ("decline", "B", 3)], None, 0, "reviewers disagree: 1 for 'approve', 1 for 'decline'"),
        ([("approve", "Ann", 2), ("decline", "Ann", 3)], None, 0, None),
        ([("approve", "Ann", 2), ("decline", "Bo", 3), ("approve", "Cy", 4)], None, 0, None),
    ],
)  # fmt: skip
def test_a_dispute_stands_until_a_word_settles_it(
    words: list[tuple[str, str, int]], label: int | None, revision: int, why: str | None
) -> None:
    """A revised label, an outcome that contradicts the word, reviewers of whom as many say one thing as another."""
    matured = None if label is None else at(5)
    row = {**decided("d", outcome="review"), "label": label, "matured_at": matured, "revision": revision}
    said = [word("d", *one) for one in words]
    rows, _ = queue(8, words=said, labelled=[row])
    assert [row["reasons"] for row in rows] == ([] if why is None else [[why]])
    assert all(row["words"] == len(words) for row in rows)
    erased, _ = queue(8, words=said, labelled=[{**row, "erased": True}])
    assert erased == []


def test_a_case_leaves_the_queue_when_it_is_old() -> None:
    """The dispute counts, not the decision: a label may be revised long after."""
    row = {**decided("d"), "label": 1, "matured_at": at(50), "revision": 2}
    assert [len(queue(day, labelled=[row])[0]) for day in (50, 59, 60)] == [1, 1, 0]


def test_the_most_informative_are_next_to_a_threshold_and_where_the_shadow_differs() -> None:
    scores = {"far": 0.02, "near": 0.31, "nearer": 0.499, "apart": 0.1, "none": None}
    decisions = [decided(name, 3, score=score) for name, score in scores.items()]
    decisions += [decided("before", 2, score=0.5), decided("fell_back", 3, score=0.5, fallback="scorecard")]
    shadows = [{"shadow_of": "apart", "score": 0.9, "outcome": "decline"}]
    shadows += [{"shadow_of": "far", "score": 0.03, "outcome": "approve"}]
    rows, _ = queue(3, decisions=decisions, shadows=shadows, review=ReviewPolicy(informative=4))
    assert [row["decision_id"] for row in rows] == ["nearer", "apart", "near", "far"]
    assert [row["reasons"][0] for row in rows[:2]] == [
        "its score 0.499 is next to a threshold",
        "its score is 0.1, that of the shadow 0.9",
    ]
    assert queue(3, decisions=decisions, shadows=shadows, review=ReviewPolicy(informative=0))[0] == []


def test_a_policy_that_asks_nobody_at_no_time_is_refused() -> None:
    for terms in ({"informative": -1}, {"days": 0}):
        with pytest.raises(ProductError, match="write a number that is not negative, and at least 1 day"):
            ReviewPolicy(**terms)
