"""Schedules: what starts because it is time.

Belongs here: the daily schedule and the retraining schedule of a product. Does not belong here: what starts because
something happened (`sensors.py`).
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from assets.materialising import asset_key
from assets.product import Product
from pipelines.jobs import daily_name, retrain_name
from resources.clock import Clock


def daily_schedule(product: Product) -> dg.ScheduleDefinition:
    """Materialises yesterday at two in the morning, once everything of it has arrived.

    Yesterday is the clock's: a sandbox's clock stands where its data end, and a day that was made is not made again.
    """

    @dg.schedule(
        name=f"{product.name}_daily_schedule",
        job_name=daily_name(product),
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Materialises the day that has just ended.",
    )
    def daily(
        context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        day = (clock.now() - timedelta(days=1)).date().isoformat()
        if day in context.instance.get_materialized_partitions(asset_key(product, "features")):
            yield dg.SkipReason(f"{day} is materialised already; the clock stands at {clock.now():%Y-%m-%d %H:%M} UTC")
        else:
            yield dg.RunRequest(run_key=f"day:{day}", partition_key=day)

    return daily


def retrain_schedule(product: Product) -> dg.ScheduleDefinition:
    """Starts a retraining on the product's own cron, whatever the sensors say."""
    return dg.ScheduleDefinition(
        name=f"{product.name}_retrain_schedule",
        job_name=retrain_name(product),
        cron_schedule=product.retraining.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        tags={"loopline/cause": "schedule"},
        description="Trains a new candidate on the product's own schedule.",
    )
