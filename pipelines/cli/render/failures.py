"""A command that failed.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from typing import Any

from pipelines.cli import console
from pipelines.cli.render.runs import show_gates


def failure_json(error: Exception, message: str) -> dict[str, Any]:
    """The JSON object of a command that failed: kind and message, and the gates that refused a model."""
    found: dict[str, Any] = {"error": {"kind": type(error).__name__, "message": message}}
    gates = getattr(error, "gates", None)
    return found | ({"gates": list(gates.results), "report": gates.report} if gates and gates.results else {})


def show_failure(error: Exception) -> None:
    """The sentence of an error, below the gates and the report where gates refused a model."""
    gates = getattr(error, "gates", None)
    if gates and gates.results:
        show_gates("Gates of the refused model", gates.results, console.PROGRESS)
        console.say(f"  report: {gates.report} (after `loopline up`)", console.PROGRESS)
    console.fail(str(error))
