"""The processes that execute Dagster's runs, and the runs whose process is gone.

Belongs here: marking a run with its process and its heartbeat; finding the active runs whose process has ended, ending
them as failed and freeing their slots of pools. Does not belong here: the execution of a run (`executor.py`), what is
done about a failed run (`pipelines.sensors`).

Dagster ends no run whose process was killed: it stays `STARTED`, its slots stay taken, and every later run that needs
one of them waits for ever.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from resources.outages import outage_of
from resources.processes.identity import HEARTBEAT_SECONDS, ProcessIdentity
from resources.processes.loops import described

_LOG = logging.getLogger("loopline.runs")

# A run that is executed again gets the tags of the first; each value opens with the id of the run of which it speaks.
_OWNER = "loopline/owner"
_HEARTBEAT = "loopline/heartbeat"
_FOUND_DEAD = "loopline/found_dead"
_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class DeadRun:
    """A run whose process was gone.

    Attributes:
        ended: When it was found and ended.
        pools: The pools in which it held or awaited a slot; empty for a run that was ended earlier.
    """

    run_id: str
    job: str
    pid: int
    ended: datetime
    pools: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found and done, in one sentence."""
        freed = f"; freed {', '.join(self.pools)}" if self.pools else ""
        return (
            f"run {self.run_id} of {self.job} was ended as failed at {self.ended:%Y-%m-%d %H:%M:%S} UTC: its process "
            f"{self.pid} is gone{freed}"
        )


def owner_tags(run_id: str, now: datetime) -> dict[str, str]:
    """The tags of a run that this process executes."""
    owner = ProcessIdentity.of_this_process()
    return {_OWNER: f"{run_id} {owner.pid} {owner.started!r} {owner.place}", _HEARTBEAT: f"{run_id} {now.isoformat()}"}


@contextmanager
def owned(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Within the block the run is marked as executed by this process, and its heartbeat is kept fresh.

    A run of an instance in memory is not marked: no other process sees it.
    """
    if not instance.is_persistent:
        yield
        return
    instance.add_run_tags(run_id, owner_tags(run_id, datetime.now(UTC)))
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            try:
                instance.add_run_tags(run_id, {_HEARTBEAT: f"{run_id} {datetime.now(UTC).isoformat()}"})
            except Exception as error:  # noqa: BLE001 - without later heartbeats other machines would end a living run
                _LOG.warning(
                    "the heartbeat of run %s is not recorded yet: %s", run_id, outage_of(error) or described(error)
                )

    heart = threading.Thread(target=beat, name=f"heartbeat of run {run_id}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        # The tags are written whole: a late heartbeat would overwrite the tags of the run's end.
        heart.join()


def end_dead_runs(
    instance: dg.DagsterInstance, now: datetime, tags: Mapping[str, str] | None = None
) -> tuple[DeadRun, ...]:
    """Ends every active run whose process is gone, and frees the slots of runs that have ended; returns the former.

    A run that was being cancelled is recorded as cancelled, every other one as failed.

    Args:
        tags: Only runs with these tags; slots of runs that ended before are freed for all.
    """
    found = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE, tags=dict(tags or {}))):
        owner, heartbeat = _owner_of(run), _moment_of(run, _HEARTBEAT)
        if owner is None or heartbeat is None or not owner.is_dead(heartbeat, now):
            continue
        present = instance.get_run_by_id(run.run_id)
        if present is None or present.is_finished:  # another process was faster, or the run has just ended
            continue
        dead = DeadRun(run.run_id, run.job_name, owner.pid, now, _pools_of(instance, run.run_id))
        instance.add_run_tags(run.run_id, {_FOUND_DEAD: f"{run.run_id} {now.isoformat()}"})
        if present.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(present, dead.sentence)
        else:
            instance.report_run_failed(present, dead.sentence)
        found.append(dead)
    _free_ended(instance)
    return tuple(found)


def dead_runs_since(instance: dg.DagsterInstance, since: datetime) -> tuple[DeadRun, ...]:
    """The runs that were ended since a moment because their process was gone, newest first."""
    wanted = dg.RunsFilter(updated_after=since, statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
    found = []
    for run in instance.get_runs(wanted):
        owner, ended = _owner_of(run), _moment_of(run, _FOUND_DEAD)
        if owner is not None and ended is not None and ended >= since:
            found.append(DeadRun(run.run_id, run.job_name, owner.pid, ended))
    return tuple(found)


def holders_of(instance: dg.DagsterInstance, pool: str) -> tuple[str, ...]:
    """The runs that hold a slot of the pool, each in words: run, job, process, since when."""
    storage = instance.event_log_storage
    return tuple(_in_words(instance, slot.run_id) for slot in storage.get_concurrency_info(pool).claimed_slots)


def _in_words(instance: dg.DagsterInstance, run_id: str) -> str:
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return f"run {run_id}, which is not recorded any more"
    owner, started = _owner_of(record.dagster_run), record.start_time
    process = "" if owner is None else f", process {owner.pid}"
    since = "" if started is None else f", running since {datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"run {run_id} of {record.dagster_run.job_name}{process}{since}"


def _owner_of(run: dg.DagsterRun) -> ProcessIdentity | None:
    """The process that executes the run; `None` for a run that no process has begun to execute."""
    marked, _, rest = run.tags.get(_OWNER, "").partition(" ")
    if marked != run.run_id:
        return None
    pid, started, place = rest.split(" ", 2)
    return ProcessIdentity(place, int(pid), float(started))


def _moment_of(run: dg.DagsterRun, tag: str) -> datetime | None:
    marked, _, moment = run.tags.get(tag, "").partition(" ")
    return datetime.fromisoformat(moment) if marked == run.run_id else None


def _pools_of(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return ()
    infos = storage.get_concurrency_infos(sorted(storage.get_concurrency_keys()))
    return tuple(
        pool
        for pool, info in infos.items()
        if run_id in {*(slot.run_id for slot in info.claimed_slots), *(step.run_id for step in info.pending_steps)}
    )


def _free_ended(instance: dg.DagsterInstance) -> None:
    """Frees the slots of runs that have ended or are not recorded any more: no step outlives its run's process."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)
