"""The command `compare`: two versions of a model, explained to each other.

Belongs here: its arguments, output and exit status. It changes no record. Does not belong here: the comparison
(`pipelines.operations.models.compare`), the form of a result (`render`, `assets.evaluation.versions.page`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName, file_to_write
from pipelines.cli.render.compare import show_comparison
from resources.environments import load_environment


def compare(
    product: ProductName,
    one: Annotated[str, typer.Argument(metavar="A", help="A version.")],
    other: Annotated[str, typer.Argument(metavar="B", help="The version that is compared with it.")],
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", callback=file_to_write(".html"), help="Also as a page with pictures."),
    ] = None,
    json_: Json = False,
) -> None:
    """Two versions on the same rows: figures, features, slices, the decisions that differ, and why."""
    from assets.evaluation.versions.page import comparison_page
    from pipelines.operations.models.compare import compare as run_compare
    from pipelines.operations.pages import write_text_page

    found = run_compare(product, load_environment(), one, other)
    if page is not None:
        write_text_page(page, {".html": lambda: comparison_page(found)})
    show_comparison(found, console.results(json_))
    if page is not None:
        console.say(f"  {page}", console.results(json_))
    if json_:
        console.print_json({**found.to_dict(), "page": None if page is None else str(page)})
