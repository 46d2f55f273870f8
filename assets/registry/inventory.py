"""The inventory of models: every version of every product, with tier, state, approvals and next review.

Belongs here: gathering the entries. Does not belong here: its page (`inventory_page.py`), documents of one version
(`documents.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from assets.bundle.registration import Approval, Registration
from assets.governance.approvals import counting, ends
from assets.governance.recorded_answers import audited
from assets.product import Product
from assets.registry.standing import next_review, role_of, standing_objection
from assets.rollout.answers import standing_rejection
from assets.rollout.keeper import Keeper
from resources.rollout_store.manifest import RolloutManifest


@dataclass(frozen=True)
class InventoryEntry:
    """One version of a product.

    Attributes:
        tier: Risk tier of the product.
        state: Where the version stands: its role in the rollout, refused, rejected, waiting, or registered alone.
        share: The share of the entities that it decides for.
        approvals: A sentence for each approval that counts.
        missing: Why it may not decide for everybody; empty if it may.
        next_review: `None` where the product declares no time, or the version has no role.
        overdue: Whether that time has passed.
        used: Where its answers are used.
    """

    product: str
    title: str
    owner: str
    tier: str
    version: str
    state: str
    share: float
    author: str
    trained_at: datetime
    approvals: tuple[str, ...]
    missing: str
    next_review: datetime | None
    overdue: bool
    used: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """All versions, by product and version, and the products of which the description could not be read."""

    at: datetime
    entries: tuple[InventoryEntry, ...]
    unread: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The inventory as JSON values."""
        entries = [
            {
                **asdict(one),
                "trained_at": one.trained_at.isoformat(),
                "next_review": one.next_review and one.next_review.isoformat(),
            }
            for one in self.entries
        ]
        return {"at": self.at.isoformat(), "entries": entries, "unread": dict(self.unread)}


def inventory_of(products: Sequence[Product], unread: Mapping[str, str], keeper: Keeper, now: datetime) -> Inventory:
    """The inventory of these products.

    Raises:
        TrackingError, RegistrationError: The registry has a version without a readable record.
        RolloutError: A rollout state cannot be read.
    """
    found: list[InventoryEntry] = []
    entries = list(keeper.audit.entries(last="skipped"))
    for product in products:
        state = keeper.state(product.name)
        versions = [one for one in keeper.tracking.versions(product.name) if one.ready]
        log = [entry for entry in entries if entry.product == product.name]
        for one in versions:
            answers = audited(Approval.all_from_tags(one.tags), log, one.version)
            found.append(_entry(product, one.version, Registration.from_tags(one.tags), answers, state, now))
    return Inventory(now, tuple(found), unread)


def _entry(
    product: Product,
    version: str,
    record: Registration,
    answers: Sequence[Approval],
    state: RolloutManifest | None,
    now: datetime,
) -> InventoryEntry:
    role, share = role_of(state, version)
    author, terms = record.author, product.terms
    valid = counting(answers, version=version, author=author, terms=terms, now=now)
    missing = standing_objection(product, version, author, answers, share=1.0, now=now)
    review = next_review(product, record, answers) if role and role != "former champion" else None
    return InventoryEntry(
        product=product.name, title=product.title, owner=product.owner, tier=terms.tier, version=version,
        state=_state(role, record, answers, missing), share=share, author=author, trained_at=record.trained_at,
        approvals=tuple(_approval(one, ends(one, terms)) for one in valid), missing=missing, next_review=review,
        overdue=review is not None and review <= now, used=_used(product, role, share),
    )  # fmt: skip


def _state(role: str, record: Registration, answers: Sequence[Approval], missing: str) -> str:
    if role:
        return role
    if record.gates != "promote":
        return "refused by its gates"
    if standing_rejection(answers, record.author) is not None:
        return "rejected"
    return "waits for approval" if missing else "registered"


def _approval(answer: Approval, end: datetime | None) -> str:
    bound = "" if answer.max_share is None else f", up to a share of {answer.max_share:.0%}"
    until = "" if end is None else f", until {end:%Y-%m-%d}"
    conditions = f", on condition: {'; '.join(answer.conditions)}" if answer.conditions else ""
    return f"{answer.by} on {answer.at:%Y-%m-%d}{until}{bound}{conditions}"


def _used(product: Product, role: str, share: float) -> tuple[str, ...]:
    """Where the answers of a version with this role are used."""
    if role in ("champion", "challenger"):
        batch = ("batch scores",) if role == "champion" and product.monitoring.judged == "batch" else ()
        return (f"decision service: {share:.0%} of the entities", *batch)
    return ("decision service: scored silently",) if role == "shadow" else ()
