"""Whether a service still runs the products of the workspace, judged by real processes."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.services import code_servers
from pipelines.services.catalog import Service, ServiceName, services_of
from pipelines.services.code_servers import lacking_code_servers, runs_another_workspace
from pipelines.workspace import CodeLocation
from resources.environments import load_environment
from resources.processes.running import ServiceProcess, command_lines
from resources.processes.table import ProcessTable

_CODE_SERVERS = """
import subprocess, sys, time
children = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", name]) for name in sys.argv[1:]]
time.sleep(60)
"""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    found = ProcessTable(tmp_path)
    yield found
    found.stop(*found.all())


def started(table: ProcessTable, name: ServiceName, *modules: str) -> tuple[Service, ServiceProcess]:
    """A process of that service's name with a child for each module, as Dagster has code servers."""
    command = (sys.executable, "-c", _CODE_SERVERS, *modules)
    process = table.start(name, command, port=None, variables={}, folder=Path.cwd())
    while len(command_lines(process)) < len(modules):
        time.sleep(0.05)
    return Service(name=name, command=command, port=None, address="", probe=""), process


@pytest.mark.parametrize(
    ("products", "lacking", "is_present"),
    [(("one", "two"), (), True), (("one",), (), False), (("one", "two", "three"), ("three",), False)],
    ids=["the same", "one was removed", "one was added"],
)
def test_dagster_runs_the_workspace_or_another(
    table: ProcessTable, monkeypatch: pytest.MonkeyPatch, products: tuple[str, ...], lacking: tuple[str, ...],
    is_present: bool,
) -> None:  # fmt: skip
    service, process = started(table, "dagster", "pipelines.one.definitions", "pipelines.two.definitions")
    locations = tuple(CodeLocation(name, f"pipelines.{name}.definitions") for name in products)
    monkeypatch.setattr(code_servers, "code_locations", lambda: locations)
    assert lacking_code_servers(command_lines(process)) == lacking
    assert runs_another_workspace(service, process) is not is_present


def test_the_follower_follows_the_products_of_its_command(table: ProcessTable, tmp_path: Path) -> None:
    service, process = started(table, "stream", "one", "two")
    assert not runs_another_workspace(service, process)
    assert runs_another_workspace(replace(service, command=(*service.command, "three")), process)
    (follower,) = [s for s in services_of(load_environment({"LOOPLINE_HOME": str(tmp_path)})) if s.name == "stream"]
    assert follower.command[-2:] == ("credit_risk", "card_fraud")
