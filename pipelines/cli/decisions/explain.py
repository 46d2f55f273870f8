"""The command that explains an earlier decision: `explain`.

Belongs here: its arguments, output and exit status. Does not belong here: the explanation
(`pipelines.operations.decisions.explain`), its form (`render.explanation`).
"""

from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json
from pipelines.cli.render.explanation import show_explanation
from resources.dependencies import require
from resources.environments import load_environment


def explain(
    decision: Annotated[str, typer.Argument(metavar="DECISION_ID", help="The id of a recorded decision.")],
    json_: Json = False,
) -> None:
    """An earlier decision: its reasons with their proof, contributions, and what would have been accepted."""
    from pipelines.operations.decisions.explain import explain_decision

    environment = load_environment()
    require(environment, "bundles")
    found = explain_decision(environment, decision)
    show_explanation(found, console.results(json_))
    if json_:
        console.print_json(found)
