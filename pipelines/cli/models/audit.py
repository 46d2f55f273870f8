"""The commands about the audit log: `audit verify`, `audit show`, `audit anchor`.

Belongs here: their arguments, output and exit status. Does not belong here: reading and comparing
(`pipelines.operations.audit`).
"""

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json
from pipelines.cli.described import DescribedCommand
from pipelines.cli.models.approvals import By, Reason
from resources.environments import load_environment

app = typer.Typer(help="The audit log: verify, show, anchor.", no_args_is_help=True)


@app.command("verify", cls=DescribedCommand)
def verify_log(json_: Json = False) -> None:
    """Hold every entry against the one before and the anchors; exit status 1 and the first that does not fit."""
    from pipelines.operations.audit import verify_audit

    found = verify_audit(load_environment())
    check, to = found.check, console.results(json_)
    against = f"{check.anchors} anchors" if check.anchors else "no anchor"
    if check.whole:
        console.say(f"{check.entries} entries are whole, held against {against}", to, mark="done")
    else:
        console.say(f"{check.entries} entries fit; {check.fault}", to, mark="failed")
    if not found.place:
        console.say("no place for anchors is named: set LOOPLINE_AUDIT_ANCHORS", to, mark="warning")
    if found.unread:
        console.say(f"the tags in MLflow were not compared: {found.unread}", to, mark="warning")
    if json_:
        told = {**asdict(check), "whole": check.whole, "place": found.place, "unread": found.unread}
        console.print_json(told)
    if not check.whole:
        raise typer.Exit(1)


@app.command("show", cls=DescribedCommand)
def show_log(
    product: Annotated[str | None, typer.Option(metavar="PRODUCT", help="Of one product alone.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many entries, at most.")] = 50,
    json_: Json = False,
) -> None:
    """Show the last entries: who did what, to which version, and why."""
    from pipelines.operations.audit import shown_entries

    entries = shown_entries(load_environment(), product, last)
    rows = [
        (one.number, f"{one.at:%Y-%m-%d %H:%M:%S}", one.actor, one.action, one.product, one.version, one.reason)
        for one in entries
    ]
    columns = ("entry", "at (UTC)", "who", "action", "product", "version", "why")
    console.table(columns, rows, console.results(json_), right=("entry",))
    if json_:
        console.print_json({"entries": [{**asdict(one), "at": one.at.isoformat()} for one in entries]})


@app.command("anchor", cls=DescribedCommand)
def anchor_log(by: By, reason: Reason, json_: Json = False) -> None:
    """Anchor entries that have no anchor, once you have looked at them; recorded as an entry of its own."""
    from pipelines.operations.audit import anchor_audit

    entry = anchor_audit(load_environment(), by=by, reason=reason)
    console.say(f"entry {entry.number} anchors the log: {entry.hash}", console.results(json_), mark="done")
    if json_:
        console.print_json({"number": entry.number, "hash": entry.hash})
