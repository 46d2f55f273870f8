"""Runs in this process, recorded in the same Dagster instance as every other run.

Belongs here: the instance of an environment, one run over a range of days or over the model stages, and what it did as a
value. Does not belong here: the choice of what to run (`loop.py`), printing (`cli.py`).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from assets.naming import days_between
from assets.product import Product
from pipelines.services import prepare_dagster_home
from resources.environments import Environment

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class RunFailed(RuntimeError):
    """A run did not succeed; the message is that of the first step that failed."""


@dataclass(frozen=True)
class StageResult:
    """What one asset did in a run: its rows and its seconds, and whatever else it recorded."""

    name: str
    rows: int
    seconds: float
    metadata: dict[str, Any]


@dataclass(frozen=True)
class CheckResult:
    """What one asset check said in a run."""

    asset: str
    name: str
    passed: bool
    metadata: dict[str, Any]
    description: str


@dataclass(frozen=True)
class RunOutcome:
    """A run that succeeded."""

    run_id: str
    stages: tuple[StageResult, ...]
    checks: tuple[CheckResult, ...]


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
) -> RunOutcome:
    """Runs a job, or some of its assets, over a range of days (a partitioned job) or once.

    Raises:
        RunFailed: A step or a blocking check failed.
    """
    job = definitions.resolve_job_def(job_name)
    tags = {} if days is None else dict(zip(_RANGE, (days[0].isoformat(), days[1].isoformat()), strict=True))
    result = job.execute_in_process(
        instance=instance,
        asset_selection=None if selection is None else list(selection),
        tags=tags,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    if not result.success:
        raise RunFailed(_first_failure(result))
    return RunOutcome(result.run_id, _stages(result), _checks(result))


def materialised_days(instance: dg.DagsterInstance, key: dg.AssetKey) -> frozenset[date]:
    """The days of an asset that were ever materialised."""
    return frozenset(date.fromisoformat(day) for day in instance.get_materialized_partitions(key))


def missing_range(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], first: date, last: date
) -> tuple[date, date] | None:
    """The smallest range of days within first to last that holds every day which one of the assets lacks."""
    have = frozenset.intersection(*(materialised_days(instance, key) for key in keys))
    missing = [day for day in days_between(first, last) if day not in have]
    return (missing[0], missing[-1]) if missing else None


def product_key(product: Product, asset: str) -> dg.AssetKey:
    """The key of a product's asset."""
    return dg.AssetKey([product.name, asset])


def _stages(result: dg.ExecuteInProcessResult) -> tuple[StageResult, ...]:
    found: dict[str, StageResult] = {}
    for event in result.get_asset_materialization_events():
        materialisation = event.step_materialization_data.materialization
        name = materialisation.asset_key.path[-1]
        metadata = {key: value.value for key, value in materialisation.metadata.items()}
        if name not in found and "seconds" in metadata:
            found[name] = StageResult(name, int(metadata["rows"]), float(metadata["seconds"]), metadata)
    return tuple(found.values())


def _checks(result: dg.ExecuteInProcessResult) -> tuple[CheckResult, ...]:
    return tuple(
        CheckResult(
            asset=check.asset_key.path[-1],
            name=check.check_name,
            passed=check.passed,
            metadata={key: value.value for key, value in check.metadata.items()},
            description=check.description or "",
        )
        for check in result.get_asset_check_evaluations()
    )


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return str(failure.user_failure_data.description)
            error = failure.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip() if error else 'failed'}"
    for event in result.all_events:
        if event.is_failure:
            return event.message or "the run failed"
    return "the run failed before its first step"
