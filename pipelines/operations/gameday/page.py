"""The page of a game day, as one self-contained HTML file.

Belongs here: how timeline, regret and figures are shown to people. Does not belong here: the figures
(`resources.sandbox.judge`), pictures (`plots.py`).
"""

import base64
from collections.abc import Sequence
from html import escape

from assets.pages.document import document
from assets.pages.drawing import whole_table
from pipelines.operations.gameday.plots import incidents_over_time, profit_over_time
from pipelines.operations.gameday.report import Report
from resources.sandbox.judge.regret import Compared, period_days
from resources.sandbox.judge.timeline import Judged


def to_html(report: Report) -> str:
    """The page: no script, no link to another host."""
    title = f"Game day {report.scenario.name}: {report.scenario.title}"
    counts = ", ".join(f"{report.timeline.count(v)} {v}" for v in ("right", "late", "wrong", "not noticed"))
    note = (
        f"{report.record.first} to {report.record.last}, seed {report.seed}. Incidents: {counts}. "
        f"{len(report.timeline.unexplained)} alarms speak of no incident. {report.seconds / 60:.0f} minutes."
    )
    parts = [
        f"<p class=note>{escape(note)}</p>",
        "<h2>Incidents</h2>",
        _picture(incidents_over_time(report.record, report.timeline), "incidents and what was noticed"),
        _incidents(report.timeline.judged),
        "<h2>Standards</h2>",
        _standards(report),
        "<h2>Alarms without an incident</h2>",
        _alarms(report),
    ]
    for product in report.scenario.products:
        parts.append(f"<h2>Profit of {escape(product)}</h2>")
        parts.append(_picture(profit_over_time(report.record, product), f"profit of {product}"))
        if product in report.regret:
            parts.append(_regret(report.regret[product], period_days(report.scenario.days)))
    return document(title, "\n".join([f"<header><h1>{escape(title)}</h1></header>", *parts]) + "\n")


def _incidents(judged: Sequence[Judged]) -> str:
    heads = ("incident", "days", "verdict", "noticed after", "within", "done", "right", "cost, EUR", "the loop's words")
    rows = [
        (one.incident.name, f"{one.incident.day} to {one.incident.last_day}", one.verdict,
         "" if one.after is None else f"{one.after} days", f"{one.incident.expected.within} days",
         ", ".join(one.done) or "nothing", " or ".join(one.incident.expected.right),
         "" if one.cost is None else f"{one.cost.eur:,.0f} ± {one.cost.error:,.0f}", one.words)
        for one in judged
    ]  # fmt: skip
    return whole_table(heads, rows) if rows else "<p>None was planned.</p>"


def _standards(report: Report) -> str:
    heads = ("product", "alarms without an incident", "stated a year", "allowed in this time")
    rows = [
        (name, ", ".join((str(one.count), *(f"{about}: {count}" for about, count in one.about.items()))),
         f"{one.stated:g}", str(one.most))
        for name, one in report.alarms.items()
    ]  # fmt: skip
    short = "".join(f"<li>{escape(words)}</li>" for words in report.shortfalls)
    return whole_table(heads, rows) + (f"<ul>{short}</ul>" if short else "<p>Nothing falls short.</p>")


def _alarms(report: Report) -> str:
    heads = ("when", "product", "what", "words")
    rows = [
        (f"{one.at:%Y-%m-%d %H:%M}", one.product, f"{one.seen} {one.about}".strip(), one.text[:300])
        for one in report.timeline.unexplained
    ]
    return whole_table(heads, rows) if rows else "<p>None.</p>"


def _regret(compared: Sequence[Compared], period: int) -> str:
    heads = ("cost of a training", "rule", "trained in", "value, EUR", "regret, EUR", "of the optimum")
    rows = []
    for one in compared:
        best = one.plans["optimum"].value
        for rule, plan in one.plans.items():
            share = one.share(rule)
            periods = ", ".join(str(period + 1) for period in plan.trained)
            rows.append(
                (f"{one.ratio:.0%} of a period", rule, periods, f"{plan.value:,.0f}", f"{best - plan.value:,.0f}",
                 "" if share is None else f"{share:.1%}")
            )  # fmt: skip
    said = (
        f"When models were trained, valued by the judge's own learner: periods of {period} days; the optimum is by "
        "dynamic programming over retrain-or-keep, in hindsight."
    )
    return f"<p>{escape(said)}</p>" + whole_table(heads, rows)


def _picture(content: bytes, words: str) -> str:
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'
