"""The commands by which a person approves or rejects a model version: `approve`, `reject`.

Belongs here: their arguments, output and exit status. Does not belong here: recording the answer and deploying the
version (`pipelines.operations.approve`).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from resources.environments import load_environment

if TYPE_CHECKING:
    from assets.bundle.registration import Answer

Version = Annotated[str, typer.Argument(metavar="VERSION", help="Version number in the registry.")]
By = Annotated[str, typer.Option(help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


def approve(product: ProductName, version: Version, by: By, reason: Reason, json_: Json = False) -> None:
    """Approve a version of a high-impact product; it is deployed."""
    _answer(product, version, "approve", by, reason, json_)


def reject(product: ProductName, version: Version, by: By, reason: Reason, json_: Json = False) -> None:
    """Reject a version; it is never deployed."""
    _answer(product, version, "reject", by, reason, json_)


def _answer(product: str, version: str, answer: "Answer", by: str, reason: str, json_: bool) -> None:
    from pipelines.operations.approve import answer_version

    answer_version(load_environment(), product, version, answer, by=by, reason=reason)
    console.say(f"{product} version {version}: {answer} by {by}", console.results(json_))
    if json_:
        console.print_json({"product": product, "version": version, "answer": answer, "by": by, "reason": reason})
