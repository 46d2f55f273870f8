"""Runs of Dagster jobs in this process, recorded in the same instance as all other runs.

Belongs here: opening the instance of an environment, and one run of a job, over a range of days or without days. Does
not belong here: the choice of assets and days (`product_jobs.py`), output (`pipelines.cli`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from pipelines.jobs import PRODUCT_TAG
from pipelines.run_failures import first_failure
from pipelines.services.lifecycle import prepare_dagster_home
from resources.environments import Environment
from resources.errors import LooplineError

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class RunFailed(LooplineError):
    """A run failed; the message is that of its first failure."""


@contextmanager
def dagster_instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the environment, which the UI shows too."""
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
    """Runs a job, or some of its assets, and returns the id of the run.

    Args:
        days: First and last day of a job with partitions; `None` for a job without.
        selection: The assets to run; `None` for all assets of the job.
        config: For each asset with a configuration, its fields.

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
        raise RunFailed(first_failure(instance, result.run_id, job.tags[PRODUCT_TAG]).sentence)
    return result.run_id
