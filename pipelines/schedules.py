"""Schedules: what starts because it is time.

Belongs here: the daily schedule and the retraining schedule of a product. Does not belong here: what starts because
something happened (`sensors.py`).
"""

from datetime import timedelta

import dagster as dg

from assets.monitoring.verdicts import Cause
from assets.product import Product
from pipelines.jobs import daily_name, retrain_name
from pipelines.run_requests import ask_for_day, ask_to_retrain, days_made
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
    def daily(context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]) -> dg.RunRequest | dg.SkipReason:
        now = clock.now()
        day = (now - timedelta(days=1)).date()
        if day in days_made(context.instance, product):
            return dg.SkipReason(f"{day} is materialised already; the clock stands at {now:%Y-%m-%d %H:%M} UTC")
        return ask_for_day(context.instance, product, day, why="day")

    return daily


def retrain_schedule(product: Product) -> dg.ScheduleDefinition:
    """Starts a retraining on the product's own cron, unless the sensors have just started one.

    The cooldown is the clock's: a sandbox whose data do not go on has nothing new to learn from.
    """

    @dg.schedule(
        name=f"{product.name}_retrain_schedule",
        job_name=retrain_name(product),
        cron_schedule=product.retraining.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Trains a new candidate on the product's own schedule.",
    )
    def retrain(context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time
        key = f"{product.name}/schedule/{tick:%Y-%m-%dT%H:%M}"
        cause = Cause(kind="schedule", key=key, action="retrain", reasons=(f"due {tick:%Y-%m-%d %H:%M} UTC",))
        return ask_to_retrain(context.instance, product, cause, clock.now())

    return retrain
