"""The commands of governance: `document`, `inventory`.

Belongs here: their arguments, output and exit status. Does not belong here: making documents and inventory
(`pipelines.operations.models.governance`), people's answers (`approvals.py`), the audit log (`audit.py`).
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName, file_to_write
from pipelines.cli.models.approvals import Version
from resources.environments import load_environment

Kind = Literal["card", "risk"]


def document(
    product: ProductName,
    version: Version,
    kind: Annotated[Kind, typer.Option(help="The model card, or the model-risk document.")] = "card",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.md", callback=file_to_write(".md"), help="Write it to this file.")
    ] = None,
    json_: Json = False,
) -> None:
    """A version's model card or model-risk document, from what is recorded now; each figure names its record."""
    from pipelines.operations.models.governance import document as make_document
    from pipelines.operations.models.governance import write_document

    text = make_document(product, version, kind, load_environment())
    if out is not None:
        write_document(text, out)
        console.say(f"{product} version {version}: {kind} in {out}", console.results(json_), mark="done")
    elif not json_:
        console.say(text, console.results(json_))
    if json_:
        told = {"product": product, "version": version, "kind": kind, "file": None if out is None else str(out)}
        console.print_json({**told, "text": text})


def inventory(
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", callback=file_to_write(".html"), help="Write the page of the inventory."),
    ] = None,
    json_: Json = False,
) -> None:
    """Every version of every product: risk tier, owner, state, approvals, next review, and where it is used."""
    from pipelines.operations.models.governance import inventory as read_inventory
    from pipelines.operations.models.governance import write_inventory_page

    found, to = read_inventory(load_environment()), console.results(json_)
    rows = [
        (one.product, one.version, one.tier, one.owner, one.state, "; ".join(one.approvals) or "-", one.missing or "-",
         "-" if one.next_review is None else f"{one.next_review:%Y-%m-%d}{' overdue' if one.overdue else ''}",
         "; ".join(one.used) or "-")
        for one in found.entries
    ]  # fmt: skip
    heads = ("product", "version", "tier", "owner", "state", "approvals", "missing", "next review", "used")
    console.table(heads, rows, to)
    for name, why in found.unread.items():
        console.say(f"{name}: {why}", to, mark="warning")
    if page is not None:
        write_inventory_page(found, page)
        console.say(f"  {page}", to)
    if json_:
        console.print_json({**found.to_dict(), "page": None if page is None else str(page)})
