"""May a registered version become the champion?

Belongs here: the pure decision from what is recorded to a verdict with reasons. Does not belong here: the gates
(`assets.evaluation.gates`), moving the alias (`resources.tracking`, which has its own last look at the champion).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from assets.bundle.registration import Approval, Registration
from assets.product import Impact, Verdict

PromotionAction = Literal["promote", "wait", "evaluate_again", "refuse"]


@dataclass(frozen=True, kw_only=True)
class PromotionSignals:
    """What is known of a version that wants to be the champion.

    Attributes:
        version: The version in question.
        registration: Its record; `None` when it has none that can be read.
        digest: Of the bundle as it is now, after its signature was verified; `None` when it was not.
        impact: Of the product: a high one needs a person.
        approval: What a person said of this version; `None` for nothing yet.
        champion: The version that decides now; `None` for none.
    """

    version: str
    registration: Registration | None
    digest: str | None
    impact: Impact
    approval: Approval | None
    champion: str | None


def promotion_verdict(signals: PromotionSignals, now: datetime) -> Verdict[PromotionAction]:
    """Promote, wait for a person, evaluate against the new champion, or refuse.

    What is missing refuses. A person's "reject" refuses whatever the product's impact. In a high-impact product a
    named person who is not the author must have approved this very version.
    """
    record = signals.registration
    if record is None:
        return Verdict("refuse", (f"version {signals.version} has no readable registration; register it again",))
    faults = _faults(signals, record, now)
    if faults:
        return Verdict("refuse", faults)
    if (signals.champion or "") != record.compared_with:
        compared, found = record.compared_with or "no champion", signals.champion or "none"
        return Verdict("evaluate_again", (f"it was compared with {compared}, but the champion now is {found}",))
    return _people(signals, record)


def _faults(signals: PromotionSignals, record: Registration, now: datetime) -> tuple[str, ...]:
    found = []
    if record.gates != "promote":
        found += [f"gates refused it: {reason}" for reason in record.gate_reasons] or ["gates refused it"]
    if signals.digest is None:
        found.append("its bundle was not verified")
    elif signals.digest != record.digest:
        found.append(f"its bundle has the digest {signals.digest[:12]}…, registered was {record.digest[:12]}…")
    if record.trained_at > now:
        found.append(f"it was trained at {record.trained_at.isoformat()}, ahead of the clock")
    if signals.approval is not None and signals.approval.answer == "reject":
        found.append(f"{signals.approval.by} rejected it: {signals.approval.reason}")
    return tuple(found)


def _people(signals: PromotionSignals, record: Registration) -> Verdict[PromotionAction]:
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
        return Verdict("wait", (f"{approval.by} trained it and may not approve it; ask somebody else",))
    return Verdict("promote", (f"{passed}; approved by {approval.by}: {approval.reason}",))


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
