"""The commands that begin a product: `new`, `check`.

Belongs here: their arguments, output and exit status. Does not belong here: the work (`pipelines.operations`), the form
of a result (`render`).
"""

import re
from datetime import timedelta
from typing import Annotated, Literal

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from pipelines.cli.render.descriptions import check_json, new_json, show_check, show_new
from resources.environments import load_environment

Template = Literal["events", "table"]
Target = Literal["binary", "amount"]
_DELAY = re.compile(r"(\d+)d")


def new(
    name: Annotated[str, typer.Argument(metavar="PRODUCT", help="Its name: lower-case letters, digits and _.")],
    samples: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="[NAME=]SAMPLE",
            help="A file, folder or pattern, table:CONNECTION/TABLE, or a URL; first the rows to decide.",
        ),
    ],
    row_id: Annotated[str, typer.Option(help="The column that identifies a row.")] = "",
    entity: Annotated[list[str] | None, typer.Option(help="A column whose history counts: customer, card.")] = None,
    time: Annotated[str, typer.Option(help="The column with the time of the decision.")] = "",
    known_at: Annotated[str, typer.Option(help="The column with the time at which a row became known.")] = "",
    label: Annotated[str, typer.Option(metavar="[SOURCE.]COLUMN", help="The column that says how it ended.")] = "",
    positive: Annotated[str, typer.Option(metavar="TEXT", help="The text of a label that is no number: yes.")] = "",
    label_delay: Annotated[str, typer.Option(metavar="7d", help="How long after the decision it is final.")] = "",
    without: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="A column that is no feature.")] = None,
    header_line: Annotated[int, typer.Option(help="The line of a CSV or a sheet with the names of the columns.")] = 1,
    sheet: Annotated[str, typer.Option(help="The sheet of an Excel workbook with several.")] = "",
    encoding: Annotated[str, typer.Option(help="The encoding of CSV and JSON files, as latin-1.")] = "utf-8",
    zone: Annotated[str, typer.Option(help="The zone of times without an offset, as Europe/Berlin.")] = "UTC",
    target: Annotated[Target, typer.Option(help="`amount` where the label is a number to be foretold.")] = "binary",
    template: Annotated[Template, typer.Option(help="`table` for rows without time.")] = "events",
    json_: Json = False,
) -> None:
    """Write the folder of a new product from samples of its data, ready to run and to edit."""
    from pipelines.drafting.roles import Given
    from pipelines.operations.new_product import new_product

    given = Given(
        row_id=row_id, entities=tuple(entity or ()), time=time, known_at=known_at, label=label, positive=positive,
        without=tuple(without or ()), has_time=template == "events", target=target,
    )  # fmt: skip
    product = new_product(
        name, samples, given, label_delay=_delay(label_delay), header_line=header_line, zone=zone, sheet=sheet,
        encoding=encoding,
    )  # fmt: skip
    show_new(product, console.results(json_))
    if json_:
        console.print_json(new_json(product))


def check(product: ProductName, json_: Json = False) -> None:
    """Hold a product's description against contracts and a sample of its sources, before anything runs."""
    from pipelines.operations.check_product import check_product

    report = check_product(product, load_environment(), console.say)
    show_check(report, console.results(json_))
    if json_:
        console.print_json(check_json(report))
    if not report.passed:
        raise typer.Exit(1)


def _delay(text: str) -> timedelta | None:
    if not text:
        return None
    if not (found := _DELAY.fullmatch(text)):
        raise typer.BadParameter(f"--label-delay {text}: write days, as 7d")
    return timedelta(days=int(found.group(1)))
