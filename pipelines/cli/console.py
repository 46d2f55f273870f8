"""What the command line prints.

Belongs here: the terminal's tables and progress lines, and the one JSON object of `--json`. Standard output holds the
result alone, as text or as JSON; progress and errors go to standard error, and so does the text of a result that is
wanted as JSON. What is printed may hold anything, so no text is read as markup. Does not belong here: commands
(`cli.py`).
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH = 400
"""Of everything: a terminal breaks a line that is longer than it, but a table fitted to it would cut numbers."""
PROGRESS = Console(stderr=True, highlight=False, markup=False, emoji=False, width=_WIDTH)
_RESULTS = Console(highlight=False, markup=False, emoji=False, width=_WIDTH)

Mark = Literal["done", "failed", "idle", "warning"]
_MARKS: dict[Mark, Text] = {
    "done": Text("✓", "green"),
    "failed": Text("✗", "red"),
    "idle": Text("·", "dim"),
    "warning": Text("!", "yellow"),
}


class ProgressLines(logging.Handler):
    """Prints a line for each asset that was materialised: name, rows, seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints the record of `assets.materialising.Stopwatch`."""
        rows, seconds = getattr(record, "rows", None), getattr(record, "seconds", None)
        if rows is None or seconds is None:
            say(record.getMessage(), mark="idle")
        else:
            say(f"{record.getMessage():<32}{rows:>12,} rows {seconds:>8.1f} s", mark="done")


def show_progress() -> None:
    """Makes the progress log visible in this terminal."""
    log = logging.getLogger("loopline.progress")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not any(isinstance(handler, ProgressLines) for handler in log.handlers):
        log.addHandler(ProgressLines())


def results(json_: bool) -> Console:
    """Where a result is shown as text; `json_` says that standard output is to hold it as JSON."""
    return PROGRESS if json_ else _RESULTS


def heading(text: str, to: Console = PROGRESS) -> None:
    """A line that opens a part."""
    to.print(f"\n{text}", style="bold")


def say(text: str, to: Console = PROGRESS, *, mark: Mark | None = None) -> None:
    """A line for people; one with a mark is indented."""
    to.print(text if mark is None else Text.assemble("  ", _MARKS[mark], " ", text), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], to: Console, *, right: Sequence[str] = ()) -> None:
    """A table for people; `right` names the columns that are set flush right. A cell may be a text of its own style."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    to.print(grid)


def print_json(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command, on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def fail(text: str) -> None:
    """Why a command did not do what was asked."""
    PROGRESS.print(Text.assemble(_MARKS["failed"], " ", text), soft_wrap=True)
