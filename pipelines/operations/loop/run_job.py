"""Runs of Dagster jobs in this process, recorded in the same instance as all other runs.

Belongs here: opening the instance of an environment, and one run of a job, over a range of days or without days. Does
not belong here: the choice of assets and days (`product_jobs.py`), output (`pipelines.cli`).
"""

import logging
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.events import DagsterEvent, RunFailureReason
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import MAX_RETRIES_TAG

from assets.materialising import USER_TAG
from pipelines.jobs import PRODUCT_TAG
from pipelines.runs.failures import GateTable, first_failure, gate_table
from pipelines.services.lifecycle import prepare_dagster_home
from resources.dagster.run_owners import end_dead_runs, owner_tags
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.people import person
from resources.slots import Slot

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


_PROGRESS = logging.getLogger("loopline.progress")


class RunFailed(LooplineError):
    """A run failed; the message is that of its first failure.

    Attributes:
        gates: All gates of the model that the run evaluated, and the address of the report.
        days: The days, or hours, that the failure names; empty if it names none.
    """

    def __init__(self, message: str, gates: GateTable | None = None, days: tuple[Slot, ...] = ()) -> None:
        super().__init__(message)
        self.gates = gates or GateTable()
        self.days = days


class RunInterrupted(LooplineError):
    """A run was ended by SIGTERM or SIGINT; the message names the run."""


@contextmanager
def dagster_instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the environment, which the UI shows too, without runs whose process is gone.

    Raises:
        DependencyDown: The server of Dagster's storage does not answer.
    """
    require(environment, "Dagster's storage")
    home = prepare_dagster_home(environment)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for dead in end_dead_runs(instance, datetime.now(UTC)):
            _PROGRESS.info(dead.sentence)
        yield instance


def run_job(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job_name: str,
    *,
    days: tuple[Slot, Slot] | None = None,
    selection: Sequence[dg.AssetKey] | None = None,
    config: Mapping[dg.AssetKey, Mapping[str, Any]] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Runs a job, or some of its assets, and returns the id of the run.

    Args:
        days: Of a job with partitions the first day, or hour, of the first and of the last one; `None` for one without.
        selection: The assets to run; `None` for all assets of the job.
        config: For each asset with a configuration, its fields.
        tags: Further tags of the run.

    Raises:
        RunFailed: A step or a blocking check failed.
        RunInterrupted: SIGTERM or SIGINT ended the run.
    """
    job = definitions.resolve_job_def(job_name)
    product = job.run_tags[PRODUCT_TAG]
    run_id = str(uuid.uuid4())
    run = instance.create_run_for_job(
        job_def=job,
        run_id=run_id,
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "ops": {key.to_python_identifier(): {"config": dict(terms)} for key, terms in (config or {}).items()},
        },
        tags={
            **job.run_tags,
            USER_TAG: person(),
            **(tags or {}),
            **owner_tags(run_id, datetime.now(UTC)),
            # Who started a command starts it again; the daemon would do so beside them.
            MAX_RETRIES_TAG: "0",
            **({} if days is None else dict(zip(_RANGE, map(str, days), strict=True))),
        },
        asset_selection=None if selection is None else frozenset(selection),
        remote_job_origin=_origin(product, job_name),
    )
    interrupted = False
    for event in execute_run_iterator(InMemoryJob(job), run, instance):
        interrupted = interrupted or _is_interruption(event)
    ended = instance.get_run_by_id(run_id)
    if ended is None or not ended.is_success:
        if interrupted:
            raise RunInterrupted(f"run {run_id} of {job_name} was ended by a signal; the same command goes on with it")
        failure = first_failure(instance, run_id, product)
        raise RunFailed(failure.sentence, gate_table(instance, run_id), failure.days)
    return run_id


def _origin(product: str, job_name: str) -> RemoteJobOrigin:
    """The place of the job in the workspace, by which the UI's timeline and the sensors of the product find the run."""
    location = RegisteredCodeLocationOrigin(product)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job_name)


def _is_interruption(event: DagsterEvent) -> bool:
    if event.event_type is dg.DagsterEventType.RUN_CANCELED:
        return True
    if event.event_type is not dg.DagsterEventType.RUN_FAILURE:  # a step that failed is no end of a run
        return False
    return event.job_failure_data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
