"""What reaches the terminal of a command."""

import subprocess
import sys

import pytest

from pipelines.cli import console
from resources.environments import CHECKOUT

_ASKS = """
import logging
from pipelines.cli import console
console.show_progress()
logging.warning("Retrying failed database connection: %s", "a line\\nand another")
logging.warning("something else")
"""


def test_attempts_to_reach_a_database_are_not_printed() -> None:
    """Dagster says each of six attempts in three lines, at each record that it cannot write."""
    done = subprocess.run(
        [sys.executable, "-c", _ASKS], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "Retrying" not in done.stderr
    assert "something else" in done.stderr


def test_a_long_cell_cuts_no_other_one_and_leaves_no_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    """A reason of a thousand letters stands beside its whole date; other lines end with their words."""
    console.table(
        ["when", "why"], [["2026-11-28 01:25", "long " * 200], ["2026-11-29 01:25", "short"]], console.PROGRESS
    )
    lines = capsys.readouterr().err.splitlines()
    assert [line[:16] for line in lines[1:]] == ["2026-11-28 01:25", "2026-11-29 01:25"]
    assert all(line == line.rstrip() for line in lines)
