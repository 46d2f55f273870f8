"""The commands that remove: `vacuum`, which frees space, and `erase`, which forgets a person.

Belongs here: their arguments, output and exit status. Does not belong here: the work (`pipelines.operations`).
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from pipelines.cli.models.approvals import By, Reason
from pipelines.products import product_names
from resources.environments import load_environment

if TYPE_CHECKING:
    from resources.lake.vacuum import Vacuum


def vacuum(
    product: Annotated[str | None, typer.Argument(metavar="[PRODUCT]", help="One product; all by default.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be removed.")] = False,
    keep_days: Annotated[
        int, typer.Option(min=1, help="For how many days a version that was replaced stays readable.")
    ] = 30,
    json_: Json = False,
) -> None:
    """Remove data files that no recent version and no model's pinned version refers to."""
    from pipelines.operations.data.vacuum import vacuum as operation

    environment, to = load_environment(), console.results(json_)
    found: list[dict[str, Any]] = []

    def report(one: "Vacuum") -> None:
        found.append({
            "table": one.table, "replaced": len(one.replaced), "abandoned": len(one.abandoned), "bytes": one.bytes,
            "kept": list(one.kept),
        })  # fmt: skip

    for name in [product] if product else product_names():
        operation(name, environment, keep=timedelta(days=keep_days), plan=plan, report=report)
    console.table(
        ["table", "versions kept", "files replaced", "files abandoned", "MB"],
        [[t["table"], len(t["kept"]), t["replaced"], t["abandoned"], f"{t['bytes'] / 1e6:,.1f}"] for t in found],
        to,
        right=["versions kept", "files replaced", "files abandoned", "MB"],
    )
    files, size = sum(t["replaced"] + t["abandoned"] for t in found), sum(t["bytes"] for t in found)
    console.say(f"{'would remove' if plan else 'removed'} {files:,} files, {size / 1e6:,.1f} MB", to)
    if json_:
        console.print_json({"removed": not plan, "files": files, "bytes": size, "tables": found})


def erase(
    product: ProductName,
    column: Annotated[str, typer.Argument(metavar="COLUMN", help="An entity key of the product, as customer_id.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The person's value of it, plain or as the lake's token.")],
    by: By,
    reason: Reason,
    json_: Json = False,
) -> None:
    """Erase a person from decisions, posted outcomes and reviews, and the online store; recorded without the key."""
    from pipelines.operations.data.erase import erase_subject

    found = erase_subject(product, load_environment(), column, key, by=by, reason=reason)
    to = console.results(json_)
    console.say(
        f"{product}: erased {found.events:,} events of the online store, the data of {found.decisions:,} decisions, "
        f"{found.posted:,} posted rows, {found.exposed:,} rows of those whom a rolled-back version decided for",
        to,
    )
    console.say("tables of sources keep what was delivered until their days are made again without it", to)
    if json_:
        console.print_json({
            "product": product, "events": found.events, "decisions": found.decisions, "posted": found.posted,
            "exposed": found.exposed, "rows": found.rows, "days": [day.isoformat() for day in found.days],
        })  # fmt: skip
