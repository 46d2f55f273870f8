"""The commands about alerts: `alerts`, `silence`, `acknowledge`.

Belongs here: their arguments, output and exit status. Does not belong here: what they do
(`pipelines.operations.alerts`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from resources.environments import load_environment

if TYPE_CHECKING:
    from rich.console import Console

    from resources.alerts.life import AlertState

Case = Annotated[str, typer.Argument(metavar="CASE", help="As the alert and `loopline alerts` name it.")]
By = Annotated[str, typer.Option(help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]
Until = Annotated[
    str, typer.Option(metavar="TIME", help="When the silence ends, in UTC: a day, or a time as 2026-03-01T18:00.")
]


def alerts(product: ProductName, json_: Json = False) -> None:
    """Show the alerts that stand: severity, owner, since when, whether somebody looks after them, and the runbook."""
    from pipelines.operations.alerts import standing_alerts
    from resources.alerts.book import state_json

    found = standing_alerts(load_environment(), product)
    _show(product, found, console.results(json_))
    if json_:
        states = [{"case": case, "text": state.alert.text, **state_json(state)} for case, state in found.items()]
        console.print_json({"product": product, "alerts": states})


def silence(
    product: ProductName, case: Case, until: Until, by: By, reason: Reason, json_: Json = False
) -> None:  # fmt: skip
    """Silence an alert, and those of the same case that follow, until a time; it is recorded in the audit log."""
    from pipelines.operations.alerts import mark_alert

    end = _moment(until)
    mark_alert(load_environment(), product, case, "silence", by=by, reason=reason, until=end)
    console.say(f"{case} is silent until {end:%Y-%m-%d %H:%M} UTC", console.results(json_))
    if json_:
        console.print_json({"product": product, "case": case, "until": end.isoformat(), "by": by, "reason": reason})


def acknowledge(product: ProductName, case: Case, by: By, reason: Reason, json_: Json = False) -> None:
    """Say that you look after an alert: it is told again only if it gets worse, and when it has ended."""
    from pipelines.operations.alerts import mark_alert

    mark_alert(load_environment(), product, case, "acknowledge", by=by, reason=reason)
    console.say(f"{case}: {by} looks after it", console.results(json_))
    if json_:
        console.print_json({"product": product, "case": case, "by": by, "reason": reason})


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise typer.BadParameter(
            f"--until {text}: write a UTC day or time, as 2026-03-01 or 2026-03-01T18:00"
        ) from error


def _show(product: str, found: "Mapping[str, AlertState]", to: "Console") -> None:
    now = datetime.now(UTC)
    if not found:
        console.say(f"{product}: no alert stands", to)
        return
    console.table(
        ["case", "severity", "owner", "since", "told", "", "runbook"],
        [
            [case, state.severity, state.owner, f"{state.opened_at:%Y-%m-%d %H:%M}",
             "never" if state.sent_at is None else f"{state.sent_at:%Y-%m-%d %H:%M}", _hands(state, now),
             state.alert.runbook]
            for case, state in found.items()
        ],
        to,
    )  # fmt: skip
    for case, state in found.items():
        console.say(f"{case}: {state.alert.message}", to)


def _hands(state: "AlertState", now: datetime) -> str:
    """Who looks after it, if anybody."""
    if state.silence is not None and state.silence.until is not None and state.is_silent(now):
        return f"silent until {state.silence.until:%Y-%m-%d %H:%M}, {state.silence.by}"
    if state.acknowledged is not None:
        return f"{state.acknowledged.by} looks after it"
    return "escalated" if state.escalated_at is not None else ""
