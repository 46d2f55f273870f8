"""The command `backtest`: what else would have been decided in the past.

Belongs here: its arguments, output and exit status. It changes no record. Does not belong here: the comparison
(`pipelines.operations.decisions.backtest`), the form of a result (`render`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from pipelines.cli.render.backtest import show_backtest
from resources.environments import load_environment
from resources.naming import checked_day


def backtest(
    product: ProductName,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First UTC day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last UTC day, YYYY-MM-DD.")],
    threshold: Annotated[float | None, typer.Option(metavar="X", help="Another threshold of the champion.")] = None,
    version: Annotated[str | None, typer.Option(metavar="V", help="Another version.")] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="Other rules, as rules.json of a bundle.")] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Fields of another decision policy, as JSON.")
    ] = None,
    json_: Json = False,
) -> None:
    """What a model, threshold, policy or rules would have decided in the past, on what was known then."""
    from pipelines.operations.decisions.backtest import Tried
    from pipelines.operations.decisions.backtest import backtest as run_backtest

    days = (checked_day(first), checked_day(last))
    if days[1] < days[0]:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    report = run_backtest(product, load_environment(), days, Tried(threshold, version, rules, policy))
    show_backtest(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())
