"""Schedules: runs that start at a time of day.

Belongs here: the daily schedule and the retraining schedule of a product. Does not belong here: runs that start on an
event (`sensors.py`).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.monitoring.verdicts import Cause
from assets.product import Product
from pipelines.jobs import daily_name, retrain_name
from pipelines.run_requests import materialised_days_of, request_day, request_retraining
from resources.clock import Clock


def daily_schedule(product: Product) -> dg.ScheduleDefinition:
    """Materialises yesterday at 02:00 UTC, when its data have arrived.

    Yesterday is by the product's clock, which stands still at the end of a history (`Product.end`) and of the sandbox's
    data. A day that is already materialised is skipped.
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
        if day in materialised_days_of(context.instance, product):
            return dg.SkipReason(f"{day} is materialised already; the clock stands at {now:%Y-%m-%d %H:%M} UTC")
        return request_day(context.instance, product, day, why="day", moment=datetime.now(UTC))

    return daily


def retrain_schedule(product: Product) -> dg.ScheduleDefinition:
    """Starts a retraining on the product's cron, unless the cooldown of the last training is running.

    The cooldown is measured by the product's clock: at the end of a history, as in the sandbox, no time passes, and
    there are no new data to learn from.
    """

    @dg.schedule(
        name=f"{product.name}_retrain_schedule",
        job_name=retrain_name(product),
        cron_schedule=product.retraining.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Trains a new candidate on the product's schedule.",
    )
    def retrain(context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time
        key = f"{product.name}/schedule/{tick:%Y-%m-%dT%H:%M}"
        cause = Cause(kind="schedule", key=key, action="retrain", reasons=(f"due {tick:%Y-%m-%d %H:%M} UTC",))
        return request_retraining(context.instance, product, cause, clock.now(), moment=datetime.now(UTC))

    return retrain
