"""What the command line prints.

Belongs here: the terminal's tables and progress lines, and the one JSON object of `--json`. Everything for people
goes to standard error; standard output holds results alone. Does not belong here: commands (`cli.py`).
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

# A log has no width of its own.
PEOPLE = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)


class ProgressLines(logging.Handler):
    """Prints a line for each asset that was materialised: name, rows, seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints the record of `assets.materialising.Stopwatch`."""
        rows, seconds = getattr(record, "rows", None), getattr(record, "seconds", None)
        if rows is None or seconds is None:
            PEOPLE.print(f"  [dim]·[/] {record.getMessage()}")
        else:
            PEOPLE.print(f"  [green]✓[/] {record.getMessage():<32}{rows:>12,} rows {seconds:>8.1f} s")


def show_progress() -> None:
    """Makes the progress log visible in this terminal."""
    log = logging.getLogger("loopline.progress")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not any(isinstance(handler, ProgressLines) for handler in log.handlers):
        log.addHandler(ProgressLines())


def heading(text: str) -> None:
    """A line that opens a part."""
    PEOPLE.print(f"\n[bold]{text}[/]")


def say(text: str) -> None:
    """A line for people."""
    PEOPLE.print(text, soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table for people; `right` names the columns that are set flush right."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    PEOPLE.print(grid)


def print_json(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command, on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def fail(text: str) -> None:
    """Why a command did not do what was asked."""
    PEOPLE.print(f"[red]✗[/] {text}", soft_wrap=True)
