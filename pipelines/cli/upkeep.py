"""The command that frees space: `vacuum`.

Belongs here: its arguments, output and exit status. Does not belong here: the work (`pipelines.operations.vacuum`).
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json
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
    from pipelines.operations.vacuum import vacuum as operation

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
