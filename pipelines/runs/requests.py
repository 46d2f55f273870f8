"""Run requests of schedules and sensors, and their reasons to skip.

Belongs here: from the runs that the instance has recorded to a run request or a reason to skip. A cause is answered by
one retraining and never within the cooldown; a partition never runs twice at the same time. Does not belong here: the
verdict (`assets.monitoring.retraining`), the time of a request (`pipelines.schedules`, `pipelines.sensors`).

Dagster starts nothing for a run key that was used before, whatever became of the run. So the key of a request that is
made again, after its run failed or died, names the attempt. With the run of a daemon that was killed before it started
the run, Dagster goes on within a day; so long the run counts as one under way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.materialising import CAUSE_TAG, asset_key, materialised_days
from assets.monitoring.retraining.verdict import RetrainSignals, RetrainVerdict, retrain_verdict
from assets.product import Partitions, Product
from assets.product.names import FEATURES, REGISTERED_MODEL
from pipelines.jobs import daily_name, retrain_name, rollout_name
from pipelines.runs.failures import refusals, run_events
from pipelines.runs.records import ACTIVE
from resources.slots import Slot

CAUSES_TAG = "loopline/causes"
"""The keys of all causes that a retraining answers, separated by commas."""
_RUN_KEY = "dagster/run_key"
_ATTEMPT = "/attempt-"
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=15), timedelta(days=1)
_LONGEST = timedelta(days=1)


def request_retraining(
    instance: dg.DagsterInstance, product: Product, signals: RetrainSignals, now: datetime, *, moment: datetime
) -> dg.RunRequest | dg.SkipReason:
    """A run for every cause that asks and that no earlier run has answered, unless something holds it.

    Args:
        signals: The causes; what runs tell of them is looked up here.
        now: By the product's clock.
        moment: By the machine's clock, which times runs.
    """
    job_name = retrain_name(product)
    verdict = judged_retraining(instance, product, signals, now, moment=moment)
    if verdict.action != "retrain" or verdict.run_key is None:
        return dg.SkipReason(f"{verdict.action}: {'; '.join(verdict.reasons)}")
    attempt = next_attempt(verdict.run_key, _earlier(_runs(instance, job_name, {})), moment)
    if attempt.wait_until is not None:
        return dg.SkipReason(f"{verdict.run_key}: {attempt.reason}")
    kind = next(cause.kind for cause in signals.causes if cause.key == verdict.run_key)
    return dg.RunRequest(run_key=attempt.run_key, tags={CAUSE_TAG: kind, CAUSES_TAG: ",".join(verdict.causes)})


def judged_retraining(
    instance: dg.DagsterInstance, product: Product, signals: RetrainSignals, now: datetime, *, moment: datetime
) -> RetrainVerdict:
    """The verdict, with the causes that recorded runs have answered and the run that trains now."""
    answered = answered_causes(instance, product, [cause.key for cause in signals.causes if cause.action == "retrain"])
    active = _active_run(instance, retrain_name(product), moment)
    return retrain_verdict(replace(signals, answered=answered, in_progress=active), product.retraining, now)


def answered_causes(instance: dg.DagsterInstance, product: Product, keys: Sequence[str]) -> frozenset[str]:
    """Those of the causes that a retraining has answered: one that came to a result, whatever it was."""
    if not keys:
        return frozenset()
    wanted, found = frozenset(keys), set[str]()
    for record in _runs(instance, retrain_name(product), {}):
        of_run = wanted.intersection(record.dagster_run.tags.get(CAUSES_TAG, "").split(",")) - found
        if of_run and came_to_a_result(instance, product, record.dagster_run):
            found |= of_run
    return frozenset(found)


def request_partition(
    instance: dg.DagsterInstance, product: Product, partitions: Partitions, day: Slot, *, why: str, moment: datetime
) -> dg.RunRequest | dg.SkipReason:
    """A run that materialises the partition that holds the day, unless a run of it is active.

    Args:
        why: Prefix of the run key: the same reason starts a partition again only after its run has failed.
        moment: By the machine's clock, which times runs.
    """
    key, name = partitions.key(day), partitions.name(day)
    of_partition = {"dagster/partition": key}
    active = _active_run(instance, daily_name(product), moment, of_partition)
    if active is not None:
        return dg.SkipReason(f"{name} is under way: run {active}")
    attempt = next_attempt(f"{why}:{key}", _earlier(_runs(instance, daily_name(product), of_partition)), moment)
    if attempt.wait_until is not None:
        return dg.SkipReason(f"{name}: {attempt.reason}")
    return dg.RunRequest(run_key=attempt.run_key, partition_key=key)


def request_rollout(
    instance: dg.DagsterInstance, product: Product, key: str, *, once: bool, moment: datetime
) -> dg.RunRequest | dg.SkipReason:
    """A run of the steward, unless one is active.

    Args:
        key: The run key, of a state and what is to be done about it.
        once: One run that succeeded answers the key; else it is asked for again, after a wait, as long as it is due.
        moment: By the machine's clock, which times runs.
    """
    active = _active_run(instance, rollout_name(product), moment)
    if active is not None:
        return dg.SkipReason(f"the steward is at work: run {active}")
    runs = _runs(instance, rollout_name(product), {})
    done = [record.dagster_run.tags.get(_RUN_KEY, "") for record in runs if record.dagster_run.is_success]
    if once and any(_number(key, run_key) is not None for run_key in done):
        return dg.SkipReason(f"{key}: the steward has looked at it")
    attempt = next_attempt(key, _earlier(runs), moment)
    if attempt.wait_until is not None:
        return dg.SkipReason(f"{key}: {attempt.reason}")
    return dg.RunRequest(run_key=attempt.run_key)


@dataclass(frozen=True)
class Attempt:
    """The next attempt of a request.

    Attributes:
        run_key: Of the run that would be started.
        wait_until: When it may start, if that lies ahead; else `None`.
        reason: Why it waits; empty if it does not.
    """

    run_key: str
    wait_until: datetime | None = None
    reason: str = ""


def next_attempt(key: str, earlier: Sequence[tuple[str, datetime]], now: datetime) -> Attempt:
    """The attempt that follows earlier ones, none of which did its work.

    The first follows at once, the second 15 minutes after the end of the first, each further one after four times as
    long, at most after a day: a fault that passes costs minutes, and one that stays is not run every minute.

    Args:
        key: The run key of the first attempt.
        earlier: The run keys of ended runs, with their ends; keys of other requests are ignored.
        now: With a time zone.
    """
    ends = [(number, end) for run_key, end in earlier if (number := _number(key, run_key)) is not None]
    if not ends:
        return Attempt(key)
    number, ended = max(ends)[0], max(end for _, end in ends)
    wait = min(_FIRST_WAIT * 4 ** min(number - 1, 8), _LONGEST_WAIT)
    run_key = f"{key}{_ATTEMPT}{number + 1}"
    if now - ended >= wait:
        return Attempt(run_key)
    until = ended + wait
    reason = f"attempt {number} ended without success at {_minutes(ended)}: the next waits until {_minutes(until)}"
    return Attempt(run_key, until, reason)


def _number(key: str, run_key: str) -> int | None:
    """The number of the attempt that a run key names; `None` for the key of another request."""
    if run_key == key:
        return 1
    first, separator, number = run_key.rpartition(_ATTEMPT)
    return int(number) if separator and first == key and number.isdecimal() else None


def _minutes(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def materialised_days_of(instance: dg.DagsterInstance, product: Product, partitions: Partitions) -> frozenset[Slot]:
    """The days, or hours, whose features have been materialised."""
    return materialised_days(instance, asset_key(product, FEATURES), partitions)


def _active_run(
    instance: dg.DagsterInstance, job_name: str, moment: datetime, tags: Mapping[str, str] | None = None
) -> str | None:
    """The id of a run of the job that has not ended.

    A run whose process was killed never ends in the records, so only runs of the last day count.
    """
    wanted = dg.RunsFilter(
        job_name=job_name, statuses=list(ACTIVE), tags=dict(tags or {}), created_after=moment - _LONGEST
    )
    return next((run.run_id for run in instance.get_runs(wanted, limit=1)), None)


def _runs(instance: dg.DagsterInstance, job_name: str, tags: Mapping[str, str]) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(job_name=job_name, tags=dict(tags)))


def _earlier(runs: Sequence[dg.RunRecord]) -> list[tuple[str, datetime]]:
    """The run key of each run that a tick started, and its end; of one that died unrecorded, its last sign of life."""
    return [
        (record.dagster_run.tags[_RUN_KEY], _ended(record)) for record in runs if _RUN_KEY in record.dagster_run.tags
    ]


def _ended(record: dg.RunRecord) -> datetime:
    if record.end_time is None:
        return record.update_timestamp
    return datetime.fromtimestamp(record.end_time, UTC)


def came_to_a_result(instance: dg.DagsterInstance, product: Product, run: dg.DagsterRun) -> bool:
    """Whether a retraining came to a result: a registered model, or a refusal by a check. One that died did not."""
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return True
    registered = asset_key(product, REGISTERED_MODEL)
    made = run_events(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return any(event.asset_key == registered for event in made) or bool(refusals(instance, run.run_id))
