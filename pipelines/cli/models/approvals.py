"""The commands about model versions: `approve`, `reject`, and `repair` for the rollout of the deciding version.

Belongs here: their arguments, output and exit status. Does not belong here: recording the answer and deploying the
version (`pipelines.operations.models.approve`), the repair (`pipelines.operations.rollout`).
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from resources.environments import load_environment

if TYPE_CHECKING:
    from assets.bundle.registration import Answer
    from pipelines.operations.models.approve import Conditions

Version = Annotated[str, typer.Argument(metavar="VERSION", help="Version number in the registry.")]
By = Annotated[str, typer.Option(help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


Overturn = Annotated[str, typer.Option(help="Why a rejection of the version no longer holds; it is recorded.")]


Condition = Annotated[
    list[str] | None, typer.Option("--condition", help="What the approval depends on, in words; once for each.")
]
MaxShare = Annotated[
    float | None, typer.Option(help="It holds up to this share of the entities (0.25); a larger step is refused.")
]
Days = Annotated[int | None, typer.Option(min=1, help="It holds for so many days, at most as the product says.")]


def approve(
    product: ProductName,
    version: Version,
    by: By,
    reason: Reason,
    overturn: Overturn = "",
    condition: Condition = None,
    max_share: MaxShare = None,
    days: Days = None,
    json_: Json = False,
) -> None:
    """Approve a version: its rollout begins once all approvers have. A rejection stands without --overturn."""
    from pipelines.operations.models.approve import Conditions

    holds = None if days is None else timedelta(days=days)
    _answer(
        product, version, "approve", by, reason, json_, overturn, Conditions(tuple(condition or ()), max_share, holds)
    )


def reject(product: ProductName, version: Version, by: By, reason: Reason, json_: Json = False) -> None:
    """Reject a version: it is not deployed, and taken out of serving if it decides and another one decided before."""
    _answer(product, version, "reject", by, reason, json_)


def repair(product: ProductName, json_: Json = False) -> None:
    """Publish a damaged bundle again from the registry; complete what a crash left undone of a deployment."""
    from pipelines.operations.rollout import repair as run_repair

    found = run_repair(product, load_environment())
    decides = f"version {found.champion} decides" if found.champion else "no version decides yet"
    for sentence in found.repaired:
        console.say(sentence, console.results(json_), mark="done")
    whole = "" if found.repaired else "; nothing had to be repaired"
    console.say(f"{product}: {decides}{whole}", console.results(json_))
    if json_:
        console.print_json(vars(found))


def _answer(
    product: str,
    version: str,
    answer: "Answer",
    by: str,
    reason: str,
    json_: bool,
    overturns: str = "",
    on: "Conditions | None" = None,
) -> None:
    from pipelines.operations.models.approve import Conditions, answer_version

    terms = on or Conditions()
    answer_version(load_environment(), product, version, answer, by=by, reason=reason, overturns=overturns, on=terms)
    console.say(f"{product} version {version}: {answer} by {by}", console.results(json_))
    if json_:
        console.print_json({"product": product, "version": version, "answer": answer, "by": by, "reason": reason})
