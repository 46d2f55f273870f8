"""The commands about contracts and the rows that break them: `contracts`, `quarantine`.

Belongs here: their arguments, output and exit status. Does not belong here: counting and validating again
(`pipelines.operations.data.quarantine`), the pages of contracts (`pipelines.operations.data.contracts`).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import FirstDayIfAny, Json, LastDayIfAny, ProductName, slots_given
from resources.dependencies import require
from resources.environments import load_environment
from resources.slots import named

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipelines.operations.data.quarantine import Readmission, RefusedRows
    from resources.slots import Slot


def quarantine(
    product: ProductName,
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="One source; all by default.")] = None,
    first: FirstDayIfAny = None,
    last: LastDayIfAny = None,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Validate the days of the rows again, under the present contract.")
    ] = False,
    reread: Annotated[
        bool, typer.Option("--reread", help="With --readmit: fetch the days from the corrected source first.")
    ] = False,
    by: Annotated[str, typer.Option(help="With --readmit: your name; it is recorded.")] = "",
    reason: Annotated[str, typer.Option(help="With --readmit: what was fixed; it is recorded.")] = "",
    json_: Json = False,
) -> None:
    """Rows that were refused, by rule and day, with the reason; --readmit after a fix."""
    from pipelines.operations.data import quarantine as operation
    from pipelines.products import load_product
    from resources.lake import Lake

    if reread and not readmit:
        raise typer.BadParameter("--reread goes with --readmit")
    if readmit and not (source and by.strip() and reason.strip()):
        raise typer.BadParameter("--readmit needs SOURCE, --by NAME and --reason TEXT")
    environment, found = load_environment(), load_product(product)
    require(environment, "lake")
    days = slots_given(first, last)
    result: dict[str, object] = {"product": product}
    to = console.results(json_)
    if readmit and source:
        done = operation.readmit(
            found, environment, source, *days, reread=reread, by=by, reason=reason, progress=console.say
        )
        console.say(_readmitted(product, done), to, mark="done")
        result["readmitted"] = done.to_dict()
    rows = operation.refused_rows(found, Lake(environment.lake), source, *days)
    _show(rows, json_)
    if json_:
        console.print_json({**result, "rules": [row.to_dict() for row in rows]})


def contracts(
    product: ProductName,
    docs: Annotated[
        bool, typer.Option("--docs", help="Build the Data Docs: rules, and results of the newest day without values.")
    ] = False,
    json_: Json = False,
) -> None:
    """The contracts of a product: owner, purpose, personal columns, rules; --docs builds pages of them."""
    from pipelines.operations.data.contracts import contract_facts, write_data_docs
    from pipelines.products import load_product

    found, to = load_product(product), console.results(json_)
    facts = contract_facts(found)
    console.table(
        ["source", "owner", "columns", "rules", "personal", "purpose"],
        [[f.source, f.owner, f.columns, f.rules, ", ".join(f.personal), f.purpose or "not documented"] for f in facts],
        to,
        right=["columns", "rules"],
    )
    page = None
    if docs:
        environment = load_environment()
        require(environment, "lake")
        page = write_data_docs(found, environment)
        console.say(str(page), to)
    if json_:
        console.print_json(
            {"product": product, "contracts": [f.to_dict() for f in facts], "docs": None if page is None else str(page)}
        )


def _readmitted(product: str, done: "Readmission") -> str:
    length = _length(done.days)
    return (
        f"{done.source}: {len(done.days)} {length} validated again, {done.before:,} rows were quarantined, "
        f"{done.after:,} are now; what was made from these {length} is made again by: loopline run {product}"
    )


def _length(slots: "Collection[Slot]") -> str:
    return f"{named(min(slots)).split()[0]}s"


def _show(rows: "tuple[RefusedRows, ...]", json_: bool) -> None:
    to = console.results(json_)
    if not rows:
        console.say("no row is quarantined", to)
        return
    console.table(
        ["source", "rule", "column", "rows", _length(rows[0].days), "first", "last", "reason"],
        [
            [r.source, r.rule, r.column, f"{r.rows:,}" if r.rows else f"whole {_length(r.days)[:-1]}", len(r.days),
             min(r.days), max(r.days), r.reason]
            for r in rows
        ],
        to,
        right=["rows", _length(rows[0].days)],
    )  # fmt: skip
