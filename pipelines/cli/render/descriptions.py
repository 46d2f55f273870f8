"""A drafted product, and what the check of a product found.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from typing import TYPE_CHECKING, Any

from rich.text import Text

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from pipelines.operations.check_product import CheckReport
    from pipelines.operations.new_product import NewProduct


def new_json(product: "NewProduct") -> dict[str, Any]:
    """The JSON object of `new`."""
    draft = product.draft
    return {
        "product": draft.name,
        "folder": str(product.folder),
        "files": product.lines,
        "sources": {source.name: source.sample.shown for source in draft.sources},
        "guessed": list(draft.guessed),
    }


def show_new(product: "NewProduct", to: "Console") -> None:
    """The files, what was guessed, and the next command."""
    draft = product.draft
    console.heading(f"Product {draft.name} in {product.folder}", to)
    console.table(["file", "lines"], [[path, lines] for path, lines in product.lines.items()], to, right=["lines"])
    console.heading("Guessed: look at these, and at the lines marked `guessed`", to)
    for guess in draft.guessed:
        console.say(f"  {guess}", to)
    if draft.roles.time is None:
        console.say(
            "  without times nobody can say what was known at a decision: the test is on rows chosen at random, and "
            "neither a leak from the future nor a change over time would show",
            to,
        )
    console.heading("Next", to)
    console.say(f"  loopline check {draft.name}", to)
    console.say(f"  loopline run {draft.name}", to)


def check_json(report: "CheckReport") -> dict[str, Any]:
    """The JSON object of `check`."""
    return {
        "product": report.product,
        "passed": report.passed,
        "days": [str(day) for day in report.days],
        "results": [vars(result) for result in report.results],
    }


def show_check(report: "CheckReport", to: "Console") -> None:
    """A line for each check."""
    console.heading(f"{report.product}, sampled on {', '.join(map(str, report.days))}", to)
    marks = {
        "passed": Text("passed", "green"),
        "failed": Text("failed", "red"),
        "changed": Text("changed", "yellow"),
        "not judged": Text("not judged", "yellow"),
    }
    console.table(["check", "", ""], [[r.name, marks[r.state], r.detail] for r in report.results], to)
