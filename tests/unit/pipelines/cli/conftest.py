"""A home of its own for commands, and running a command that is refused."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli import app, console, loop, services
from pipelines.cli.data import inspect, quarantine, upkeep
from pipelines.cli.decisions import serving, traffic
from pipelines.cli.models import approvals, bundles, reproduce
from resources.environments import Environment, load_environment
from resources.lake import Lake

Refused = Callable[[str], str]
DAYS = [date(2026, 1, 1)]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """One whose lake has one table, and whose sources are not the sandbox's: nothing is filled for it."""
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOOPLINE_PORT_BASE", "64990")
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    found = load_environment().model_copy(update={"sandbox": False})
    use(found, monkeypatch)
    monkeypatch.setattr(console, "show_progress", lambda: None)
    table = pa.table({"id": [1], "day": pa.array(DAYS, pa.date32())})
    Lake(found.lake).replace("credit_risk/features", table, days=DAYS)
    return found


def use(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes it the environment of every command."""
    for module in (
        approvals, bundles, inspect, loop, quarantine, reproduce, services, serving, traffic, upkeep,
    ):  # fmt: skip
        monkeypatch.setattr(module, "load_environment", lambda: environment)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that ends with a status other than 0; gives the text on standard error."""

    def run(command: str) -> str:
        monkeypatch.setattr("sys.argv", ["loopline", *command.split()])
        with pytest.raises(SystemExit) as end:
            app.main()
        assert end.value.code in (1, 2)
        printed = capsys.readouterr()
        assert "error" in json.loads(printed.out) if "--json" in command else printed.out == ""
        assert "Traceback" not in printed.err
        return printed.err

    return run
