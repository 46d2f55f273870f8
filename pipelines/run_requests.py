"""The runs that schedules and sensors ask for, and why they do not.

Belongs here: from what the instance has recorded to a run request or a reason to skip, for schedules and sensors alike:
a retraining is started once a cause and never within the cooldown, a day never twice at the same time. Does not belong
here: the verdict (`assets.monitoring.verdicts`), when it is asked for (`schedules.py`, `sensors.py`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.materialising import asset_key, materialised_days
from assets.monitoring.verdicts import Cause, retrain_verdict
from assets.product import Product
from assets.product.names import FEATURES, MODEL
from pipelines.jobs import daily_name, retrain_name

_TOLD = "loopline/causes"
_LONGEST = timedelta(days=1)
_UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def ask_to_retrain(
    instance: dg.DagsterInstance, product: Product, cause: Cause, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """A run for a cause that no earlier run has answered, outside of the cooldown."""
    going_on = _under_way(instance, retrain_name(product))
    if going_on is not None:
        return dg.SkipReason(f"a retraining is under way: run {going_on}")
    trained, answered = _last_training(instance, product), _answered(instance, product)
    verdict = retrain_verdict([cause], trained, product.retraining, now, answered=answered)
    if verdict.action != "retrain":
        return dg.SkipReason(f"{verdict.action}: {'; '.join(verdict.reasons)}")
    tags = {"loopline/cause": cause.kind, _TOLD: ",".join(verdict.causes)}
    return dg.RunRequest(run_key=verdict.run_key, tags=tags)


def ask_for_day(
    instance: dg.DagsterInstance, product: Product, day: date, *, why: str
) -> dg.RunRequest | dg.SkipReason:
    """A run that makes the day, unless one is making it.

    Args:
        why: Begins the run key: the same reason never starts a day twice.
    """
    key = day.isoformat()
    going_on = _under_way(instance, daily_name(product), {"dagster/partition": key})
    if going_on is not None:
        return dg.SkipReason(f"{day} is under way: run {going_on}")
    return dg.RunRequest(run_key=f"{why}:{key}", partition_key=key)


def days_made(instance: dg.DagsterInstance, product: Product) -> frozenset[date]:
    """The days whose features were ever made."""
    return materialised_days(instance, asset_key(product, FEATURES))


def _under_way(instance: dg.DagsterInstance, job_name: str, tags: Mapping[str, str] | None = None) -> str | None:
    """The id of a run of the job that has not ended. One whose process was killed may never do: its day counts."""
    since = datetime.now(UTC) - _LONGEST
    wanted = dg.RunsFilter(job_name=job_name, statuses=_UNDER_WAY, tags=dict(tags or {}), created_after=since)
    return next((run.run_id for run in instance.get_runs(wanted, limit=1)), None)


def _last_training(instance: dg.DagsterInstance, product: Product) -> datetime | None:
    """When the last candidate was trained, by the clock that it was trained by."""
    event = instance.get_latest_materialization_event(asset_key(product, MODEL))
    if event is None or event.asset_materialization is None:
        return None
    return datetime.fromisoformat(str(event.asset_materialization.metadata["trained_at"].value))


def _answered(instance: dg.DagsterInstance, product: Product) -> frozenset[str]:
    """The causes that earlier retraining runs were started for, whatever came of them."""
    runs = instance.get_runs(dg.RunsFilter(job_name=retrain_name(product)), limit=100)
    return frozenset(cause for run in runs for cause in run.tags.get(_TOLD, "").split(",") if cause)
