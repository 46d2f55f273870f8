"""Services for the duration of a command, when the command is killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.operations.doctor.running import services
from pipelines.services.taken_ports import ServiceError
from pipelines.services.temporary import needed
from resources.environments import CHECKOUT, Environment, load_environment
from resources.processes.table import ProcessTable
from tests.support.servers.ports import free_ports

COMMAND = """
import sys, time
from pipelines.services.temporary import needed
from resources.environments import load_environment
with needed(load_environment({"LOOPLINE_HOME": sys.argv[1], "LOOPLINE_PORT_BASE": sys.argv[2]}), ["bureau"]):
    print("needed", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    environment = with_reports(tmp_path, free_ports())
    yield environment
    ProcessTable(environment.home).stop(*ProcessTable(environment.home).all())


def with_reports(home: Path, ports: int) -> Environment:
    """A home whose bureau has something to answer."""
    environment = load_environment({"LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": str(ports)})
    reports = environment.bank / "bureau" / "reports"
    reports.mkdir(parents=True)
    (reports / "2026-09-30.json").write_text("[]")
    return environment


@pytest.fixture
def left(environment: Environment) -> tuple[int, int]:
    """The pids of a command that was killed and of the bureau that it left behind."""
    command = [sys.executable, "-c", COMMAND, str(environment.home), str(environment.ports.dagster)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "needed\n"
        process.send_signal(signal.SIGKILL)
    (bureau,) = ProcessTable(environment.home).all()
    assert runs(bureau.pid)
    return process.pid, bureau.pid


def runs(pid: int) -> bool:
    """Whether a process executes; nobody may have collected the exit status of one that was killed."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_next_command_ends_what_a_killed_one_left(environment: Environment, left: tuple[int, int]) -> None:
    with needed(environment, ["bureau"]):
        (bureau,) = ProcessTable(environment.home).all()
        assert bureau.pid != left[1]
        assert not runs(left[1])
    assert ProcessTable(environment.home).all() == ()
    assert f"bureau (process {left[1]}) was ended" in services(environment).detail


def test_the_doctor_ends_what_a_killed_command_left(environment: Environment, left: tuple[int, int]) -> None:
    finding = services(environment)
    assert finding.ok
    assert f"bureau (process {left[1]}) was ended" in finding.detail
    assert f"the command for which it was started, process {left[0]}, is gone" in finding.detail
    assert not runs(left[1])


def test_the_doctor_tells_a_service_that_died(environment: Environment) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = ProcessTable(environment.home).start("stream", sleep, port=None, variables={}, folder=CHECKOUT)
    psutil.Process(process.pid).kill()
    psutil.wait_procs([psutil.Process(process.pid)], timeout=10)
    finding = services(environment)
    assert not finding.ok
    assert f"stream died: process {process.pid} is gone" in finding.detail
    assert finding.remedy.startswith("loopline up")


def test_a_service_that_up_took_over_stays_after_the_command(environment: Environment) -> None:
    with needed(environment, ["bureau"]):
        (bureau,) = ProcessTable(environment.home).all()
        ProcessTable(environment.home).keep(bureau)
    assert [process.pid for process in ProcessTable(environment.home).all()] == [bureau.pid]


def test_a_service_of_another_home_on_its_port_is_refused(
    environment: Environment, left: tuple[int, int], tmp_path: Path
) -> None:
    """It would answer the probe, and then the requests, in the place of ours."""
    other = with_reports(tmp_path / "other", environment.ports.dagster)
    with (
        pytest.raises(ServiceError, match=rf"port \d+ \(bureau\) is taken by process {left[1]}"),
        needed(other, ["bureau"]),
    ):
        pass
    assert ProcessTable(other.home).all() == ()
