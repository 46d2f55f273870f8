"""What a rebuild and a trace found.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from pipelines.operations.rebuild import RebuildReport


def show_rebuild(report: "RebuildReport", to: "Console") -> None:
    """What came out, and every difference."""
    console.heading(f"{report.product} version {report.version}, from {report.training_set}", to)
    if report.rebuilt is None:
        console.say("nothing was trained: what it would be made from has changed", to, mark="failed")
    elif report.identical:
        rows = report.rebuilt.predictions.rows
        console.say(f"the same bundle, {report.digest}: {rows:,} predictions are identical", to, mark="done")
    else:
        console.say(f"another bundle: {report.rebuilt.digest}, recorded is {report.digest}", to, mark="failed")
    for sentence in report.differences:
        console.say(sentence, to, mark="warning" if report.identical else "failed")
