"""People's answers on a version: which of them stand, and which may be given.

Belongs here: the pure decisions about approvals and rejections. Does not belong here: an answer as a value
(`assets.bundle.registration`), recording it (`pipelines.operations.models.approve`), the promotion (`promotion.py`).
"""

from collections.abc import Sequence

from assets.bundle.registration import Approval
from assets.governance.approvals import NOT_AUDITED, is_author, roles_of
from assets.product import Terms


def standing_rejection(answers: Sequence[Approval], author: str) -> Approval | None:
    """The last rejection that nobody has overturned; `None` if there is none.

    An approval overturns the rejections before it if it says why they no longer hold and is not the author's.

    Args:
        answers: Every answer on the version, the oldest first.
    """
    standing = None
    for answer in answers:
        if answer.answer == "reject":
            standing = answer
        elif answer.overturns.strip() and not is_author(answer, author) and answer.entry != NOT_AUDITED:
            standing = None
    return standing


def fault_of(answer: Approval, earlier: Sequence[Approval], *, author: str, terms: Terms) -> str:
    """Why an answer may not be recorded; empty if it may.

    Args:
        earlier: The answers that the version has already, the oldest first.
        author: Who trained the version.
        terms: What the product asks of approvals.
    """
    if answer.answer == "reject":
        return ""
    rejection = standing_rejection(earlier, author)
    by_author = is_author(answer, author)
    if rejection is not None:
        told = f"{rejection.by} rejected it on {rejection.at.date().isoformat()}: {rejection.reason}. "
        if by_author:
            return f"{told}The rejection stands: {answer.by} trained the version and may not overturn it"
        if not answer.overturns.strip():
            return f"{told}The rejection stands until it is said why it no longer holds: add --overturn TEXT"
    elif answer.overturns.strip():
        return "no rejection stands; approve it without --overturn"
    if by_author and terms.sign_off.approvers:
        return f"{answer.by} trained it and may not approve it; ask another person"
    roles = terms.sign_off.roles
    if roles and not roles_of(answer.by, terms) & set(roles):
        people = "; ".join(f"{role}: {', '.join(terms.people[role])}" for role in roles)
        return f"{answer.by} holds none of the roles that approve a product of tier '{terms.tier}' ({people})"
    return ""
