"""Where a version stands: its role in the rollout, what its approvals lack, when it is reviewed next.

Belongs here: pure answers from a state and recorded approvals. Does not belong here: reading them (`records.py`,
`inventory.py`), whether a move is made (`assets.rollout`).
"""

from collections.abc import Sequence
from datetime import datetime

from assets.bundle.registration import Approval, Registration
from assets.governance.approvals import objection
from assets.product import Product
from assets.rollout.answers import standing_rejection
from resources.rollout_store.manifest import RolloutManifest


def role_of(state: RolloutManifest | None, version: str) -> tuple[str, float]:
    """The role of a version, and the share of the entities that it decides for; empty and 0 where it has none."""
    if state is None:
        return "", 0.0
    shares = {one.release.version: one.share for one in state.challengers}
    if version == state.champion.version:
        return "champion", 1.0 - sum(shares.values())
    if version in shares:
        return "challenger", shares[version]
    if state.shadow is not None and version == state.shadow.version:
        return "shadow", 0.0
    return ("former champion" if version in {one.version for one in state.former} else ""), 0.0


def standing_objection(
    product: Product, version: str, author: str, answers: Sequence[Approval], *, share: float, now: datetime
) -> str:
    """Why a version may not decide for a share; empty if it may."""
    rejection = standing_rejection(answers, author)
    if rejection is not None:
        return f"{rejection.by} rejected it: {rejection.reason}"
    return objection(answers, version=version, author=author, terms=product.terms, share=share, now=now)


def next_review(product: Product, record: Registration, answers: Sequence[Approval]) -> datetime | None:
    """When a version is to be reviewed again; `None` where the product declares no time."""
    every = product.terms.review_every
    if every is None:
        return None
    approved = [one.at for one in answers if one.answer == "approve"]
    return max(approved, default=record.trained_at) + every
