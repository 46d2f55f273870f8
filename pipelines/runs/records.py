"""Recorded runs and backfills: those that have not ended, and what those that ended without success left half made.

Belongs here: asking the instance for runs and backfills by their state. Does not belong here: the cause of a failure
(`failures.py`), run requests (`requests.py`), what follows from half made days (`pipelines.automation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from pipelines.runs.failures import run_events

if TYPE_CHECKING:  # Dagster returns backfills from a public method, but their type has no public name
    from dagster._core.execution.backfill import PartitionBackfill

ACTIVE = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
"""The states of a run that has not ended."""
_WITHOUT_SUCCESS = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
# The names of a backfill's states; their enumeration is not public.
_OPEN = frozenset({"REQUESTED", "CANCELING", "FAILING"})
_SUCCESS = frozenset({"COMPLETED", "COMPLETED_SUCCESS"})
_BACKFILL = "dagster/backfill"
_REMEMBERED = 100
"""How many runs and backfills are looked at, the newest first."""

AssetDay = tuple[dg.AssetKey, str]


@dataclass(frozen=True)
class HalfMade:
    """What a run or backfill that ended without success left.

    Attributes:
        name: The run or backfill, for people.
        lacking: For each asset the days that it was to make again and did not, although it made others.
    """

    name: str
    lacking: Mapping[dg.AssetKey, tuple[str, ...]]


def open_backfills(instance: dg.DagsterInstance) -> list[PartitionBackfill]:
    """The backfills that have not ended."""
    return [backfill for backfill in _backfills(instance) if backfill.status.value in _OPEN]


def selects(run: dg.DagsterRun, keys: Set[dg.AssetKey], jobs: Sequence[str]) -> bool:
    """Whether a run is to make one of the assets; a run without a selection makes all of its job."""
    return bool(keys & run.asset_selection) if run.asset_selection else run.job_name in jobs


def half_made(instance: dg.DagsterInstance, keys: Set[dg.AssetKey], jobs: Sequence[str]) -> Iterator[HalfMade]:
    """What runs and backfills of these assets left half made, and nobody has made since.

    A day that was never made before is no half: it is missing, as before the run.

    Args:
        jobs: The names of the jobs whose runs make these assets without selecting them.
    """
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    latest = {
        (key, day): made for key in keys for day, made in instance.get_latest_storage_id_by_partition(key, kind).items()
    }
    ended = instance.get_runs(dg.RunsFilter(statuses=list(_WITHOUT_SUCCESS)), limit=_REMEMBERED)
    for run in ended:
        if selects(run, keys, jobs):
            yield from _left(instance, f"run {run.run_id[:8]}", [run], _planned(instance, run, keys), latest)
    for backfill in _backfills(instance):
        if backfill.status.value not in _OPEN | _SUCCESS:
            runs = instance.get_runs(dg.RunsFilter(tags={_BACKFILL: backfill.backfill_id}))
            yield from _left(instance, f"backfill {backfill.backfill_id}", runs, _aimed_at(backfill, keys), latest)


def made_by(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[AssetDay]:
    """The days of assets that a run has made."""
    events = run_events(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {
        (event.asset_key, event.partition)
        for event in events
        if event.asset_key is not None and event.partition is not None
    }


def _backfills(instance: dg.DagsterInstance) -> Sequence[PartitionBackfill]:
    return instance.get_backfills(limit=_REMEMBERED)


def _left(
    instance: dg.DagsterInstance,
    name: str,
    runs: Sequence[dg.DagsterRun],
    targets: Set[AssetDay],
    latest: Mapping[AssetDay, int],
) -> Iterator[HalfMade]:
    """What these runs together left of their targets, if they made any of them."""
    starts = [start for run in runs if (start := _start(instance, run)) is not None]
    if not starts or not any(made_by(instance, run) & targets for run in runs):
        return
    begun = min(starts)
    lacking: dict[dg.AssetKey, list[str]] = {}
    for key, day in sorted(targets):
        if latest.get((key, day), begun) < begun:
            lacking.setdefault(key, []).append(day)
    if lacking:
        yield HalfMade(name, {key: tuple(days) for key, days in lacking.items()})


def _start(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The number of the run's first event; events are numbered in their order, over all runs."""
    first = instance.get_records_for_run(run.run_id, limit=1).records
    return first[0].storage_id if first else None


def _planned(instance: dg.DagsterInstance, run: dg.DagsterRun, keys: Set[dg.AssetKey]) -> set[AssetDay]:
    found: set[AssetDay] = set()
    for event in run_events(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        planned = event.asset_materialization_planned_data
        if planned.asset_key in keys:
            days = [] if planned.partition is None else [planned.partition]
            if planned.partitions_subset is not None:
                days += planned.partitions_subset.get_partition_keys()
            found.update((planned.asset_key, day) for day in days)
    return found


def _aimed_at(backfill: PartitionBackfill, keys: Set[dg.AssetKey]) -> set[AssetDay]:
    """The days that a backfill was to make; a backfill of a job, and one without data, names none of an asset."""
    data = backfill.asset_backfill_data
    if data is None:
        return set()
    aimed = data.target_subset.iterate_asset_partitions()
    return {(at.asset_key, at.partition_key) for at in aimed if at.asset_key in keys and at.partition_key is not None}
