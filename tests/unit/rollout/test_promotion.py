from dataclasses import replace
from datetime import timedelta

import pytest

from assets.product import Verdict
from assets.rollout.promotion import PromotionAction, PromotionSignals, promotion_verdict
from tests.unit.bundle.test_registration import APPROVAL, NOW, RECORD

LATER = NOW + timedelta(hours=1)
SIGNALS = PromotionSignals(
    version="4", registration=RECORD, digest=RECORD.digest, impact="high", approval=APPROVAL, champion=None
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
        ({"approval": None}, "wait", "waits for an approver"),
        ({"approval": replace(APPROVAL, by="Dagster  SCHEDULE")}, "wait", "may not approve it"),
        ({"approval": replace(APPROVAL, version="3")}, "wait", "approved version 3, not 4"),
        ({"approval": replace(APPROVAL, answer="reject")}, "refuse", "R. Officer rejected it"),
        ({"approval": None, "impact": "standard"}, "promote", "needs no approver"),
        ({"approval": replace(APPROVAL, answer="reject"), "impact": "standard"}, "refuse", "rejected"),
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
    verdict = judged(digest=None, approval=replace(APPROVAL, answer="reject"))
    assert len(verdict.reasons) == 2
