"""Sensors: runs and alerts that start on an event.

Belongs here: retraining, a partition whose files have landed, the end of runs whose
process was killed, the alert for a failed run. Each sensor reads recorded signals and acts on a pure verdict. Does not
belong here: the verdicts (`assets.monitoring`), the alerts of the monitors (`alerting/sensor.py`).
"""

from datetime import UTC, datetime

import dagster as dg

from assets.ingestion.assets import files_of
from assets.materialising import asset_key, definition_of
from assets.monitoring.retraining.assets import champion_of, schedule_at, trainings
from assets.monitoring.retraining.causes import Examination
from assets.product import Files, Product
from assets.product.names import DEPLOYMENT
from assets.product.partitions import fits
from pipelines.alerting.alerts import approval_wanted, run_failure
from pipelines.jobs import PRODUCT_TAG, daily_name, retrain_name
from pipelines.partitions import partitions_of
from pipelines.runs.requests import materialised_days_of, request_partition, request_retraining
from pipelines.sandbox_sources import source_systems
from resources.clock import Clock
from resources.dagster.run_owners import end_dead_runs
from resources.environments import Environment
from resources.errors import listed
from resources.keys import Keys
from resources.lake import Lake
from resources.notifications import Notifier
from resources.rollout_store.store import RolloutStore
from resources.slots import next_slot


def retrain_sensor(product: Product, environment: Environment) -> dg.SensorDefinition:
    """Starts one retraining for everything that asks for one; the only sensor that starts any.

    Two sensors with a cause each would both start one in the same minute. The schedule's time is a cause too, so that
    one that falls into the cooldown, or into an outage of the daemon, is not forgotten.
    """

    @dg.sensor(
        name=f"{product.name}_retrain_sensor",
        job_name=retrain_name(product),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts one retraining for all that asks: schedule, drift, losses, age, labels, new features.",
    )
    def retraining(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        clock: dg.ResourceParam[Clock],
    ) -> dg.RunRequest | dg.SkipReason:
        now, champion = clock.now(), champion_of(product, rollout, keys)
        trained, schedule = trainings(context.instance, product), schedule_at(product, now)
        signals = Examination(product, lake, champion).signals(now, trained, schedule)
        return request_retraining(context.instance, product, signals, now, moment=environment.clock.now())

    return retraining


def landing_sensor(product: Product, environment: Environment) -> dg.SensorDefinition | None:
    """Materialises a partition as soon as all its files have landed; `None` for a product without files of partitions.

    The sensor starts only the partition after the newest materialised one, and the next one once that is materialised:
    runs of two partitions at the same time would not see each other's events. `loopline backfill` fills gaps, in one
    run. Files of a longer time than a partition do not count.
    """
    files = [source for source in product.sources if isinstance(source, Files)]
    sources = [source for source in files if source.period and fits(source.period, product.partition)]
    if not sources:
        return None
    partitions = partitions_of(product, environment)

    @dg.sensor(
        name=f"{product.name}_landing_sensor",
        job_name=daily_name(product),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Materialises a {product.partition} as soon as all its files have landed.",
    )
    def landing(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        done = materialised_days_of(context.instance, product, partitions)
        if not done:
            return dg.SkipReason(f"nothing is materialised yet; start with: loopline run {product.name}")
        day = next_slot(max(done))
        name, days = partitions.name(day), partitions.whole([day])
        # A history may end within a week or a month: that one is there, and has no such day.
        if day not in days or not definition_of(partitions).has_partition_key(partitions.key(day)):
            which = f"{product.partition} {'' if product.partition in ('hour', 'day') else 'from '}{day}"
            return dg.SkipReason(f"{product.name} has no {which}: it is not over, or after the end of its history")
        systems = source_systems(product, environment)
        readers = [files_of(product, source, systems) for source in sources]
        missing = [file for reader in readers for file in reader.missing(days)]
        if missing:
            return dg.SkipReason(f"{name} lacks files: {listed(missing)}")
        unfinished = [reader.unfinished(days) for reader in readers]
        if any(unfinished):
            return dg.SkipReason("; ".join(filter(None, unfinished)))
        return request_partition(
            context.instance, product, partitions, day, why="landed", moment=environment.clock.now()
        )

    return landing


def failure_alert(product: Product, environment: Environment) -> dg.SensorDefinition:
    """Sends an alert for a run that failed and will not be retried."""
    partitions = partitions_of(product, environment)

    @dg.run_failure_sensor(
        name=f"{product.name}_failure_alert",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends an alert for each run that failed and will not be retried.",
    )
    def alert(
        context: dg.RunFailureSensorContext,
        rollout: dg.ResourceParam[RolloutStore],
        notifier: dg.ResourceParam[Notifier],
    ) -> None:
        if context.dagster_run.tags.get("dagster/will_retry") != "true":
            notifier.send(run_failure(product, partitions, context, rollout, environment.dagster_url))

    return alert


def approval_alert(product: Product) -> dg.SensorDefinition:
    """Sends an alert for a version that waits for an approver."""

    @dg.asset_sensor(
        asset_key=asset_key(product, DEPLOYMENT),
        name=f"{product.name}_approval_alert",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends an alert for each version that waits for an approver, with its model card and the command.",
    )
    def alert(
        context: dg.SensorEvaluationContext, event: dg.EventLogEntry, notifier: dg.ResourceParam[Notifier]
    ) -> dg.SkipReason:
        found = event.asset_materialization
        waiting = None if found is None else found.metadata.get("waiting")
        if waiting is None:
            return dg.SkipReason("no version waits for an approver")
        notifier.send(approval_wanted(product, event.run_id, waiting.value))  # type: ignore[arg-type]
        return dg.SkipReason("an alert was sent")

    return alert


def dead_runs_sensor(product: Product) -> dg.SensorDefinition:
    """Ends the product's runs whose process was killed, and frees their slots of pools."""

    @dg.sensor(
        name=f"{product.name}_dead_runs_sensor",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends runs whose process was killed, and frees their slots of pools.",
    )
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = end_dead_runs(context.instance, datetime.now(UTC), {PRODUCT_TAG: product.name})
        return dg.SkipReason("; ".join(dead.sentence for dead in ended) or "every active run has its process")

    return dead_runs
