"""Bringing up and taking down, with small servers in the place of the real ones."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from pipelines.services import lifecycle
from pipelines.services.catalog import Service, common_variables, local
from pipelines.services.states import ServiceStatus
from resources.environments import CHECKOUT, Environment, load_environment
from resources.processes.ended import ended_since
from resources.processes.identity import ProcessIdentity
from resources.processes.ports import answers
from resources.processes.table import ProcessTable
from tests.support.servers.ports import free_ports

# Answers on its port, from a child in a session of its own, as BentoML does.
PARENT = """
import subprocess, sys, time
child = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", sys.argv[1]]
subprocess.Popen(child, start_new_session=True)
time.sleep(600)
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_PORT_BASE": str(free_ports())})
    yield environment
    lifecycle.down(environment)


@pytest.fixture
def two(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> tuple[Service, ...]:
    """The list of services, cut down to two small ones."""
    ports = environment.ports
    found = (small("mlflow", ports.mlflow), small("bureau", ports.bureau))
    monkeypatch.setattr(lifecycle, "services_of", lambda _environment: found)
    return found


def small(name: str, port: int, script: str = PARENT) -> Service:
    command = (sys.executable, "-c", script, str(port))
    return Service(name=name, command=command, port=port, address=local(port), probe=local(port))  # type: ignore[arg-type]


def marked(environment: Environment) -> list[int]:
    """Every process that has this home in its environment, zombies left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LOOPLINE_HOME") == str(environment.home) and process.pid != os.getpid():
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_up_brings_up_down_leaves_nothing(environment: Environment, two: tuple[Service, ...]) -> None:
    told: list[ServiceStatus] = []
    found = lifecycle.up(environment, report=told.append)
    assert [(status.name, status.state) for status in found] == [("mlflow", "running"), ("bureau", "running")]
    assert told == list(found)
    assert all(answers(service.probe) for service in two)
    assert len(marked(environment)) == 4
    stopped = lifecycle.down(environment)
    assert [status.name for status in stopped] == ["mlflow", "bureau"]
    assert marked(environment) == []
    assert [status.state for status in lifecycle.status(environment)] == ["stopped", "stopped"]


def test_a_decision_service_without_a_champion_runs_and_says_so(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (small("decisions", environment.ports.decisions),)
    monkeypatch.setattr(lifecycle, "services_of", lambda _environment: found)
    (status,) = lifecycle.up(environment)
    assert status.state == "running"
    assert "no champion is rolled out yet" in status.detail


def test_up_leaves_alone_what_runs(environment: Environment, two: tuple[Service, ...]) -> None:
    first = lifecycle.up(environment)
    assert lifecycle.up(environment) == first


def test_up_starts_a_service_again_that_was_killed(environment: Environment, two: tuple[Service, ...]) -> None:
    before = lifecycle.up(environment)
    assert before[0].pid is not None
    os.kill(before[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while lifecycle.status(environment)[0].state != "died":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answers(two[0].probe), "its child still holds the port"
    after = lifecycle.up(environment)
    assert [status.state for status in after] == ["running", "running"]
    assert after[0].pid != before[0].pid
    assert after[1].pid == before[1].pid


def test_up_starts_a_service_again_that_lives_but_does_not_answer(
    environment: Environment, two: tuple[Service, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server does whose worker was killed."""
    before = lifecycle.up(environment)
    assert before[0].pid is not None
    for worker in psutil.Process(before[0].pid).children():
        worker.kill()
    monkeypatch.setattr(lifecycle, "_YOUNG_SECONDS", 0.0)
    monkeypatch.setattr(lifecycle, "_ANSWER_SECONDS", 0.5)
    after = lifecycle.up(environment)
    assert [status.state for status in after] == ["running", "running"]
    assert after[0].pid != before[0].pid
    assert after[1].pid == before[1].pid
    (told,) = ended_since(environment.home, datetime.now(UTC) - timedelta(minutes=5))
    assert told.sentence.startswith(f"mlflow (process {before[0].pid}) was ended at ")
    assert told.sentence.endswith("it did not answer any more")


def test_up_takes_over_what_a_living_command_started_for_itself(
    environment: Environment, two: tuple[Service, ...]
) -> None:
    process = ProcessTable(environment.home).start(
        two[0].name, two[0].command, port=two[0].port, variables=common_variables(environment), folder=CHECKOUT,
        owner=ProcessIdentity.of_this_process(),
    )  # fmt: skip
    assert lifecycle.up(environment)[0].pid == process.pid
    assert {one.owner for one in ProcessTable(environment.home).all()} == {None}


def test_an_instance_whose_making_was_killed_is_made_again(environment: Environment) -> None:
    """Dagster's databases appear whole: a folder in which a killed process made them is not used."""
    unfinished = environment.dagster_home / ".making" / "history"
    unfinished.mkdir(parents=True)
    (unfinished / "runs.db").write_bytes(b"half")
    lifecycle.prepare_dagster_home(environment)
    with dg.DagsterInstance.from_config(str(environment.dagster_home)) as instance:
        assert instance.get_runs() == []
        assert Path(instance.root_directory) == environment.dagster_home
    assert not (environment.dagster_home / ".making").exists()


def test_a_taken_port_is_named_and_nothing_is_started(environment: Environment, two: tuple[Service, ...]) -> None:
    message = r"port \d+ \(bureau\) is taken by process .*LOOPLINE_PORT_BASE"
    with (
        socket.create_server(("127.0.0.1", environment.ports.bureau)),
        pytest.raises(lifecycle.ServiceError, match=message),
    ):
        lifecycle.up(environment)
    assert marked(environment) == []


def test_up_looks_at_the_ports_before_it_fills_the_sandbox(environment: Environment) -> None:
    """The command says what holds a port at once, that of the bureau too, and leaves the bank unfilled."""
    with socket.create_server(("127.0.0.1", environment.ports.bureau)):
        variables = {**os.environ, "LOOPLINE_HOME": str(environment.home)}
        variables["LOOPLINE_PORT_BASE"] = str(environment.ports.dagster)
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "up"],
            env=variables, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {environment.ports.bureau} (bureau) is taken by process {os.getpid()}" in done.stderr
    assert not environment.bank.exists()


