"""What ends a command: an error of ours with one sentence and a status, an error of the code with its traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.cli import app
from resources.environments import CHECKOUT
from resources.errors import LooplineError
from resources.online_store.state import StoreError
from resources.processes.table import ProcessTableDamaged
from resources.tracking.run import UnrecordableValue
from tests.unit.pipelines.cli.conftest import Refused

PANELS = {
    "Begin": ["demo", "new", "check", "doctor"],
    "The loop": ["run", "retrain", "backfill", "load", "gameday"],
    "Services": ["up", "down", "status", "probe", "keys"],
    "Decisions": ["decide", "explain", "trace", "replay", "traffic"],
    "Rollouts": ["rollout", "rollback", "approve", "reject", "repair"],
    "Models": [
        "compare", "fairness", "backtest", "rebuild", "document", "inventory", "export-model", "bundle", "benchmark",
    ],
    "Data": ["tables", "features", "contracts", "quarantine", "export", "vacuum", "erase"],
    "Alerts and audit": ["alerts", "silence", "acknowledge", "audit"],
}  # fmt: skip


@pytest.mark.parametrize("kind", [StoreError, UnrecordableValue, ProcessTableDamaged])
@pytest.mark.usefixtures("environment")
def test_any_error_of_ours_is_its_sentence_and_status_1(
    kind: type[LooplineError], refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever module raises it: the base is what counts."""

    def raising(*_: object) -> None:
        raise kind("figure 'auc' is nan; record null")

    monkeypatch.setattr("pipelines.operations.data.tables.product_tables", raising)
    assert refused("tables credit_risk") == "✗ figure 'auc' is nan; record null\n"


@pytest.mark.usefixtures("environment")
def test_an_error_that_is_not_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault of the code, and its place is needed to fix it."""

    def raising(*_: object) -> None:
        raise KeyError("auc")

    monkeypatch.setattr("pipelines.operations.data.tables.product_tables", raising)
    monkeypatch.setattr("sys.argv", ["loopline", "tables", "credit_risk"])
    with pytest.raises(KeyError, match="auc"):
        app.main()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    """The sentence names the variable to set."""
    (tmp_path / "home").touch()
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    assert f"LOOPLINE_HOME is {tmp_path}/home, which is not a folder" in refused("status")


def test_the_module_is_the_command() -> None:
    """`python -m pipelines.cli` says nothing on standard error, and lists the commands in their panels."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "--help"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert cli.main is app.main
    assert done.stderr == ""
    listed: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("╭─ "):
            listed[line.strip("╭─╮ ")] = []
        elif line[:2] == "│ " and line[2] not in " -":
            listed[[*listed][-1]].append(line.split()[1])
    assert {name: commands for name, commands in listed.items() if commands} == PANELS


def test_help_waits_for_no_library_of_the_work() -> None:
    """`--help` is instant: what takes seconds to import is imported by the command that needs it."""
    code = "import sys, pipelines.cli; print([name for name in ('dagster', 'mlflow', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
