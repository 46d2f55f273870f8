"""The sections on what people and sensors do: alerts, rollout, trainings, error budgets.

Belongs here: these lists and pictures. Does not belong here: drawing (`drawing.py`), the page of a rollout
(`assets.rollout.page`).
"""

from collections.abc import Sequence
from datetime import timedelta
from html import escape

from assets.monitoring.page.budgets import ErrorBudget
from assets.monitoring.page.report import MonitoringReport, StandingAlert
from assets.pages.drawing import Axes, chart, data_table, dot, moment_ticks, plain_table, plot_figure, steps
from assets.pages.words import minute, percent
from resources.objectives import WINDOW_DAYS
from resources.rollout_store.manifest import Move

_SHOWN_MOVES = 40


def alert_section(report: MonitoringReport) -> str:
    """Every alert that stands, with what to do and its runbook."""
    if not report.alerts:
        return "<p>No alert stands.</p>"
    return "".join(_alert(one) for one in report.alerts)


def _alert(one: StandingAlert) -> str:
    alert = one.alert
    since = "the daemon has not told it yet" if one.since is None else f"since {minute(one.since)} UTC"
    facts = [one.severity, since, f"owner {one.owner}", one.hands, "escalated" if one.escalated else ""]
    runbook = f'<a href="{escape(alert.runbook_url)}">runbook</a>' if alert.runbook_url else ""
    link = f'<a href="{escape(alert.link)}">look</a>' if alert.link.startswith(("http://", "https://")) else ""
    remedy = f'<p class="remedy">{escape(alert.remedy)}</p>' if alert.remedy else ""
    quiet = " quiet" if one.hands else ""
    return (
        f'<article class="alert {one.severity}{quiet}"><h3>{escape(alert.title)}</h3>'
        f"<p>{escape(alert.message)}</p>{remedy}"
        f'<p class="facts">{escape(" · ".join(fact for fact in facts if fact))} {runbook} {link}</p>'
        f'<p class="facts"><code>{escape(alert.case)}</code></p></article>'
    )


def rollout_section(report: MonitoringReport) -> str:
    """The share of the newest version after each change, and the changes."""
    moves = report.history.moves[-_SHOWN_MOVES:]
    if not moves:
        return f"<p>{escape(report.history.stands)}.</p>"
    table = data_table(("when", "what", "version", "share", "by", "why"), [
        (minute(move.at), move.action.replace("_", " "), move.version, _share_words(move), move.by, move.reason)
        for move in reversed(moves)
    ], "every change, the newest first")  # fmt: skip
    # The oldest change is most often long ago: the picture is of the versions that came after the present champion's.
    first, last = moves[0].at, moves[-1].at
    if last - first > timedelta(days=365):
        moves = tuple(move for move in moves if last - move.at <= timedelta(days=365))
        first = moves[0].at
    room = max((last - first) * 0.04, timedelta(seconds=1))
    axes = Axes((first - room).timestamp(), (last + room).timestamp(), -0.05, 1.1)
    points = [(move.at.timestamp(), _share(move)) for move in moves]
    drawn = steps(axes, points, "model")
    for move, (x, y) in zip(moves, points, strict=True):
        drawn += dot(axes, x, y, "bad dot" if move.action in ("roll_back", "pause") else "model dot")
    title = report.history.stands[:1].upper() + report.history.stands[1:]
    ups, backs = (sum(move.action == kind for move in moves) for kind in ("promote", "roll_back"))
    note = (
        f"The share of requests that the newest version decides, over {len(moves)} changes: {ups} promotions, {backs} "
        "rollbacks."
    )
    shown = chart(
        axes, drawn, title, x_ticks=moment_ticks(first, last), y_words=lambda share: f"{share:.0%}", tall="low"
    )
    return plot_figure(title, note, shown, table=table)


def _share(move: Move) -> float:
    """The share of the newest version after a change: all of it once it is the champion."""
    return 1.0 if move.action == "promote" else float(move.details.get("share", 0.0))


def _share_words(move: Move) -> str:
    if move.action == "start":
        return "shadow" if not move.details.get("share") else percent(_share(move))
    return percent(_share(move)) if move.action in ("promote", "advance") else ""


def training_section(report: MonitoringReport) -> str:
    """The latest trainings, the newest first."""
    trainings = report.history.trainings
    if not trainings:
        return "<p>No training is recorded.</p>"
    rows = [
        (minute(one.at), f"version {one.version}" if one.version else "–", one.result, one.why or "–")
        for one in trainings
    ]
    return f'<div class="wide" tabindex="0">{plain_table(("when", "version", "result", "why"), rows)}</div>'


def budget_section(report: MonitoringReport) -> str:
    """For each objective how much of its error budget is left."""
    known = "".join(_budget(one, one.left) for one in report.budgets if one.left is not None)
    unknown = "".join(
        f"<li>{escape(one.objective.promise)}, in {percent(one.objective.objective)} of cases: {escape(one.over)}.</li>"
        for one in report.budgets if one.left is None
    )  # fmt: skip
    told = f"<p>Over {WINDOW_DAYS} days, from the decision log and the lake, by the definitions of the objectives.</p>"
    unknown = f"<p>Unknown here, which does not mean kept:</p><ul class=muted>{unknown}</ul>" if unknown else ""
    return f"{told}<div class=budgets>{known}</div>{unknown}{_budget_table(report.budgets)}"


def _budget(one: ErrorBudget, left: float) -> str:
    name = escape(one.objective.name.replace("_", " "))
    kind, words = " spent" if left < 0 else "", f"{percent(max(left, -9.99))} left"
    return (
        f'<div class="budget{kind}"><h3>{name}</h3><b>{words}</b><div class="bar" role="img" '
        f'aria-label="{name}: {words}"><i style="width:{100 * min(max(left, 0.0), 1.0):.4g}%"></i></div>'
        f"<p>{escape(one.objective.promise)}, in {percent(one.objective.objective)} of cases: {escape(one.over)}.</p>"
        "</div>"
    )


def _budget_table(budgets: Sequence[ErrorBudget]) -> str:
    heads = ("objective", "promised", "bad share", "allowed", "budget left", "over", "owner")
    return data_table(heads, [
        (one.objective.name, percent(one.objective.objective), percent(one.bad), percent(one.objective.budget),
         percent(one.left), one.over, one.objective.owner)
        for one in budgets
    ])  # fmt: skip
