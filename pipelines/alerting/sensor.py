"""The sensor that keeps a product's alerts: it tells what is due and ends what is over.

Belongs here: its tick. Does not belong here: what an alert says (`alerts.py`, `monitors.py`), when it has ended
(`endings.py`), when it is told (`resources.alerts.life`), the sensors that meet an event first (`pipelines.sensors`,
`pipelines.rollout_sensor`).
"""

import dagster as dg

from assets.monitoring.retraining.assets import champion_of
from assets.product import Partitions, Product
from pipelines.alerting.endings import endings
from pipelines.alerting.monitors import watched
from pipelines.runs.retrainings import last_retraining
from resources.alerts.desk import AlertDesk
from resources.clock import Clock
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore


def alerts_sensor(product: Product, partitions: Partitions) -> dg.SensorDefinition:
    """Each minute: tells what was not delivered, is to be repeated or escalated, or has ended; watches the monitors.

    Two daemons may tick at the same time: each message is claimed in the book before it is told.
    """

    @dg.sensor(
        name=f"{product.name}_alerts_sensor",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells, repeats, escalates and ends the alerts of the product; watches the monitors.",
    )
    def alerts(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        clock: dg.ResourceParam[Clock],
        notifier: dg.ResourceParam[AlertDesk],
    ) -> dg.SkipReason:
        now, manifest = clock.now(), rollout.read_manifest(product.name)
        champion = champion_of(product, rollout, keys)
        bundle = None if champion is None else champion.bundle
        last = last_retraining(context.instance, product, lake, manifest, bundle)
        found = watched(product, lake, None if champion is None else champion.version, now, last)
        notifier.keep(found.alerts)
        ended = endings(product, partitions, context.instance, manifest, found, notifier.standing())
        return dg.SkipReason("; ".join(notifier.tell(ended)) or "nothing is due")

    return alerts
