"""Whether the approvals of a version let it decide, and for which share.

Belongs here: the pure decision: which approvals count, who is missing, what is stale. Does not belong here: an approval
as a value (`assets.bundle.registration`), rejections (`assets.rollout.answers`), gates and bundle
(`assets.rollout.promotion`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from assets.bundle.registration import Approval
from assets.product.governance import Terms
from resources.people import UNKNOWN, plain_name

NOT_AUDITED = "not in the audit log"
"""In place of the hash of its entry: the audit log has no entry about an approval, or one with other terms."""
_CLOCKS_DIFFER = timedelta(hours=1)
"""How far the clocks of two machines may be apart."""


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same, as people read them (`plain_name`)."""
    return plain_name(one) == plain_name(other)


def is_author(answer: Approval, author: str) -> bool:
    """Whether an answer is the author's: by the name given, or by the account from which it was given."""
    return same_person(answer.by, author) or (bool(answer.account) and same_person(answer.account, author))


def ends(answer: Approval, terms: Terms) -> datetime | None:
    """When an approval ends: at its own time or the policy's, whichever is earlier; `None` for never."""
    declared = None if terms.holds is None else answer.at + terms.holds
    return min((moment for moment in (answer.until, declared) if moment is not None), default=None)


def roles_of(name: str, terms: Terms) -> frozenset[str]:
    """The roles that a person holds."""
    return frozenset(role for role, people in terms.people.items() if any(same_person(name, one) for one in people))


def unfit(answer: Approval, *, version: str, author: str, terms: Terms, now: datetime) -> str:
    """Why an approval does not count; empty if it does."""
    if answer.version != version:
        return f"{answer.by} approved version {answer.version}, not {version}"
    if answer.entry == NOT_AUDITED:
        return (
            f"the approval by {answer.by} of {answer.at:%Y-%m-%d} is not in the audit log: it was written or changed "
            "by hand; use loopline approve"
        )
    if answer.at > now + _CLOCKS_DIFFER:
        return (
            f"the approval by {answer.by} is dated {answer.at:%Y-%m-%d %H:%M} UTC, ahead of the clock; correct the "
            "clock of the machine where it was given, and approve again"
        )
    if is_author(answer, author):
        return f"{answer.by} trained it and may not approve it; ask another person"
    end = ends(answer, terms)
    if end is not None and now >= end:
        return (
            f"{answer.by}'s approval of {answer.at:%Y-%m-%d} is stale: it held until {end:%Y-%m-%d %H:%M} UTC; look "
            "again and approve again"
        )
    roles = terms.sign_off.roles
    if roles and not roles_of(answer.by, terms) & set(roles):
        return f"{answer.by} approved it, but holds none of the roles {', '.join(roles)}"
    return ""


def counting(
    answers: Sequence[Approval], *, version: str, author: str, terms: Terms, now: datetime
) -> tuple[Approval, ...]:
    """The approvals that count, one a person: the newest of each.

    Who approved under two names from one account (`Approval.account`) is one person.
    """
    newest: dict[str, Approval] = {}
    for answer in answers:
        if answer.answer == "approve" and answer.entry != NOT_AUDITED:
            newest[plain_name(answer.by)] = answer
    fit = [one for one in newest.values() if not unfit(one, version=version, author=author, terms=terms, now=now)]
    by_account: dict[str, Approval] = {plain_name(one.account): one for one in fit if one.account}
    return tuple(one for one in fit if not one.account or by_account[plain_name(one.account)] is one)


def objection(
    answers: Sequence[Approval], *, version: str, author: str, terms: Terms, share: float, now: datetime
) -> str:
    """Why a version may not decide for a share of the entities; empty if it may.

    Args:
        answers: Every answer on the version, the oldest first.
        author: Who started its training.
        share: From 0, a shadow, to 1, the champion.
    """
    wanted = terms.sign_off
    if not wanted.approvers:
        return ""
    if author == UNKNOWN:
        return (
            "who started its training is not recorded, so nobody is known not to be its author; train it again with "
            "loopline retrain, or give the run the tag loopline/user"
        )
    valid = counting(answers, version=version, author=author, terms=terms, now=now)
    enough = [one for one in valid if one.max_share is None or share <= one.max_share]
    lacking = _lacking(enough, terms)
    if not lacking:
        return ""
    approvals = [one for one in answers if one.answer == "approve"]
    faults = [unfit(one, version=version, author=author, terms=terms, now=now) for one in approvals]
    if not valid and approvals:
        return faults[-1]
    limited = [f"{one.by} approved it only up to a share of {one.max_share:.0%}" for one in valid if one not in enough]
    told = [
        *limited,
        *_of_one_account(approvals, valid),
        *(fault for one, fault in zip(approvals, faults, strict=True) if fault and not _again(one, valid)),
    ]
    return "; ".join([*told, f"{lacking} for a share of {share:.0%}" if limited else lacking])


def _again(answer: Approval, valid: Sequence[Approval]) -> bool:
    """Whether the same person has approved it again since."""
    return any(same_person(answer.by, one.by) for one in valid)


def _lacking(valid: Sequence[Approval], terms: Terms) -> str:
    """Which approvers are missing; empty if none are."""
    wanted = terms.sign_off
    held = [roles_of(one.by, terms) for one in valid]
    open_roles = [role for role in wanted.roles if not any(role in roles for roles in held)]
    few = wanted.approvers - len(valid)
    if few <= 0 and not open_roles:
        return ""
    of = f" for tier '{terms.tier}'" if wanted.approvers > 1 or wanted.roles else ""
    roles = f", with the role {' and '.join(open_roles)}" if open_roles else ""
    return f"{len(valid)} of {wanted.approvers} approvers{of}{roles}"


def _of_one_account(approvals: Sequence[Approval], valid: Sequence[Approval]) -> list[str]:
    """Which of the approvals count no longer because the same account gave another one."""
    told = []
    for one in approvals:
        same = [other for other in valid if other.account and same_person(other.account, one.account)]
        if same and not same_person(one.by, same[0].by):
            both = f"{one.by} and {same[0].by}"
            told.append(f"{both} approved it from one account, {one.account}, and count as one person")
    return told
