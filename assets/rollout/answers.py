"""People's answers on a version: which of them stand, and which may be given.

Belongs here: the pure decisions about approvals and rejections. Does not belong here: an answer as a value
(`assets.bundle.registration`), recording it (`pipelines.operations.approve`), the promotion (`promotion.py`).
"""

import unicodedata
from collections.abc import Sequence

from assets.bundle.registration import Approval
from assets.product import Impact


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
        elif answer.overturns.strip() and not same_person(answer.by, author):
            standing = None
    return standing


def fault_of(answer: Approval, earlier: Sequence[Approval], *, author: str, impact: Impact) -> str:
    """Why an answer may not be recorded; empty if it may.

    Args:
        earlier: The answers that the version has already, the oldest first.
        author: Who trained the version.
        impact: Impact of the product.
    """
    if answer.answer == "reject":
        return ""
    rejection = standing_rejection(earlier, author)
    by_author = same_person(answer.by, author)
    if rejection is not None:
        told = f"{rejection.by} rejected it on {rejection.at.date().isoformat()}: {rejection.reason}. "
        if by_author:
            return f"{told}The rejection stands: {answer.by} trained the version and may not overturn it"
        if not answer.overturns.strip():
            return f"{told}The rejection stands until it is said why it no longer holds: add --overturn TEXT"
    elif answer.overturns.strip():
        return "no rejection stands; approve it without --overturn"
    if by_author and impact == "high":
        return f"{answer.by} trained it and may not approve it; ask another person"
    return ""


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same, whatever their case, spacing and Unicode form."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()
