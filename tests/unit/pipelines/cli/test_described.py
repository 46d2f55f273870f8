"""What `--help` says of every argument, and what a command refuses before it begins to work."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
from typer.testing import CliRunner

from pipelines.cli.app import app
from tests.unit.pipelines.cli.conftest import Refused


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands(one, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_describes_each_argument_and_option(path: tuple[str, ...]) -> None:
    """Each has a text, and the page shows it."""
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).output
    for parameter in COMMANDS[path].params:
        described = getattr(parameter, "help", None)
        assert described, f"{' '.join(path)}: {parameter.name} has no help"
        assert described in shown, f"{' '.join(path)}: {parameter.name} is not described"


@pytest.mark.parametrize(
    "command",
    [
        "compare credit_risk 1 2 --page", "gameday two_years --page", "inventory --page", "rollout credit_risk --page",
        "features credit_risk --page", "trace 0198c0de-7c1f-7abc-8def-0123456789ab --page",
        "status credit_risk --page", "document credit_risk 1 --out", "fairness credit_risk --frontier --plot",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("environment")
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    command: str, refused: Refused, tmp_path: Path
) -> None:
    """The work may take hours: its result is not lost to the name of a file."""
    file = tmp_path / "page.txt"
    assert f"{file}: unknown kind of page; write a name that ends in" in refused(f"{command} {file}")
    assert not file.exists()


@pytest.mark.parametrize("command", ["run credit_risk", "backfill credit_risk", "quarantine credit_risk"])
@pytest.mark.usefixtures("environment")
def test_days_in_the_wrong_order_are_refused_before_the_work(command: str, refused: Refused) -> None:
    """Nothing is filled, and no empty answer is given."""
    told = refused(f"{command} --from 2026-09-30 --to 2026-09-01")
    assert "--to 2026-09-01 is before --from 2026-09-30" in told
    assert "inventing" not in told
