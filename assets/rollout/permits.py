"""What people's approvals permit of a version: for which share it may decide.

Belongs here: reading the recorded answers of a version, and the question that every move of a rollout asks before it.
Does not belong here: which approvals count (`assets.governance.approvals`), the moves (`moves.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.bundle.registration import Approval, Registration
from assets.governance.approvals import objection
from assets.governance.audit import Audit
from assets.governance.recorded_answers import audited
from assets.product import Product, Rollout
from assets.rollout.registered import other_than_logged
from resources.environments import Environment
from resources.rollout_store.manifest import RolloutManifest
from resources.tracking import Tracking

Permit = Callable[[str, float], str]
"""Why a version may not decide for a share of the entities; empty if it may."""


@dataclass(frozen=True)
class Approvals:
    """The answers of people on the versions of a product."""

    product: Product
    tracking: Tracking
    audit: Audit
    environment: Environment

    def of(self, version: str) -> tuple[Approval, ...]:
        """The version's answers, as the audit log has them (`answers_on`).

        A product of the sandbox has no approver: it is approved under the name `sandbox`.
        """
        product, environment = self.product, self.environment
        recorded = answers_on(self.audit, product.name, version, self.tracking.version(product.name, version).tags)
        asked = product.terms.sign_off.approvers
        if recorded or not asked or not (environment.sandbox and product.sandbox):
            return recorded
        reason, at = "the sandbox has no risk officer; elsewhere a person approves", environment.clock.now()
        entry = self.audit.append(
            actor="sandbox", action="approve", product=product.name, version=version, reason=reason, at=at
        )
        automatic = Approval(version=version, answer="approve", by="sandbox", reason=reason, at=at, entry=entry.hash)
        self.tracking.annotate(product.name, version, automatic.to_tags(earlier=0))
        return (automatic,)

    def permit(self, now: datetime) -> Permit:
        """The question that a move asks; it needs the registry only where the product asks for approvers."""

        def why_not(version: str, share: float) -> str:
            terms = self.product.terms
            if not terms.sign_off.approvers:
                return ""
            answers = self.of(version)
            record = Registration.from_tags(self.tracking.version(self.product.name, version).tags)
            entries = (one for one in self.audit.entries(last="skipped") if one.product == self.product.name)
            changed = other_than_logged(record, version, entries)
            author = record.author
            return "; ".join(changed) or objection(
                answers, version=version, author=author, terms=terms, share=share, now=now
            )

        return why_not


def answers_on(audit: Audit, product: str, version: str, tags: Mapping[str, str]) -> tuple[Approval, ...]:
    """The answers on a version as the audit log has them (`assets.governance.recorded_answers`).

    Args:
        tags: The version's tags in the registry.

    Raises:
        RegistrationError: A tag is no answer.
        AuditLogDamaged: The log was altered.
        AuditLogError: The log cannot be used.
    """
    entries = (one for one in audit.entries(last="skipped") if one.product == product)
    return audited(Approval.all_from_tags(tags), entries, version)


def first_share(policy: Rollout, champion: str | None, releases: int = 1) -> float:
    """The share for which each release of a rollout decides first."""
    if champion is None or policy.strategy == "direct":
        return 1.0
    return policy.steps[0].share if policy.strategy == "canary" else policy.share / releases


def next_share(state: RolloutManifest, policy: Rollout) -> float:
    """The share of a canary's next step; after the last one the challenger is the champion."""
    step = state.step + 1
    return policy.steps[step].share if policy.strategy == "canary" and step < len(policy.steps) else 1.0
