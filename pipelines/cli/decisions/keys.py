"""The commands about the decision service's callers: `keys add`, `keys list`, `keys revoke`.

Belongs here: their arguments, output and exit status. Does not belong here: changing the list
(`pipelines.operations.access_keys`), what a key opens (`assets.serving.http.access`).
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json
from pipelines.cli.described import DescribedCommand
from pipelines.cli.models.approvals import By, Reason
from resources.environments import load_environment

if TYPE_CHECKING:
    from assets.serving.access.keys import AccessKey

app = typer.Typer(help="Keys of the decision service's callers: add, list, revoke.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="The caller's name; logs and the audit log tell it.")]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role", help="What it may do, once for each: decide; explain; feedback (events, outcomes, reviews); operate."
    ),
]
Limit = Annotated[str, typer.Option(help="Its rate, as 20/second; without it, LOOPLINE_RATE_LIMIT of the service.")]


@app.command(cls=DescribedCommand)
def add(name: Name, role: Roles, by: By, reason: Reason, limit: Limit = "", json_: Json = False) -> None:
    """Make a key and print it, once: only its digest is kept. The service knows it within seconds."""
    from pipelines.operations.access_keys import add_key

    key, text = add_key(load_environment(), name, tuple(role), by=by, reason=reason, limit=limit)
    console.say(f"key '{name}' may {', '.join(key.roles)}; it is shown this once:", console.PROGRESS)
    console.say(text, console.results(json_))
    if json_:
        console.print_json({**_content(key), "key": text})


@app.command("list", cls=DescribedCommand)
def list_keys(json_: Json = False) -> None:
    """All keys, with those that were revoked."""
    from pipelines.operations.access_keys import access_keys

    keys = access_keys(load_environment()).keys
    rows = [
        (key.name, ", ".join(key.roles), key.limit or "-", f"{key.created:%Y-%m-%d %H:%M}", key.by,
         f"{key.revoked:%Y-%m-%d %H:%M}" if key.revoked else "-")
        for key in keys
    ]  # fmt: skip
    console.table(("name", "roles", "rate", "added (UTC)", "by", "revoked (UTC)"), rows, console.results(json_))
    if json_:
        console.print_json({"keys": [_content(key) for key in keys]})


@app.command(cls=DescribedCommand)
def revoke(name: Name, by: By, reason: Reason, json_: Json = False) -> None:
    """Revoke the key of a caller; running services refuse it within 5 seconds."""
    from pipelines.operations.access_keys import revoke_key

    key = revoke_key(load_environment(), name, by=by, reason=reason)
    console.say(f"key '{name}' is revoked; running services refuse it within 5 s", console.results(json_), mark="done")
    if json_:
        console.print_json(_content(key))


def _content(key: "AccessKey") -> dict[str, Any]:
    return {
        "name": key.name, "roles": list(key.roles), "limit": key.limit, "id": key.id, "by": key.by,
        "created": key.created.isoformat(), "revoked": key.revoked and key.revoked.isoformat(),
    }  # fmt: skip
