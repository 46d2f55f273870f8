"""The verdict whether a registered version may become the champion.

Belongs here: the pure decision, from recorded signals to a verdict with reasons. Does not belong here: the gates
(`assets.evaluation.gates`), moving the alias (`resources.tracking`, by compare-and-set).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from assets.bundle.registration import Approval, Registration
from assets.governance.approvals import counting, objection
from assets.product import Governance, Impact, Verdict
from assets.product.governance import terms_of
from assets.rollout.answers import standing_rejection

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
        governance: The product's; `None` where it declares none.
        share: The share for which it would decide first: 1 for a champion at once, 0 for a shadow.
        moment: The machine's time, by which approvals are dated; `None` for the time of the verdict.
        altered: What of the registration was changed by hand (`registered.py`); empty for nothing.
    """

    version: str
    registration: Registration | None
    digest: str | None
    impact: Impact
    answers: tuple[Approval, ...]
    champion: str | None
    governance: Governance | None = None
    share: float = 1.0
    moment: datetime | None = None
    altered: tuple[str, ...] = ()


def promotion_verdict(signals: PromotionSignals, now: datetime) -> Verdict[PromotionAction]:
    """Promote, wait for a person, evaluate against the new champion, or refuse.

    A missing signal refuses. A rejection that stands refuses, whatever the product's impact. The people whom the
    product's tier asks for (for a product of high impact one at least, never the author) must have approved the
    version; a stale approval, or one for a smaller share, waits for another.
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
    return _by_approval(signals, record, signals.moment or now)


def _faults(signals: PromotionSignals, record: Registration, now: datetime) -> tuple[str, ...]:
    faults = []
    if record.gates != "promote":
        faults += [f"gates refused it: {reason}" for reason in record.gate_reasons] or ["gates refused it"]
    if signals.digest is None:
        faults.append("its bundle was not verified")
    elif signals.digest != record.digest:
        faults.append(f"its bundle has the digest {signals.digest[:12]}…; {record.digest[:12]}… was registered")
    faults += signals.altered
    if record.trained_at > now:
        faults.append(f"it was trained at {record.trained_at.isoformat()}, ahead of the clock")
    rejection = standing_rejection(signals.answers, record.author)
    if rejection is not None:
        faults.append(f"{rejection.by} rejected it: {rejection.reason}")
    return tuple(faults)


def _by_approval(signals: PromotionSignals, record: Registration, now: datetime) -> Verdict[PromotionAction]:
    passed = "; ".join(record.gate_reasons) or "gates passed"
    terms = terms_of(signals.governance, signals.impact)
    if not terms.sign_off.approvers:
        standard = "a product of standard impact" if signals.governance is None else f"a product of tier '{terms.tier}'"
        return Verdict("promote", (f"{passed}; {standard} needs no approver",))
    if not [answer for answer in signals.answers if answer.answer == "approve"]:
        which = "of high impact" if signals.governance is None else f"of tier '{terms.tier}'"
        people = "an approver" if terms.sign_off.approvers == 1 else f"{terms.sign_off.approvers} approvers"
        return Verdict("wait", (f"{passed}; a product {which} waits for {people} other than {record.author}",))
    version, author = signals.version, record.author
    why = objection(signals.answers, version=version, author=author, terms=terms, share=signals.share, now=now)
    if why:
        return Verdict("wait", (why,))
    valid = counting(signals.answers, version=version, author=author, terms=terms, now=now)
    given = [f"approved by {one.by}: {one.reason}{_conditions(one)}" for one in valid]
    return Verdict("promote", (f"{passed}; {'; '.join(given)}",))


def _conditions(answer: Approval) -> str:
    bound = [] if answer.max_share is None else [f"up to a share of {answer.max_share:.0%}"]
    told = [*bound, *answer.conditions]
    return f" (on condition: {'; '.join(told)})" if told else ""
