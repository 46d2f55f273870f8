"""The output of the command line.

Belongs here: tables and progress lines for the terminal, and the one JSON object of `--json`. Standard output holds
only the result, as text or as JSON; progress and errors go to standard error, and with `--json` so does the text of the
result. Output may contain any characters, so none is interpreted as markup. Does not belong here: commands, the form of
a result (`render`).
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

_WIDTH = 10_000
"""Characters in a line. A terminal wraps longer lines, whereas a table fitted to the terminal would cut its cells."""
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
    """Prints a line for each materialised asset: name, rows, seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints the record of `assets.materialising.Stopwatch`."""
        rows, seconds = getattr(record, "rows", None), getattr(record, "seconds", None)
        if rows is None or seconds is None:
            say(record.getMessage(), mark="idle")
        else:
            say(f"{record.getMessage():<32}{rows:>12,} rows {seconds:>8.1f} s", mark="done")


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether a line of the root log is for people: not Dagster's three lines at each attempt to reach its database."""
    return not str(record.msg).startswith("Retrying failed database connection")


def show_progress() -> None:
    """Prints the progress log in this terminal."""
    root = logging.getLogger()
    if _is_wanted not in root.filters:
        root.addFilter(_is_wanted)
    log = logging.getLogger("loopline.progress")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not any(isinstance(handler, ProgressLines) for handler in log.handlers):
        log.addHandler(ProgressLines())


def results(json_: bool) -> Console:
    """The stream for a result's text: standard output, or standard error if standard output holds the JSON."""
    return PROGRESS if json_ else _RESULTS


def heading(text: str, to: Console = PROGRESS) -> None:
    """The heading of a section."""
    to.print(f"\n{text}", style="bold")


def say(text: str, to: Console = PROGRESS, *, mark: Mark | None = None) -> None:
    """A line of text; a line with a mark is indented."""
    to.print(text if mark is None else Text.assemble("  ", _MARKS[mark], " ", text), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], to: Console, *, right: Sequence[str] = ()) -> None:
    """A table; `right` names the columns that are aligned right. A cell may be a text with its own style.

    Where it is wider than a line may be, the widest column is broken into lines: the others are read whole.
    """
    grid = Table(box=None, pad_edge=False, header_style="dim")
    cells = [[cell if isinstance(cell, Text) else Text(str(cell)) for cell in row] for row in rows]
    widths = [max((row[place].cell_len for row in cells), default=0) for place in range(len(columns))]
    for column, width in zip(columns, widths, strict=True):
        is_widest = width == max(widths)
        grid.add_column(column, justify="right" if column in right else "left", no_wrap=not is_widest)
    for row in cells:
        grid.add_row(*row)
    for line in to.render_lines(grid, pad=False):
        to.print(Segments([*_without_end(line), Segment.line()]))


def _without_end(line: Sequence[Segment]) -> list[Segment]:
    """A line without the blanks at its end: a terminal would wrap those of a wide table into empty lines."""
    found = list(line)
    while found and not (text := found[-1].text.rstrip()):
        found.pop()
    return [*found[:-1], Segment(text, found[-1].style)] if found else []


def print_json(value: Mapping[str, Any]) -> None:
    """Prints the one JSON object of a command on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def fail(text: str) -> None:
    """Prints why a command failed."""
    PROGRESS.print(Text.assemble(_MARKS["failed"], " ", text), soft_wrap=True)
