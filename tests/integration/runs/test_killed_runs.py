"""Runs whose process was killed, with real processes and a real instance of the local environment."""

import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest

from pipelines.operations.doctor.running import runs
from pipelines.operations.loop.run_job import dagster_instance, run_job
from pipelines.products import load_product
from pipelines.sensors import dead_runs_sensor
from resources.dagster.run_owners import dead_runs_since, end_dead_runs, owner_tags
from resources.environments import Environment, load_environment
from resources.processes.identity import SILENCE, ProcessIdentity
from tests.support.servers.pool_holder import JOB, LET_GO, POOL, Holder, definitions

Start = Callable[[float], Holder]
QUICK = 0.0
LONG = 600.0


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path)})


@pytest.fixture
def start(environment: Environment) -> Iterator[Start]:
    """Starts a process that runs a step of the pool."""
    started: list[Holder] = []

    def one(seconds: float) -> Holder:
        started.append(Holder(environment.home, seconds))
        return started[-1]

    yield one
    for process in started:
        process.close()


def line_with(process: Holder, word: str) -> str:
    for line in process.lines:
        if word in line:
            return line
    raise AssertionError(f"the process ended with {process.wait()} and never said '{word}'")


def killed(process: Holder) -> None:
    process.send(signal.SIGKILL)
    process.wait()


def test_a_run_goes_on_after_the_holder_of_its_pool_was_killed(environment: Environment, start: Start) -> None:
    holder = start(LONG)
    line_with(holder, "holding")
    killed(holder)
    begun = time.monotonic()
    with dagster_instance(environment) as instance:
        (dead,) = dead_runs_since(instance, datetime.now(UTC) - timedelta(minutes=1))
        ended = instance.get_run_by_id(dead.run_id)
        assert ended is not None
        assert ended.status is dg.DagsterRunStatus.FAILURE
        run_job(definitions(QUICK), instance, JOB)
    assert time.monotonic() - begun < 20
    finding = runs(environment)
    assert str(holder.pid) in finding.detail
    assert dead.run_id in finding.detail


def test_a_run_that_waits_goes_on_when_the_holder_is_killed(environment: Environment, start: Start) -> None:
    """Nobody else sweeps: there is no daemon, and no other command starts."""
    holder = start(LONG)
    line_with(holder, "holding")
    waiting = start(QUICK)
    told = line_with(waiting, "waiting for")
    assert POOL in told
    assert JOB in told
    assert f"process {holder.pid}" in told
    killed(holder)
    line_with(waiting, "holding")
    assert waiting.wait(20) == 0


def test_a_run_that_waits_goes_on_soon_after_the_holder_has_ended(environment: Environment, start: Start) -> None:
    holder = start(LONG)
    line_with(holder, "holding")
    waiting = start(QUICK)
    line_with(waiting, "waiting for")
    (environment.home / LET_GO).touch()
    assert holder.wait(60) == 0
    ended = time.monotonic()
    line_with(waiting, "holding")
    assert time.monotonic() - ended < 10
    assert waiting.wait(20) == 0


def test_a_killed_waiter_keeps_nobody_waiting(environment: Environment, start: Start) -> None:
    """It was next in the queue: the slot would be assigned to it."""
    holder = start(LONG)
    line_with(holder, "holding")
    next_one = start(QUICK)
    line_with(next_one, "waiting for")
    killed(next_one)
    holder.send(signal.SIGTERM)
    assert holder.wait(20) == 1
    with dagster_instance(environment) as instance:
        run_job(definitions(QUICK), instance, JOB)


def test_a_wait_ends_at_a_signal_and_costs_no_processor(start: Start) -> None:
    holder = start(LONG)
    line_with(holder, "holding")
    waiting = {number: start(QUICK) for number in (signal.SIGTERM, signal.SIGINT)}
    for number, one in waiting.items():
        line_with(one, "waiting for")
        process = psutil.Process(one.pid)
        before = sum(process.cpu_times()[:2])
        time.sleep(2)
        assert sum(process.cpu_times()[:2]) - before < 0.5
        one.send(number)
        assert "was ended by a signal" in line_with(one, "ended by")
        assert one.wait(10) == 1


def test_the_sensor_ends_a_dead_run_of_its_product(environment: Environment, start: Start) -> None:
    holder = start(LONG)
    line_with(holder, "holding")
    product = load_product("card_fraud")
    with dg.DagsterInstance.from_config(str(environment.dagster_home)) as instance:
        context = dg.build_sensor_context(instance=instance)
        quiet = dead_runs_sensor(product)(context)
        assert isinstance(quiet, dg.SkipReason)
        assert quiet.skip_message == "every active run has its process"
        killed(holder)
        skipped = dead_runs_sensor(product)(context)
        assert isinstance(skipped, dg.SkipReason)
        assert str(holder.pid) in str(skipped.skip_message)
        assert instance.event_log_storage.get_concurrency_info(POOL).claimed_slots == []


def active_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    """A run that is recorded as under way."""
    job = definitions(QUICK).resolve_job_def(JOB)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    return run.run_id


@pytest.fixture
def instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(environment) as found:
        yield found


def test_a_run_of_a_living_process_and_a_run_without_a_process_yet_are_left_alone(instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC)
    run_id = active_run(instance, {})
    instance.add_run_tags(run_id, owner_tags(run_id, now))
    active_run(instance, {})
    assert end_dead_runs(instance, now) == ()


def test_a_run_that_is_executed_again_is_not_taken_for_the_first(instance: dg.DagsterInstance) -> None:
    """Dagster copies the tags of the first run, those of its dead process included."""
    first = active_run(instance, {})
    tags = {key: value.replace(f" {psutil.Process().pid} ", " 4194304 ") for key, value in
            owner_tags(first, datetime.now(UTC)).items()}  # fmt: skip
    instance.add_run_tags(first, tags)
    active_run(instance, tags)
    assert [dead.run_id for dead in end_dead_runs(instance, datetime.now(UTC))] == [first]


def test_a_process_at_another_place_is_dead_after_its_silence() -> None:
    now = datetime.now(UTC)
    away = ProcessIdentity("another machine/pid:[1]", 1, 0.0)
    assert not away.is_dead(now - SILENCE, now)
    assert away.is_dead(now - SILENCE - timedelta(seconds=1), now)
    here = ProcessIdentity.of_this_process()
    assert not here.is_dead(now - timedelta(days=9), now)
    assert ProcessIdentity(here.place, here.pid, here.started - 60).is_dead(now, now)
