"""The audit log, for people: verifying it, showing it, anchoring what it has.

Belongs here: which anchors there are in an environment, and the entries of a product. Does not belong here: the
comparison (`assets.governance.audit_check`), writing entries (where things are done).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from assets.governance.anchors import Anchor, anchor_in, anchors_at
from assets.governance.audit_check import AuditCheck, checked
from assets.governance.audit_database import audit_of
from assets.governance.audit_entries import AuditEntry
from pipelines.products import product_names
from resources.dependencies import DependencyDown, require
from resources.environments import Environment
from resources.tracking import Tracking, TrackingError


@dataclass(frozen=True)
class Verified:
    """What `loopline audit verify` found.

    Attributes:
        place: Where the anchors are; empty where the environment names no place.
        unread: Why MLflow's tags were not compared; empty if they were.
    """

    check: AuditCheck
    place: str
    unread: str


def verify_audit(environment: Environment) -> Verified:
    """Holds the audit log against its chain, the anchors of the environment, and the tags in MLflow.

    Raises:
        AuditLogError, DependencyDown: The log cannot be read.
        RolloutUnavailable: The anchors cannot be read.
    """
    require(environment, "records")
    anchors, unread = anchors_at(environment.audit_anchors), ""
    try:
        require(environment, "MLflow")
        anchors = (*anchors, *_tagged(environment))
    except (DependencyDown, TrackingError) as error:
        unread = str(error)
    check = checked(audit_of(environment).entries(), anchors, anchored=bool(environment.audit_anchors))
    return Verified(check, environment.audit_anchors, unread)


def shown_entries(environment: Environment, product: str | None, last: int) -> tuple[AuditEntry, ...]:
    """The last entries, of one product or of all; the oldest first.

    Raises:
        AuditLogDamaged: The log was altered.
        AuditLogError, DependencyDown: The log cannot be read.
    """
    require(environment, "records")
    entries = [one for one in audit_of(environment).entries() if product in (None, one.product)]
    return tuple(entries[-last:])


def anchor_audit(environment: Environment, *, by: str, reason: str) -> AuditEntry:
    """Records that a person looked at the entries without an anchor; the anchor of this entry covers them.

    Raises:
        AuditLogError, DependencyDown: The name or the reason is empty, or the log cannot be used.
        AuditLogDamaged: The last entry was altered.
    """
    require(environment, "records")
    log = audit_of(environment)
    return log.append(
        actor=by, action="anchor", product="all", version="", reason=reason, at=datetime.now(UTC),
        details={"after": log.head()},
    )  # fmt: skip


def _tagged(environment: Environment) -> list[Anchor]:
    """The heads that were noted in MLflow, with each product's model and each of its versions."""
    tracking, found = Tracking.of(environment), []
    for product in product_names():
        tags = {f"MLflow, {product}": tracking.model_tags(product)}
        tags |= {f"MLflow, {product} version {one.version}": one.tags for one in tracking.versions(product)}
        found += [anchor_in(values, where) for where, values in tags.items()]
    return [anchor for anchor in found if anchor is not None]
