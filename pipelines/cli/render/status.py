"""The status of a product: in 20 lines of a terminal, and whole as JSON.

Belongs here: the form of the report. Does not belong here: its sentences (`assets.monitoring.page.summary`), the page
(`assets.monitoring.page.html`), the state of services (`services.py`).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from assets.monitoring.page.report import LineState, MonitoringReport, StandingAlert
    from pipelines.operations.product_status import ProductStatus

_LINES = 20
_MARKS: Mapping["LineState", console.Mark] = {"good": "done", "look": "warning", "unknown": "idle"}


def show_status(status: "ProductStatus", to: "Console") -> None:
    """The status in at most 20 lines: what needs a person, a line for each monitor, the alerts, where the page is."""
    from assets.monitoring.page.summary import headline, lines_of, shortened

    report = status.report
    lines = lines_of(report)
    console.say(f"{report.product.name}, {report.day or 'no day yet'}: {headline(report)}", to)
    for line in lines:
        console.say(f"{line.name:<16} {shortened(line.text)}", to, mark=_MARKS[line.state])
    last = list(_last_lines(status))
    room = _LINES - 1 - len(lines) - len(last)
    shown = report.alerts if len(report.alerts) <= room else report.alerts[: room - 1]
    for alert in shown:
        console.say(shortened(_alert(alert)), to, mark="idle" if alert.hands else "failed")
    if len(shown) < len(report.alerts):
        console.say(f"and {len(report.alerts) - len(shown)} more: loopline alerts {report.product.name}", to)
    for text in last:
        console.say(text, to)


def _last_lines(status: "ProductStatus") -> Iterator[str]:
    if status.waiting is not None:
        yield f"version {status.waiting['version']} waits for an approver: {status.waiting['approve']}"
    yield f"page: {status.page}" if status.page else f"no page yet: loopline run {status.report.product.name} makes it"


def _alert(one: "StandingAlert") -> str:
    """What stands, who answers for it, and what to do."""
    hands = f", {one.hands}" if one.hands else ""
    return f"{one.alert.title} ({one.severity}, {one.owner}{hands}): {one.alert.remedy or one.alert.message}"


def status_json(status: "ProductStatus") -> dict[str, Any]:
    """The JSON object of the status: everything that the page shows of the last day."""
    from assets.monitoring.page.summary import headline, last_rows, lines_of, needing

    report = status.report
    needed = {one.alert.case for one in needing(report)}
    return {
        "product": report.product.name,
        "day": report.day,
        "headline": headline(report),
        "champion": report.champion,
        "judged": report.judged,
        "lines": [asdict(line) for line in lines_of(report)],
        "alerts": [_alert_json(one) | {"needs_a_person": one.alert.case in needed} for one in report.alerts],
        "faults": [{"sentence": one.sentence, "since": one.since, "owner": one.owner} for one in report.standing],
        "figures": {name: [_plain(row) for row in last_rows(report, name)] for name in report.tables},
        "rollout": _history_json(report),
        "trainings": [asdict(one) for one in report.history.trainings],
        "error_budgets": [
            {"objective": one.objective.name, "promise": one.objective.promise, "promised": one.objective.objective,
             "bad": one.bad, "left": one.left, "over": one.over, "owner": one.objective.owner}
            for one in report.budgets
        ],
        "waiting": status.waiting,
        "page": status.page or None,
    }  # fmt: skip


def _alert_json(one: "StandingAlert") -> dict[str, Any]:
    return {
        "case": one.alert.case, "kind": one.alert.kind, "severity": one.severity, "title": one.alert.title,
        "message": one.alert.message, "remedy": one.alert.remedy, "runbook": one.alert.runbook_url, "owner": one.owner,
        "since": one.since, "hands": one.hands, "escalated": one.escalated,
    }  # fmt: skip


def _history_json(report: "MonitoringReport") -> dict[str, Any]:
    history = report.history
    return {
        "stands": history.stands,
        "share": history.share,
        "paused": history.paused,
        "moves": [
            {"generation": move.generation, "at": move.at, "action": move.action, "version": move.version,
             "by": move.by, "reason": move.reason}
            for move in history.moves
        ],
    }  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with values that JSON has: an open end of a range is null."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date | datetime) else value
