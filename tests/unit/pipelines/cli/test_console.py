"""What reaches the terminal of a command."""

import subprocess
import sys

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
