"""The commands that call the decision service: `decide`.

Belongs here: their arguments, output and exit status. Does not belong here: the call
(`pipelines.operations.decisions.decide`), the decision (`assets.serving`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from pipelines.cli.render.runs import show_decision
from resources.environments import load_environment


def decide(
    product: ProductName,
    request: Annotated[Path, typer.Option(help="A JSON file with the request; - reads standard input.")],
    explain: Annotated[bool, typer.Option(help="Give reasons for an accepted request too.")] = False,
    json_: Json = False,
) -> None:
    """One decision through the running service."""
    from pipelines.operations.decisions.decide import ask_service, read_request

    decision = ask_service(load_environment(), product, read_request(request), explain=explain)
    show_decision(decision, console.results(json_))
    if json_:
        console.print_json(decision)
