"""The command `fairness`: how the champion's decisions treat groups of people.

Belongs here: its arguments, output and exit status. It changes no record. Does not belong here: the reading
(`pipelines.operations.models.fairness`), the form of a result (`render`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName, file_to_write
from pipelines.cli.render.fairness import show_fairness
from resources.environments import load_environment


def fairness(
    product: ProductName,
    frontier: Annotated[
        bool, typer.Option("--frontier", help="Profit against disparity; models are trained if none was recorded.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", callback=file_to_write(".png"), help="With --frontier: write its picture."),
    ] = None,
    json_: Json = False,
) -> None:
    """Groups with intervals, the limits by jurisdiction, proxies; exit status 0 only if no limit refuses."""
    from pipelines.operations.models.fairness import fairness_of
    from pipelines.operations.pages import write_page
    from pipelines.products import load_product

    if plot is not None and not frontier:
        raise typer.BadParameter("--plot is the picture of the frontier: give --frontier too")
    found = fairness_of(load_product(product), load_environment(), frontier=frontier)
    show_fairness(found, console.results(json_))
    points = found.frontier
    if plot is not None and points is not None:
        from assets.training.mitigation.picture import frontier_picture

        write_page(plot, {".png": lambda: frontier_picture(points)})
        console.say(f"  {plot}", console.results(json_))
    if json_:
        console.print_json(found.to_dict())
    if found.refused:
        raise typer.Exit(1)