def test_a_service_that_dies_takes_the_others_down_and_shows_its_log(
    environment: Environment, two: tuple[Service, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = small("decisions", environment.ports.decisions, "raise SystemExit('no signing key')")
    monkeypatch.setattr(lifecycle, "services_of", lambda _environment: (*two, broken))
    with pytest.raises(lifecycle.ServiceError, match=r"(?s)decisions died before .*no signing key"):
        lifecycle.up(environment)
    assert marked(environment) == []
    assert ProcessTable(environment.home).all() == ()


def test_the_settings_of_the_instance_follow_the_environment(environment: Environment) -> None:
    home = lifecycle.prepare_dagster_home(environment)
    settings = yaml.safe_load((home / "dagster.yaml").read_text())
    assert settings["event_log_storage"]["class"] == "BatchedSqliteEventLogStorage"
    assert settings["event_log_storage"]["config"]["base_dir"] == str(home / "history" / "runs")
    lifecycle.prepare_dagster_home(environment.model_copy(update={"name": "staging"}))
    assert "postgres_db" in yaml.safe_load((home / "dagster.yaml").read_text())["run_storage"]["config"]


def test_processes_that_come_first_at_the_same_time_find_one_instance(environment: Environment) -> None:
    command = """
from pipelines.services.lifecycle import prepare_dagster_home
from resources.environments import load_environment
import dagster
with dagster.DagsterInstance.from_config(str(prepare_dagster_home(load_environment()))) as instance:
    print(instance.event_log_storage.alembic_version(), instance.get_runs_count())
"""
    variables = {**os.environ, "LOOPLINE_HOME": str(environment.home), "LOOPLINE_ENV": "local"}
    racers = [
        subprocess.Popen([sys.executable, "-c", command], env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = {racer.communicate(timeout=120)[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    assert len(told) == 1
