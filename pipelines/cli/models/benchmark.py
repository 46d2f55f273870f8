"""The commands `benchmark card_fraud` and `benchmark sandbox`.

Belongs here: their arguments, output and exit status. Does not belong here: the benchmarks
(`pipelines.operations.benchmark`), the form of a result (`render`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json
from pipelines.cli.described import DescribedCommand
from pipelines.cli.render.benchmark import show_cards, show_sandbox
from resources.environments import load_environment

app = typer.Typer(help="Figures on published data, and beside the sandbox's own truth.", no_args_is_help=True)


def card_fraud(
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The Handbook's monthly files; else LOOPLINE_REAL_DATA/card_transactions."),
    ] = None,
    json_: Json = False,
) -> None:
    """The published protocol on the published card transactions, with this product's features."""
    from pipelines.operations.benchmark.card_fraud import benchmark_card_fraud

    report = benchmark_card_fraud(load_environment(), data, console.say)
    show_cards(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())


def sandbox(json_: Json = False) -> None:
    """The champion of credit_risk beside the best possible score, which the sandbox knows."""
    from pipelines.operations.benchmark.sandbox import benchmark_sandbox

    report = benchmark_sandbox(load_environment())
    show_sandbox(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())


for name, command in (("card_fraud", card_fraud), ("sandbox", sandbox)):
    app.command(name, cls=DescribedCommand)(command)
