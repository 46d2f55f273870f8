"""The commands that lead back to where a model or a decision comes from: `rebuild` and `trace`.

Belongs here: their arguments, output and exit status. They change no record. Does not belong here: the work
(`pipelines.operations`), the form of a result (`render`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName, file_to_write
from pipelines.cli.models.approvals import Version
from pipelines.cli.render.reproduce import show_rebuild, show_trace
from resources.environments import load_environment


def rebuild(product: ProductName, version: Version, json_: Json = False) -> None:
    """Train a version again from its pins; exit status 0 only if its bundle is the same and nothing has changed."""
    from pipelines.operations.models.rebuild import rebuild_version

    report = rebuild_version(product, load_environment(), version, console.say)
    show_rebuild(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())
    if report.differences:
        raise typer.Exit(1)


def trace(
    decision: Annotated[str, typer.Argument(metavar="DECISION_ID", help="The id that the decision was answered with.")],
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", callback=file_to_write(".html"), help="Write the tree as a page."),
    ] = None,
    json_: Json = False,
) -> None:
    """From a decision to its bundle, arm, training set, table versions, features, code, settings and approvals."""
    from pipelines.operations.decisions.trace import trace as run_trace
    from pipelines.operations.decisions.trace import write_trace_page

    found = run_trace(load_environment(), decision)
    show_trace(found, console.results(json_))
    if page is not None:
        write_trace_page(found, page)
        console.say(f"  {page}", console.results(json_))
    if json_:
        console.print_json({**found.to_dict(), "page": None if page is None else str(page)})
