"""Schedules: runs that start at a time of day.

Belongs here: the schedules of a product's partitions and of its retraining. Does not belong here: runs that start on an
event (`sensors.py`).
"""

import dagster as dg

from assets.monitoring.retraining.assets import trainings
from assets.monitoring.retraining.verdict import RetrainSignals
from assets.monitoring.verdicts import Cause
from assets.product import Partition, Partitions, Product
from pipelines.jobs import daily_name, retrain_name
from pipelines.runs.requests import materialised_days_of, request_partition, request_retraining
from resources.clock import Clock
from resources.environments import Environment

_AT: dict[Partition, str] = {"hour": "10 * * * *", "day": "0 2 * * *", "week": "0 2 * * 1", "month": "0 2 1 * *"}


def daily_schedule(product: Product, partitions: Partitions, environment: Environment) -> dg.ScheduleDefinition:
    """Materialises yesterday, or the week or month that ended with it, at 02:00 UTC, when its data have arrived.

    Of a product by the hour, the hour before is materialised ten minutes after its end. Both are by the product's
    clock, which stands still at the end of a history (`Product.end`) and of the sandbox's data. What is already
    materialised is skipped.
    """

    @dg.schedule(
        name=f"{daily_name(product)}_schedule",
        job_name=daily_name(product),
        cron_schedule=_AT[product.partition],
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Materialises the {product.partition} that has just ended.",
    )
    def daily(context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]) -> dg.RunRequest | dg.SkipReason:
        now = clock.now()
        day = partitions.last_over(partitions.ended(now))
        if day is None:
            return dg.SkipReason(f"no {product.partition} of {product.name} is over yet")
        if day in materialised_days_of(context.instance, product, partitions):
            name = partitions.name(day)
            return dg.SkipReason(f"{name} is materialised already; the clock stands at {now:%Y-%m-%d %H:%M} UTC")
        return request_partition(
            context.instance, product, partitions, day, why=product.partition, moment=environment.clock.now()
        )

    return daily


def retrain_schedule(product: Product, environment: Environment) -> dg.ScheduleDefinition:
    """Starts the first training on the product's cron; from then on its times are a cause of the retraining sensor.

    One place starts retrainings, so that the schedule and drift in the same minute start one. The product's clock
    counts: at the end of a history, as in the sandbox, no time passes, and there are no new data to learn from.
    """

    @dg.schedule(
        name=f"{product.name}_retrain_schedule",
        job_name=retrain_name(product),
        cron_schedule=product.retraining.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Trains the first model on the product's schedule; the retraining sensor keeps it afterwards.",
    )
    def retrain(context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]) -> dg.RunRequest | dg.SkipReason:
        trained = trainings(context.instance, product)
        if trained:
            told = f"the last training was at {max(trained):%Y-%m-%d %H:%M} UTC"
            return dg.SkipReason(f"{told}: {product.name}_retrain_sensor starts the next one when it is due")
        tick = context.scheduled_execution_time
        key = f"{product.name}/schedule/{tick:%Y-%m-%dT%H:%M}"
        cause = Cause(kind="schedule", key=key, action="retrain", reasons=(f"due {tick:%Y-%m-%d %H:%M} UTC",))
        signals = RetrainSignals((cause,))
        return request_retraining(context.instance, product, signals, clock.now(), moment=environment.clock.now())

    return retrain
