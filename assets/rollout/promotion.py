"""The verdict whether a registered version may become the champion.

Belongs here: the pure decision, from recorded signals to a verdict with reasons. Does not belong here: the gates
(`assets.evaluation.gates`), moving the alias (`resources.tracking`, by compare-and-set).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from assets.bundle.registration import Approval, Registration
from assets.product import Impact, Verdict

PromotionAction = Literal["promote", "wait", "evaluate_again", "refuse"]


@dataclass(frozen=True, kw_only=True)
class PromotionSignals:
    """The recorded facts about a version that is to become the champion.

    Attributes:
        registration: The version's record; `None` when there is none or it cannot be read.
        digest: Digest of the version's bundle; `None` when its signature was not verified.
        impact: Impact of the product; `high` needs an approver.
        approval: The version's approval or rejection; `None` if nobody has answered yet.
        champion: The version that decides now; `None` before the first champion.
    """

    version: str
    registration: Registration | None
    digest: str | None
    impact: Impact
    approval: Approval | None
    champion: str | None


def promotion_verdict(signals: PromotionSignals, now: datetime) -> Verdict[PromotionAction]:
    """Promote, wait for a person, evaluate against the new champion, or refuse.

    A missing signal refuses. A rejection refuses, whatever the product's impact. For a high-impact product a named
    person who is not the author must have approved the version.
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
    if signals.approval is not None and signals.approval.answer == "reject":
        faults.append(f"{signals.approval.by} rejected it: {signals.approval.reason}")
    return tuple(faults)


def _by_approval(signals: PromotionSignals, record: Registration) -> Verdict[PromotionAction]:
    approval = signals.approval
    passed = "; ".join(record.gate_reasons) or "gates passed"
    if signals.impact != "high":
        return Verdict("promote", (f"{passed}; a product of standard impact needs no approver",))
    if approval is None:
        return Verdict(
            "wait", (f"{passed}; a product of high impact waits for an approver other than {record.author}",)
        )
    if approval.version != signals.version:
        return Verdict("wait", (f"{approval.by} approved version {approval.version}, not {signals.version}",))
    if _same_person(approval.by, record.author):
        return Verdict("wait", (f"{approval.by} trained it and may not approve it; ask another person",))
    return Verdict("promote", (f"{passed}; approved by {approval.by}: {approval.reason}",))


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
