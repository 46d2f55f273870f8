"""Runs in this process, recorded in the same Dagster instance as every other run.

Belongs here: the instance of an environment, and one run of a job, over a range of days or once. Does not belong
here: the choice of what to run (`loop.py`), printing (`cli.py`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from pipelines.services.lifecycle import prepare_dagster_home
from resources.environments import Environment
from resources.errors import LooplineError

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class RunFailed(LooplineError):
    """A run did not succeed; the message is that of the first step that failed."""


@contextmanager
def dagster_instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the environment, the one that the UI shows."""
    home = prepare_dagster_home(environment)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def run_job(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job_name: str,
    *,
    days: tuple[date, date] | None = None,
    selection: Sequence[dg.AssetKey] | None = None,
    config: Mapping[dg.AssetKey, Mapping[str, Any]] | None = None,
) -> str:
    """Runs a job, or some of its assets, over a range of days (a partitioned job) or once; gives the run's id.

    Args:
        config: For assets that take some, its fields.

    Raises:
        RunFailed: A step or a blocking check failed.
    """
    job = definitions.resolve_job_def(job_name)
    tags = {} if days is None else dict(zip(_RANGE, (days[0].isoformat(), days[1].isoformat()), strict=True))
    result = job.execute_in_process(
        instance=instance,
        asset_selection=None if selection is None else list(selection),
        tags=tags,
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "ops": {key.to_python_identifier(): {"config": dict(terms)} for key, terms in (config or {}).items()},
        },
        raise_on_error=False,
    )
    if not result.success:
        raise RunFailed(_first_failure(result))
    return result.run_id


def materialised_days(instance: dg.DagsterInstance, key: dg.AssetKey) -> frozenset[date]:
    """The days of an asset that were ever materialised."""
    return frozenset(date.fromisoformat(day) for day in instance.get_materialized_partitions(key))


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    refused = [check for check in result.get_asset_check_evaluations() if not check.passed and check.blocking]
    failed = next((event for event in result.all_events if event.is_step_failure), None)
    if refused and not (failed and failed.step_failure_data.user_failure_data):
        asset = refused[0].asset_key.path[-1]
        return f"{asset}: refused by {'; '.join(str(check.description) for check in refused)}"
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return str(failure.user_failure_data.description)
            error = failure.error
            if error is not None and error.cause is not None:  # the first is Dagster's own
                error = error.cause
            return f"{event.step_key}: {error.message.strip() if error else 'failed'}"
    for event in result.all_events:
        if event.is_failure:
            return event.message or "the run failed"
    return "the run failed before its first step"
