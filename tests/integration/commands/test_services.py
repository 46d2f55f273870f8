"""The real services: brought up from nothing, seen through a browser, taken down without a trace."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.products import product_names
from pipelines.services import lifecycle
from resources.environments import Environment, load_environment
from tests.integration.browser import find_chromium, open_browser
from tests.support.ports import free_ports

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
    """Dagster's web server does not start it again, and no run can be launched."""
    gone, *_ = product_names()
    webserver = psutil.Process(up["dagster"].pid)
    (server,) = [child for child in webserver.children() if f"pipelines.{gone}.definitions" in child.cmdline()]
    server.kill()
    psutil.wait_procs([server], timeout=10)
    found = {status.name: status for status in lifecycle.status(environment)}
    assert found["dagster"].state == "broken"
    assert f"the code server of {gone} does not run" in found["dagster"].detail
    assert "loopline up" in found["dagster"].detail
    assert {status.name: status.state for status in lifecycle.up(environment)} == dict.fromkeys(up, "running")


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
