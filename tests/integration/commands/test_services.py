"""The real services: brought up from nothing, seen through a browser, taken down without a trace."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.products import product_names
from pipelines.services import lifecycle
from pipelines.services.catalog import common_variables
from resources.environments import Environment, load_environment
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.opening import open_store
from tests.integration.browser import find_chromium, open_browser
from tests.support.servers.ports import free_ports

CHROMIUM = find_chromium()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    home = tmp_path_factory.mktemp("home")
    return load_environment({"LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": str(free_ports())})


@pytest.fixture(scope="module")
def up(environment: Environment) -> Iterator[dict[str, lifecycle.ServiceStatus]]:
    """The services of an environment whose sandbox is empty, by name; afterwards none of their processes is left."""
    yield {status.name: status for status in lifecycle.up(environment)}
    lifecycle.down(environment)
    assert processes_of(environment) == []


def test_all_of_them_run(environment: Environment, up: dict[str, lifecycle.ServiceStatus]) -> None:
    assert [(status.name, status.detail) for status in up.values() if status.state != "running"] == []
    assert list(up) == ["mlflow", "dagster", "daemon", "decisions", "stream"]
    assert "no champion is rolled out yet" in up["decisions"].detail
    assert len(processes_of(environment)) > len(up), "the check for leftovers sees them"


def test_they_listen_on_the_loopback_alone(up: dict[str, lifecycle.ServiceStatus]) -> None:
    leaders = [psutil.Process(status.pid) for status in up.values() if status.pid]
    family = [process for leader in leaders for process in (leader, *leader.children(recursive=True))]
    open_to = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert open_to == {"127.0.0.1"}


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_person_finds_every_product_in_dagster(up: dict[str, lifecycle.ServiceStatus], tmp_path: Path) -> None:
    assert CHROMIUM is not None
    with open_browser(CHROMIUM, tmp_path) as page:
        page.open(f"{up['dagster'].address}/locations")
        for product in product_names():
            page.wait_for_text(f"pipelines.{product}.definitions", seconds=60)
        assert page.text.count("Loaded") == len(product_names())
        page.click_text("Jobs")
        page.wait_for_text(product_names()[0], seconds=60)
        assert page.exceptions == []


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_person_sees_mlflow(up: dict[str, lifecycle.ServiceStatus], tmp_path: Path) -> None:
    assert CHROMIUM is not None
    with open_browser(CHROMIUM, tmp_path) as page:
        page.open(f"{up['mlflow'].address}/#/experiments")
        page.wait_for_text("Default", seconds=60)


def test_a_killed_code_server_is_told_and_started_again_by_up(
    environment: Environment, up: dict[str, lifecycle.ServiceStatus]
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
    _, told = loopline(environment, "doctor", "--json")
    (finding,) = [one for one in told["findings"] if one["name"] == "services"]
    assert not finding["ok"]
    assert f"dagster is broken: the code server of {gone} is gone" in finding["detail"]
    assert {status.name: status.state for status in lifecycle.up(environment)} == dict.fromkeys(up, "running")


def test_a_stream_that_cannot_be_followed_is_told(
    environment: Environment, up: dict[str, lifecycle.ServiceStatus]
) -> None:
    """A store that is loaded, and no stream: status, probe and metrics tell, each with the reason."""
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
