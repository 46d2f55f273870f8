"""After the demonstration: the services, brought up after a killed attempt and killed one by one.

The tests share the home of `test_demo.py`; `test_demo_up.py`, which pytest runs afterwards, takes the services down.
"""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.products import product_names
from pipelines.services import lifecycle
from pipelines.services.catalog import common_variables
from pipelines.services.states import ServiceStatus
from resources.environments import Environment
from tests.integration.demo_home import DemoHome
from tests.support.processes.killing import KillableHome, kill, moments

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def environment(demo_home: DemoHome) -> Environment:
    return demo_home.environment


@pytest.fixture(scope="module")
def up(environment: Environment) -> dict[str, ServiceStatus]:
    """The services, by name; a first `loopline up` was killed."""
    home = KillableHome(environment, common_variables(environment))
    (after, extent), *_ = moments("up", 3.0, 15.0)
    home.killed(after, extent, "up")
    return {status.name: status for status in lifecycle.up(environment)}


def test_all_of_them_run(environment: Environment, up: dict[str, ServiceStatus]) -> None:
    assert [(status.name, status.detail) for status in up.values() if status.state != "running"] == []
    assert list(up) == ["bureau", "mlflow", "dagster", "daemon", "decisions", "stream"]
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
    finding = finding_of_services(environment)
    assert not finding["ok"]
    assert f"dagster is broken: the code server of {gone} is gone" in finding["detail"]
    assert {status.name: status.state for status in lifecycle.up(environment)} == dict.fromkeys(up, "running")


def test_a_stream_that_cannot_be_followed_is_told(environment: Environment, up: dict[str, ServiceStatus]) -> None:
    """A stream that is gone: status, probe and metrics tell, each with the reason, until it is there again."""
    stream = Path(environment.stream.removeprefix("file://"))
    away = stream.with_name("away")
    stream.rename(away)
    wait_for_probe(environment, 1)
    status, told = loopline(environment, "status", "--json")
    (row,) = [row for row in told["services"] if row["name"] == "stream"]
    assert (status, row["state"]) == (1, "broken")
    assert "credit_risk/repayments is not followed" in row["detail"]
    with urllib.request.urlopen(f"{up['stream'].address}/metrics", timeout=10) as answer:
        rows = [line for line in answer.read().decode().splitlines() if line.startswith("loopline_stream_not_followed")]
    assert [row for row in rows if row.endswith(" 1.0") and 'why="starting"' not in row and "not_loaded" not in row]
    away.rename(stream)
    wait_for_probe(environment, 0)


def test_the_follower_shows_the_figures_of_the_tables(up: dict[str, ServiceStatus]) -> None:
    deadline, text = time.monotonic() + 60, ""
    while 'loopline_group_acceptance{attribute="sex",group="female",product="credit_risk"}' not in text:
        assert time.monotonic() < deadline, text
        with urllib.request.urlopen(f"{up['stream'].address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    assert 'loopline_table_end_seconds{partition="day",product="credit_risk",table="features"}' in text


def finding_of_services(environment: Environment) -> dict[str, Any]:
    """What `loopline doctor` says about the services."""
    _, told = loopline(environment, "doctor", "--json")
    (finding,) = [one for one in told["findings"] if one["name"] == "services"]
    return dict(finding)


def wait_for_probe(environment: Environment, status: int) -> None:
    """Until the probe of the stream ends with this status."""
    deadline = time.monotonic() + 60
    while loopline(environment, "probe", "stream")[0] != status:
        assert time.monotonic() < deadline


def wait_until_well(environment: Environment, service: str, pid: int) -> None:
    """Until the probe passes: on a busy machine an answer may be late."""
    deadline = time.monotonic() + 120
    while loopline(environment, "probe", service, "--pid", str(pid))[0] != 0:
        assert time.monotonic() < deadline, service


def loopline(environment: Environment, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a command; without `--json` an empty object."""
    done = CliRunner().invoke(app, list(arguments), env=common_variables(environment))
    return done.exit_code, json.loads(done.stdout) if "--json" in arguments else {}
