"""Aliases of the registry that somebody moved by hand: refused, and recorded.

Belongs here: the entry of the audit log about such an alias, and which version decided last by the log. Does not belong
here: noticing the move and moving the alias back (`resources.tracking`), the alert (`pipelines.registry_sensor`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from assets.governance.audit import Audit
from assets.governance.audit_entries import AuditEntry
from resources.rollout_store.manifest import ACTIONS
from resources.tracking import Alias, MovedByHand

ALIAS_RESTORED = "alias_restored"
"""Action of the audit log: an alias that was moved by hand is where the rollout state says again."""


def record_by_hand(audit: Audit, product: str, moved: MovedByHand, holders: Mapping[Alias, str | None]) -> str:
    """Records that an alias was moved by hand and is taken back; returns the sentence.

    The entry is written before the alias is moved back: a crash between leaves an entry too many, and none too few.
    """
    rightful = holders.get(moved.alias)
    to = "removed" if moved.version is None else f"moved to version {moved.version}"
    says = "that no version has it" if rightful is None else f"version {rightful}"
    sentence = f"the alias {moved.alias} was {to} by hand; the rollout state says {says}, and it was taken back"
    audit.append(
        actor="loopline", action=ALIAS_RESTORED, product=product, version=moved.version or "", reason=sentence,
        at=datetime.now(UTC), details={"alias": moved.alias, "found": moved.version, "restored": rightful},
    )  # fmt: skip
    return sentence


def moves_of(audit: Audit, product: str) -> list[AuditEntry]:
    """The changes of a product's rollout that the log has, the oldest first."""
    entries = audit.entries(last="skipped")
    return [entry for entry in entries if entry.product == product and entry.action in ACTIONS]


def last_champion(audit: Audit, product: str) -> str | None:
    """The version that decided last by the log; `None` where the product was never deployed."""
    champion = None
    for entry in moves_of(audit, product):
        if entry.action == "promote":
            champion = entry.version
        elif entry.action == "roll_back":
            champion = str(entry.details.get("to", champion))
    return champion
