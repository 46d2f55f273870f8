"""What a rebuild, a trace and an exported model are like.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from assets.reproduction.tree import Node
    from pipelines.operations.models.export_model import ExportReport
    from pipelines.operations.models.rebuild import RebuildReport


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


def show_trace(root: "Node", to: "Console") -> None:
    """The tree, with the facts of each node below its title; facts that are none are left out."""
    tree = Tree(Text(root.title, "bold"))
    _grow(tree, root)
    to.print(tree, soft_wrap=True)


def _grow(tree: Tree, node: "Node") -> None:
    from assets.reproduction.tree import fact_text

    for name, value in node.facts.items():
        if value is not None and value != [] and value is not False:
            tree.add(Text.assemble((f"{name}: ", "dim"), fact_text(value)))
    for child in node.children:
        _grow(tree.add(Text(child.title, "bold")), child)


def show_export(report: "ExportReport", to: "Console") -> None:
    """The variants, and which of them pay."""
    console.heading(f"{report.product} version {report.version} as {report.variant} in {report.folder}", to)
    console.table(
        ["variant", "bytes", "zipped", "largest difference", "answers changed", "µs a row", "pays"],
        [
            [one.variant, f"{one.bytes:,}", f"{one.zipped:,}", f"{one.largest_difference:.2g}",
             f"{one.answers_changed:,} of {one.rows:,}", f"{one.microseconds:.1f}", "yes" if one.pays else "no"]
            for one in report.measured
        ],
        to,
        right=["bytes", "zipped", "largest difference", "answers changed", "µs a row"],
    )  # fmt: skip
    console.say(f"check it there: python {report.folder}/score.py --check", to, mark="idle")
