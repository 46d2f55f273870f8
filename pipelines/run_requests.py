"""Run requests of schedules and sensors, and their reasons to skip.

Belongs here: the run request, or the reason to skip, that follows from the recorded runs. A retraining starts once per
cause and never within the cooldown; a day never runs twice at the same time. Does not belong here: the verdict
(`assets.monitoring.verdicts`), the time of a request (`schedules.py`, `sensors.py`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.materialising import asset_key, materialised_days
from assets.monitoring.verdicts import Cause, retrain_verdict
from assets.product import Product
from assets.product.names import FEATURES, MODEL
from pipelines.jobs import daily_name, retrain_name

_CAUSES = "loopline/causes"
_LONGEST = timedelta(days=1)
_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def request_retraining(
    instance: dg.DagsterInstance, product: Product, cause: Cause, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """Requests a run unless the cause has started one before, or the cooldown is running."""
    active = _active_run(instance, retrain_name(product))
    if active is not None:
        return dg.SkipReason(f"a retraining is under way: run {active}")
    trained, answered = _last_training(instance, product), _answered(instance, product)
    verdict = retrain_verdict([cause], trained, product.retraining, now, answered=answered)
    if verdict.action != "retrain":
        return dg.SkipReason(f"{verdict.action}: {'; '.join(verdict.reasons)}")
    tags = {"loopline/cause": cause.kind, _CAUSES: ",".join(verdict.causes)}
    return dg.RunRequest(run_key=verdict.run_key, tags=tags)


def request_day(
    instance: dg.DagsterInstance, product: Product, day: date, *, why: str
) -> dg.RunRequest | dg.SkipReason:
    """A run that materialises the day, unless a run of the day is active.

    Args:
        why: Prefix of the run key: the same reason never starts a day twice.
    """
    key = day.isoformat()
    active = _active_run(instance, daily_name(product), {"dagster/partition": key})
    if active is not None:
        return dg.SkipReason(f"{day} is under way: run {active}")
    return dg.RunRequest(run_key=f"{why}:{key}", partition_key=key)


def materialised_days_of(instance: dg.DagsterInstance, product: Product) -> frozenset[date]:
    """The days whose features have been materialised."""
    return materialised_days(instance, asset_key(product, FEATURES))


def _active_run(instance: dg.DagsterInstance, job_name: str, tags: Mapping[str, str] | None = None) -> str | None:
    """The id of a run of the job that has not ended.

    A run whose process was killed never ends in the records, so only runs of the last day count.
    """
    since = datetime.now(UTC) - _LONGEST
    wanted = dg.RunsFilter(job_name=job_name, statuses=_ACTIVE, tags=dict(tags or {}), created_after=since)
    return next((run.run_id for run in instance.get_runs(wanted, limit=1)), None)


def _last_training(instance: dg.DagsterInstance, product: Product) -> datetime | None:
    """When the last candidate was trained, by the product's clock."""
    event = instance.get_latest_materialization_event(asset_key(product, MODEL))
    if event is None or event.asset_materialization is None:
        return None
    return datetime.fromisoformat(str(event.asset_materialization.metadata["trained_at"].value))


def _answered(instance: dg.DagsterInstance, product: Product) -> frozenset[str]:
    """The causes for which earlier retraining runs were started, successful or not."""
    runs = instance.get_runs(dg.RunsFilter(job_name=retrain_name(product)), limit=100)
    return frozenset(cause for run in runs for cause in run.tags.get(_CAUSES, "").split(",") if cause)
