"""The sensor that keeps a product's aliases in the registry where the rollout state says.

Belongs here: noticing an alias that was moved by hand within a minute, and the alert about each. Does not belong here:
moving it back (`assets.rollout.keeper`), what the alert says (`alerting/alerts.py`).
"""

import dagster as dg

from assets.governance.audit import Audit
from assets.product import Product
from assets.rollout.aliases import ALIAS_RESTORED
from assets.rollout.keeper import Keeper
from pipelines.alerting.alerts import alias_moved
from resources.keys import Keys
from resources.notifications import Notifier
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


def registry_sensor(product: Product) -> dg.SensorDefinition:
    """Each minute: takes back aliases that were moved by hand, and tells each of them, whoever took it back."""

    @dg.sensor(
        name=f"{product.name}_registry_sensor",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes back aliases that were moved by hand in MLflow, and sends an alert for each.",
    )
    def registry(
        context: dg.SensorEvaluationContext,
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        audit: dg.ResourceParam[Audit],
        keys: dg.ResourceParam[Keys],
        notifier: dg.ResourceParam[Notifier],
    ) -> dg.SkipReason:
        if tracking.moved_by_hand(product.name):
            with tracking.alone(product.name):
                Keeper(tracking, rollout, audit, keys.signing).follow(product.name)
        last = audit.last()
        head, told = 0 if last is None else last.number, int(context.cursor or 0)
        # The log is read whole only after it has grown.
        found = [] if head == told else [
            one for one in audit.entries(last="skipped")
            if one.number > told and one.action == ALIAS_RESTORED and one.product == product.name
        ]  # fmt: skip
        for entry in found:
            notifier.send(alias_moved(product, entry))
        context.update_cursor(str(head))
        return dg.SkipReason("; ".join(entry.reason for entry in found) or "no alias was moved by hand")

    return registry
