"""The verdict whether a registered version may become the champion.

Belongs here: the pure decision, from recorded signals to a verdict with reasons. Does not belong here: the gates
(`assets.evaluation.gates`), moving the alias (`resources.tracking`, by compare-and-set).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from assets.bundle.registration import Approval, Registration
from assets.product import Impact, Verdict
from assets.rollout.answers import same_person, standing_rejection

PromotionAction = Literal["promote", "wait", "evaluate_again", "refuse"]


@dataclass(frozen=True, kw_only=True)
class PromotionSignals:
    """The recorded facts about a version that is to become the champion.

    Attributes:
        registration: The version's record; `None` when there is none or it cannot be read.
        digest: Digest of the version's bundle; `None` when its signature was not verified.
        impact: Impact of the product; `high` needs an approver.
        answers: Every approval and rejection of the version, the oldest first.
        champion: The version that decides now; `None` for none.
    """

    version: str
    registration: Registration | None
    digest: str | None
    impact: Impact
    answers: tuple[Approval, ...]
    champion: str | None


def promotion_verdict(signals: PromotionSignals, now: datetime) -> Verdict[PromotionAction]:
    """Promote, wait for a person, evaluate against the new champion, or refuse.

    A missing signal refuses. A rejection that stands refuses, whatever the product's impact. For a high-impact product
    a named person who is not the author must have approved the version.
    """
    record = signals.registration
    if record is None:
        return Verdict("refuse", (f"version {signals.version} has no readable registration; register it again",))
    faults = _faults(signals, record, now)
    if faults:
        return Verdict("refuse", faults)
    if (signals.champion or "") != record.compared_with:
        compared, current = record.compared_with or "no champion", signals.champion or "none"
        return Verdict("evaluate_again", (f"it was compared with {compared}, but the champion now is {current}",))
    return _by_approval(signals, record)


def _faults(signals: PromotionSignals, record: Registration, now: datetime) -> tuple[str, ...]:
    faults = []
    if record.gates != "promote":
        faults += [f"gates refused it: {reason}" for reason in record.gate_reasons] or ["gates refused it"]
    if signals.digest is None:
        faults.append("its bundle was not verified")
    elif signals.digest != record.digest:
        faults.append(f"its bundle has the digest {signals.digest[:12]}…; {record.digest[:12]}… was registered")
    if record.trained_at > now:
        faults.append(f"it was trained at {record.trained_at.isoformat()}, ahead of the clock")
    rejection = standing_rejection(signals.answers, record.author)
    if rejection is not None:
        faults.append(f"{rejection.by} rejected it: {rejection.reason}")
    return tuple(faults)


def _by_approval(signals: PromotionSignals, record: Registration) -> Verdict[PromotionAction]:
    passed = "; ".join(record.gate_reasons) or "gates passed"
    if signals.impact != "high":
        return Verdict("promote", (f"{passed}; a product of standard impact needs no approver",))
    approvals = [answer for answer in signals.answers if answer.answer == "approve"]
    if not approvals:
        return Verdict(
            "wait", (f"{passed}; a product of high impact waits for an approver other than {record.author}",)
        )
    valid = [a for a in approvals if a.version == signals.version and not same_person(a.by, record.author)]
    if valid:
        return Verdict("promote", (f"{passed}; approved by {valid[-1].by}: {valid[-1].reason}",))
    last = approvals[-1]
    if last.version != signals.version:
        return Verdict("wait", (f"{last.by} approved version {last.version}, not {signals.version}",))
    return Verdict("wait", (f"{last.by} trained it and may not approve it; ask another person",))
