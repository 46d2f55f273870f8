"""What people do with alerts: see those that stand, silence one, acknowledge one.

Belongs here: the book's changes by people, each recorded in the audit log. Does not belong here: the life of an alert
(`resources.alerts.life`), its form on the terminal (`pipelines.cli.alerts`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from assets.governance.audit_database import audit_of
from pipelines.connections import alert_desk
from pipelines.products import load_product
from resources.alerts.life import AlertState, Mark, acknowledged, silenced
from resources.dependencies import require
from resources.environments import Environment


def standing_alerts(environment: Environment, name: str) -> Mapping[str, AlertState]:
    """The alerts of a product that stand, by case, the oldest first.

    Raises:
        UnknownProduct: There is no product of that name.
        AlertError, DependencyDown: The book of alerts cannot be read.
    """
    product = load_product(name)
    require(environment, "records")
    found = alert_desk(product, environment).standing()
    return dict(sorted(found.items(), key=lambda one: one[1].opened_at))


def mark_alert(
    environment: Environment,
    name: str,
    case: str,
    action: Literal["silence", "acknowledge"],
    *,
    by: str,
    reason: str,
    until: datetime | None = None,
) -> AlertState:
    """Records who silences or acknowledges an alert and why, then does so: nothing is quiet without a record.

    Args:
        until: When a silence ends.

    Raises:
        UnknownProduct: There is no product of that name.
        AlertError: There is no such alert, it has ended, a name or reason is empty, or the silence ends in the past.
        AuditLogError, DependencyDown: The audit log or the book cannot be used.
    """
    product = load_product(name)
    require(environment, "records")
    now = datetime.now(UTC)
    desk, mark = alert_desk(product, environment), Mark(by, reason, now, until)
    standing = desk.find(case)
    silenced(standing, mark, now) if action == "silence" else acknowledged(standing, mark)  # refuses what is not valid
    details = {"case": case} | ({} if until is None else {"until": until.isoformat()})
    audit_of(environment).append(
        actor=by, action=action, product=product.name, version="", reason=reason, at=now, details=details
    )
    return desk.silence(case, mark) if action == "silence" else desk.acknowledge(case, mark)
