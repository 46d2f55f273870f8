from dataclasses import replace
from datetime import timedelta

import pytest

from assets.bundle.registration import Approval
from assets.product import Verdict
from assets.rollout.promotion import PromotionAction, PromotionSignals, promotion_verdict
from tests.unit.bundle.test_registration import APPROVAL, NOW, RECORD

LATER = NOW + timedelta(hours=1)
SIGNALS = PromotionSignals(
    version="4", registration=RECORD, digest=RECORD.digest, impact="high", answers=(APPROVAL,), champion=None
)


def judged(**changes: object) -> Verdict[PromotionAction]:
    return promotion_verdict(replace(SIGNALS, **changes), LATER)  # type: ignore[arg-type]


def test_a_high_impact_model_goes_live_with_a_named_approver() -> None:
    verdict = judged()
    assert verdict.action == "promote"
    assert "approved by R. Officer" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"answers": ()}, "wait", "waits for an approver"),
        ({"answers": (replace(APPROVAL, by="Dagster  SCHEDULE"),)}, "wait", "may not approve it"),
        ({"answers": (replace(APPROVAL, version="3"),)}, "wait", "approved version 3, not 4"),
        ({"answers": (replace(APPROVAL, answer="reject"),)}, "refuse", "R. Officer rejected it"),
        ({"answers": (), "impact": "standard"}, "promote", "needs no approver"),
        ({"answers": (replace(APPROVAL, answer="reject"),), "impact": "standard"}, "refuse", "rejected"),
        ({"champion": "2"}, "evaluate_again", "compared with no champion, but the champion now is 2"),
        ({"digest": None}, "refuse", "not verified"),
        ({"digest": "00" * 32}, "refuse", "has the digest 000000000000"),
        ({"registration": None}, "refuse", "no readable registration"),
        (
            {"registration": replace(RECORD, gates="refuse", gate_reasons=("auc: too low",))},
            "refuse",
            "gates refused it: auc: too low",
        ),
        ({"registration": replace(RECORD, trained_at=LATER + timedelta(days=1))}, "refuse", "ahead of the clock"),
        ({"registration": replace(RECORD, compared_with="2")}, "evaluate_again", "the champion now is none"),
    ],
)
def test_what_is_missing_or_wrong_does_not_promote(changes: dict[str, object], action: str, reason: str) -> None:
    verdict = judged(**changes)
    assert verdict.action == action
    assert reason in " ".join(verdict.reasons)


def test_every_fault_is_a_reason() -> None:
    verdict = judged(digest=None, answers=(replace(APPROVAL, answer="reject"),))
    assert len(verdict.reasons) == 2


REJECTION = replace(APPROVAL, answer="reject", reason="the data of May are wrong")
OVERTURNED = replace(APPROVAL, by="B. Chief", overturns="May was delivered again")


@pytest.mark.parametrize(
    ("answers", "action"),
    [
        ((REJECTION, APPROVAL), "refuse"),
        ((REJECTION, replace(APPROVAL, by="B. Chief")), "refuse"),
        ((REJECTION, replace(OVERTURNED, by=RECORD.author)), "refuse"),
        ((REJECTION, replace(OVERTURNED, by=RECORD.author.upper() + " ")), "refuse"),
        ((REJECTION, OVERTURNED, REJECTION), "refuse"),
        ((APPROVAL, REJECTION), "refuse"),
        ((REJECTION, OVERTURNED), "promote"),
        ((REJECTION, REJECTION, OVERTURNED), "promote"),
        ((APPROVAL, replace(APPROVAL, by=RECORD.author)), "promote"),
    ],
)
@pytest.mark.parametrize("impact", ["high", "standard"])
def test_a_rejection_stands_until_another_person_says_why_it_no_longer_holds(
    answers: tuple[Approval, ...], action: str, impact: str
) -> None:
    assert judged(answers=answers, impact=impact).action == action
