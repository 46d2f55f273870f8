"""The real services: brought up after a killed attempt, killed one by one, taken down without a trace."""

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psutil
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.products import product_names
from pipelines.services import lifecycle
from pipelines.services.catalog import common_variables
from pipelines.services.states import ServiceStatus
from resources.environments import Environment, load_environment
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.opening import open_store
from tests.support.killing import KillableHome, kill, moments
from tests.support.servers.ports import free_ports
from tests.support.small_bank import fill_small_bank

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    home = tmp_path_factory.mktemp("home")
    environment = load_environment({"LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": str(free_ports())})
    fill_small_bank(environment)
    return environment


@pytest.fixture(scope="module")
def up(environment: Environment) -> Iterator[dict[str, ServiceStatus]]:
    """The services over a small bank and no model, by name; a first `loopline up` was killed.

    Afterwards none of their processes is left.
    """
    home = KillableHome(environment, common_variables(environment))
    (after, extent), *_ = moments("up", 3.0, 15.0)
    home.killed(after, extent, "up")
    yield {status.name: status for status in lifecycle.up(environment)}
    lifecycle.down(environment)
    assert processes_of(environment) == []


def test_all_of_them_run(environment: Environment, up: dict[str, ServiceStatus]) -> None:
    assert [(status.name, status.detail) for status in up.values() if status.state != "running"] == []
    assert list(up) == ["bureau", "mlflow", "dagster", "daemon", "decisions", "stream"]
    assert "no champion is rolled out yet" in up["decisions"].detail
    assert len(processes_of(environment)) > len(up), "the check for leftovers sees them"
    home = KillableHome(environment, common_variables(environment))
    assert home.strangers([status.pid for status in up.values()]) == [], "a service that nobody knows"


def test_they_listen_on_the_loopback_alone(up: dict[str, ServiceStatus]) -> None:
    leaders = [psutil.Process(status.pid) for status in up.values() if status.pid]
    family = [process for leader in leaders for process in (leader, *leader.children(recursive=True))]
    open_to = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert open_to == {"127.0.0.1"}


def test_a_killed_service_is_told_and_started_again_alone(
    environment: Environment, up: dict[str, ServiceStatus]
) -> None:
    pid = up["mlflow"].pid
    assert pid is not None
    kill(pid, "with its children")
    assert f"mlflow died: process {pid} is gone" in finding_of_services(environment)["detail"]
    again = {status.name: status for status in lifecycle.up(environment)}
    assert {name for name in up if again[name].pid != up[name].pid} == {"mlflow"}
    assert f"mlflow (process {pid}) was ended" in finding_of_services(environment)["detail"]


def test_a_killed_code_server_is_told_and_started_again_by_up(
    environment: Environment, up: dict[str, ServiceStatus]
) -> None:
    """By status, doctor and the probes of containers. The web server never starts one again; the daemon may."""
    gone, *_ = product_names()
    for service in ("dagster", "daemon"):
        pid = up[service].pid
        assert pid is not None
        wait_until_well(environment, service, pid)
        (server,) = [
            child for child in psutil.Process(pid).children() if f"pipelines.{gone}.definitions" in child.cmdline()
        ]
        server.kill()
        psutil.wait_procs([server], timeout=10)
        status, told = loopline(environment, "probe", service, "--pid", str(pid), "--json")
        assert (status, told["ok"]) == (1, False)
        assert f"the code server of {gone} is gone" in told["problem"]
    status, told = loopline(environment, "status", "--json")
    found = {row["name"]: row for row in told["services"]}
    assert (status, found["dagster"]["state"]) == (1, "broken")
    assert f"the code server of {gone} is gone" in found["dagster"]["detail"]
    assert "loopline up" in found["dagster"]["detail"]
    assert found["stream"]["state"] == "running"
    assert "credit_risk/repayments waits for a load: loopline load credit_risk" in found["stream"]["detail"]
    finding = finding_of_services(environment)
    assert not finding["ok"]
    assert f"dagster is broken: the code server of {gone} is gone" in finding["detail"]
    assert {status.name: status.state for status in lifecycle.up(environment)} == dict.fromkeys(up, "running")


def test_a_stream_that_cannot_be_followed_is_told(environment: Environment, up: dict[str, ServiceStatus]) -> None:
    """A store that is loaded, and no stream: status, probe and metrics tell, each with the reason."""
    shutil.rmtree(environment.stream.removeprefix("file://"))
    store = open_store(environment.online_store, "credit_risk")
    nothing = {"event_time": TIMESTAMP, "known_at": TIMESTAMP, "customer_id": pa.string(), "days_past_due": pa.int64()}
    table = pa.table({name: pa.array([], kind) for name, kind in nothing.items()})
    until = datetime(2026, 3, 1, tzinfo=UTC)
    store.put_events("repayments", "customer_id", table, version="1", watermark=until)
    store.publish("1")
    store.close()
    deadline = time.monotonic() + 30
    while loopline(environment, "probe", "stream")[0] == 0:
        assert time.monotonic() < deadline
    status, told = loopline(environment, "status", "--json")
    (row,) = [row for row in told["services"] if row["name"] == "stream"]
    assert (status, row["state"]) == (1, "broken")
    assert "credit_risk/repayments is not followed" in row["detail"]
    with urllib.request.urlopen(f"{up['stream'].address}/metrics", timeout=10) as answer:
        rows = [line for line in answer.read().decode().splitlines() if line.startswith("loopline_stream_not_followed")]
    assert [row for row in rows if row.endswith(" 1.0") and 'why="starting"' not in row and "not_loaded" not in row]


def finding_of_services(environment: Environment) -> dict[str, Any]:
    """What `loopline doctor` says about the services."""
    _, told = loopline(environment, "doctor", "--json")
    (finding,) = [one for one in told["findings"] if one["name"] == "services"]
    return dict(finding)


def wait_until_well(environment: Environment, service: str, pid: int) -> None:
    """Until the probe passes: on a busy machine an answer may be late."""
    deadline = time.monotonic() + 120
    while loopline(environment, "probe", service, "--pid", str(pid))[0] != 0:
        assert time.monotonic() < deadline, service


def loopline(environment: Environment, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a command; without `--json` an empty object."""
    done = CliRunner().invoke(app, list(arguments), env=common_variables(environment))
    return done.exit_code, json.loads(done.stdout) if "--json" in arguments else {}


def processes_of(environment: Environment) -> list[str]:
    """What runs with this home in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            if variables.get("LOOPLINE_HOME") == str(environment.home) and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
