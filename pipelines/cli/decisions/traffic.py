"""The command that sends many requests to the decision service: `traffic`.

Belongs here: its arguments, output and exit status. Does not belong here: the sending (`pipelines.operations.traffic`),
the form of the result (`render.traffic`), one request (`serving.py`).
"""

import re
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from pipelines.cli.render.traffic import show_counts, show_plan, show_traffic
from resources.dependencies import require
from resources.environments import load_environment
from resources.naming import checked_day

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def traffic(
    product: ProductName,
    rate: Annotated[float, typer.Option(help="Requests a second.")],
    length: Annotated[str, typer.Option("--for", metavar="30s|5m|2h", help="How long.")],
    table: Annotated[
        str | None, typer.Option(metavar="TABLE", help="A table of the product; the validated rows by default.")
    ] = None,
    from_day: Annotated[
        str | None, typer.Option(metavar="DAY", help="Only rows of this UTC day, YYYY-MM-DD, and later ones.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the order of the rows.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Send rows again when all were sent.")] = False,
    in_flight: Annotated[int, typer.Option(metavar="N", help="The most requests that wait for answers at once.")] = 64,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.01, max=60.0, help="How long a client waits for its answer.")
    ] = 5.0,
    json_: Json = False,
) -> None:
    """Rows of a table as live requests, at an even rate; exit status 0 only if each left on time and was decided."""
    from pipelines.operations.traffic.drive import Choice, send_traffic
    from pipelines.operations.traffic.pace import Pace
    from pipelines.products import load_product

    environment, described = load_environment(), load_product(product)
    pace = Pace(rate, _seconds(length), in_flight)
    choice = Choice(table, None if from_day is None else checked_day(from_day), seed, again)
    require(environment, "lake")
    report = send_traffic(
        environment,
        described,
        pace,
        choice,
        timeout=timeout,
        begin=lambda rows: show_plan(described.name, pace, rows, again=again),
        tell=show_counts,
    )
    show_traffic(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())
    if not report.whole:
        raise typer.Exit(1)


def _seconds(text: str) -> float:
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"--for {text}: write a number with s, m or h, as 30s, 5m or 2h")
    return float(found[1]) * _SECONDS[found[2]]
