"""Sensors: what starts because something happened.

Belongs here: retraining on drift and on performance, a day whose files have landed, and the alert for a run that
failed. Each sensor reads recorded signals and acts on a pure verdict. Does not belong here: the verdicts
(`assets.monitoring.verdicts`).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg

from assets.materialising import asset_key
from assets.monitoring.signals import drift_cause, performance_cause
from assets.monitoring.verdicts import Cause, retrain_verdict
from assets.product import DailyFiles, Product
from pipelines.alerts import run_failure
from pipelines.jobs import daily_name, retrain_name
from resources.clock import Clock
from resources.environments import Environment
from resources.lake import Lake
from resources.notifications import Notifier

_TOLD = "loopline/causes"
_LANDED_DAYS_A_TICK = 3


def drift_sensor(product: Product) -> dg.SensorDefinition:
    """Retrains when the rows are no longer those that the champion was approved on; never twice for one cause."""

    @dg.sensor(
        name=f"{product.name}_drift_sensor",
        job_name=retrain_name(product),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a retraining when features or the score have drifted from the reference profile.",
    )
    def drift(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        clock: dg.ResourceParam[Clock],
    ) -> dg.RunRequest | dg.SkipReason:
        return _ask(context, product, drift_cause(product, lake, clock.now()), clock)

    return drift


def performance_sensor(product: Product) -> dg.SensorDefinition:
    """Retrains when the champion no longer ranks as it did at approval; never twice for one cause."""

    @dg.sensor(
        name=f"{product.name}_performance_sensor",
        job_name=retrain_name(product),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a retraining when the realised performance has fallen.",
    )
    def performance(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        clock: dg.ResourceParam[Clock],
    ) -> dg.RunRequest | dg.SkipReason:
        return _ask(context, product, performance_cause(product, lake, clock.now()), clock)

    return performance


def landing_sensor(product: Product, environment: Environment) -> dg.SensorDefinition | None:
    """Materialises a day as soon as all its files have landed; `None` for a product without files.

    It keeps up, it does not catch up: only days after the newest materialised one are started, a few a tick. A gap is
    for `loopline backfill`, in one run.
    """
    patterns = [source.pattern for source in product.sources if isinstance(source, DailyFiles)]
    if not patterns or environment.landing.startswith("s3://"):
        return None

    @dg.sensor(
        name=f"{product.name}_landing_sensor",
        job_name=daily_name(product),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Materialises a day as soon as all its files have landed.",
    )
    def landing(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        done = context.instance.get_materialized_partitions(asset_key(product, "features"))
        if not done:
            yield dg.SkipReason(f"nothing is materialised yet; start with: loopline run {product.name}")
            return
        landed = _landed_after(Path(environment.landing), patterns, date.fromisoformat(max(done)))
        if not landed:
            yield dg.SkipReason(f"no complete day has landed after {max(done)}")
        for day in landed:
            yield dg.RunRequest(run_key=f"landed:{day}", partition_key=day.isoformat())

    return landing


def failure_alert(product: Product) -> dg.SensorDefinition:
    """Tells people of a run that failed for good; an attempt that will be retried is no news."""

    @dg.run_failure_sensor(
        name=f"{product.name}_failure_alert",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends an alert for each run that failed and will not be retried.",
    )
    def alert(context: dg.RunFailureSensorContext, notifier: dg.ResourceParam[Notifier]) -> None:
        if context.dagster_run.tags.get("dagster/will_retry") != "true":
            notifier.send(run_failure(product, context))

    return alert


def _ask(
    context: dg.SensorEvaluationContext, product: Product, cause: Cause, clock: Clock
) -> dg.RunRequest | dg.SkipReason:
    trained = _last_training(context, product)
    answered = _answered(context, product)
    verdict = retrain_verdict([cause], trained, product.retraining, clock.now(), answered=answered)
    if verdict.action != "retrain":
        return dg.SkipReason("; ".join(verdict.reasons))
    tags = {"loopline/cause": cause.kind, _TOLD: ",".join(verdict.causes)}
    return dg.RunRequest(run_key=verdict.run_key, tags=tags)


def _last_training(context: dg.SensorEvaluationContext, product: Product) -> datetime | None:
    """When the last candidate was trained, by the clock that it was trained by."""
    event = context.instance.get_latest_materialization_event(asset_key(product, "model"))
    if event is None or event.asset_materialization is None:
        return None
    return datetime.fromisoformat(str(event.asset_materialization.metadata["trained_at"].value))


def _answered(context: dg.SensorEvaluationContext, product: Product) -> frozenset[str]:
    """The causes that earlier retraining runs were started for, whatever came of them."""
    runs = context.instance.get_runs(dg.RunsFilter(job_name=retrain_name(product)), limit=100)
    return frozenset(cause for run in runs for cause in run.tags.get(_TOLD, "").split(",") if cause)


def _landed_after(landing: Path, patterns: list[str], newest: date) -> list[date]:
    days: list[date] = []
    day = newest + timedelta(days=1)
    while len(days) < _LANDED_DAYS_A_TICK and all((landing / p.format(day=day)).is_file() for p in patterns):
        days.append(day)
        day += timedelta(days=1)
    return days
