"""The record of a model version, and its approval."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from assets.bundle.registration import Approval, Registration, RegistrationError
from tests.support.models.evaluated_bundle import FEATURES, evaluated_parts

NOW = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
RECORD = Registration(
    product="credit_risk",
    digest="ab" * 32,
    author="dagster schedule",
    trained_at=NOW,
    dagster_run="0b7c",
    code="1f2e3d",
    features="cd" * 32,
    pins={"credit_risk/features": 41, "training_set": 7},
    compared_with="",
    gates="promote",
    gate_reasons=("all 18 gates passed",),
    metrics={"auc": 0.7812345678901234, "brier": None},
)
APPROVAL = Approval(version="4", answer="approve", by="R. Officer", reason="reviewed | signed", at=NOW)


def test_a_record_survives_as_tags_among_others() -> None:
    tags = {**RECORD.to_tags(), **APPROVAL.to_tags(earlier=0), "somebody": "else"}
    assert all(isinstance(value, str) for value in tags.values())
    assert Registration.from_tags(tags) == RECORD
    assert Approval.all_from_tags(tags) == (APPROVAL,)


def test_a_version_may_have_no_answer_yet() -> None:
    assert Approval.all_from_tags(RECORD.to_tags()) == ()


def test_an_answer_overwrites_no_other() -> None:
    tags: dict[str, str] = {}
    answers = [replace(APPROVAL, reason=f"reason {n}", overturns="x" * (n % 2)) for n in range(12)]
    for number, answer in enumerate(answers):
        added = answer.to_tags(earlier=number)
        assert not set(added) & set(tags)
        tags |= added
    assert list(Approval.all_from_tags(tags)) == answers


def test_an_answer_overwrites_no_other_where_an_earlier_one_is_gone() -> None:
    tags = {**APPROVAL.to_tags(earlier=0), **APPROVAL.to_tags(earlier=1)}
    del tags["loopline.answer.1"]
    assert Approval.newest_number(tags) == 2
    assert [Approval.newest_number(of) for of in ({}, {"loopline.approval": "{}"})] == [0, 1]


def test_the_answer_of_older_code_is_the_first() -> None:
    old = json.dumps({**asdict(APPROVAL), "at": NOW.isoformat()})
    tags = {"loopline.approval": old.replace(', "overturns": ""', ""), **replace(APPROVAL, by="B").to_tags(earlier=1)}
    assert Approval.all_from_tags(tags) == (APPROVAL, replace(APPROVAL, by="B"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": ""}, "'digest' is empty"),
        ({"author": ""}, "'author' is empty"),
        ({"pins": {}}, "could not be rebuilt"),
        ({"trained_at": datetime(2026, 5, 1)}, "time zone"),
        ({"product": "../x"}, "is not a name"),
    ],
)
def test_an_incomplete_record_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RECORD, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [("pins", "[]"), ("pins", "{"), ("gates", "maybe"), ("trained_at", "yesterday"), ("pins", '{"a": "x"}')],
)
def test_foreign_tags_are_refused(name: str, value: str) -> None:
    with pytest.raises(RegistrationError):
        Registration.from_tags({**RECORD.to_tags(), f"loopline.{name}": value})


def test_a_version_without_tags_is_named() -> None:
    with pytest.raises(RegistrationError, match=r"loopline\.digest|loopline\.product"):
        Registration.from_tags({})


@pytest.mark.parametrize("change", [{"by": " "}, {"reason": ""}, {"answer": "perhaps"}, {"at": datetime(2026, 5, 1)}])
def test_an_approval_needs_a_person_a_reason_and_an_answer(change: dict[str, object]) -> None:
    with pytest.raises(RegistrationError):
        replace(APPROVAL, **change)  # type: ignore[arg-type]


def test_an_unreadable_approval_is_no_approval() -> None:
    with pytest.raises(RegistrationError, match="cannot be read"):
        Approval.all_from_tags({"loopline.approval": '{"by": "X"}'})


def test_a_registration_is_taken_from_the_bundle() -> None:
    record = Registration.of(evaluated_parts(), digest="ab" * 32, author="schedule", code="1f2e")
    assert record.pins == {"loans/features": 41, "loans/validated_payments": 12, "training_set": 7}
    assert (record.gates, record.compared_with, record.features) == ("refuse", "", FEATURES.digest)
    assert record.metrics["auc"] == 0.7812
    assert Registration.from_tags(record.to_tags()) == record


def test_an_unevaluated_bundle_has_no_registration() -> None:
    with pytest.raises(RegistrationError, match="evaluate it first"):
        Registration.of(evaluated_parts({}), digest="ab" * 32, author="schedule", code="1f2e")
