"""The page of a game day, as one self-contained HTML file.

Belongs here: how timeline, regret and figures are shown to people. Does not belong here: the figures
(`resources.sandbox.judge`), pictures (`plots.py`).
"""

import base64
from collections.abc import Sequence
from html import escape

from pipelines.operations.gameday.plots import incidents_over_time, profit_over_time
from pipelines.operations.gameday.report import Report
from resources.sandbox.judge.regret import Compared, period_days
from resources.sandbox.judge.timeline import Judged

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:last-child { overflow-wrap: anywhere; }
img { max-width: 100%; background: white; }
.note { background: var(--soft); border-radius: .5rem; padding: .6rem 1rem; }
"""


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
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _incidents(judged: Sequence[Judged]) -> str:
    heads = ("incident", "days", "verdict", "noticed after", "within", "done", "right", "cost, EUR", "the loop's words")
    rows = [
        (one.incident.name, f"{one.incident.day} to {one.incident.last_day}", one.verdict,
         "" if one.after is None else f"{one.after} days", f"{one.incident.expected.within} days",
         ", ".join(one.done) or "nothing", " or ".join(one.incident.expected.right),
         "" if one.cost is None else f"{one.cost.eur:,.0f} ± {one.cost.error:,.0f}", one.words)
        for one in judged
    ]  # fmt: skip
    return _table(heads, rows) if rows else "<p>None was planned.</p>"


def _standards(report: Report) -> str:
    heads = ("product", "alarms without an incident", "stated a year", "allowed in this time")
    rows = [
        (name, ", ".join((str(one.count), *(f"{about}: {count}" for about, count in one.about.items()))),
         f"{one.stated:g}", str(one.most))
        for name, one in report.alarms.items()
    ]  # fmt: skip
    short = "".join(f"<li>{escape(words)}</li>" for words in report.shortfalls)
    return _table(heads, rows) + (f"<ul>{short}</ul>" if short else "<p>Nothing falls short.</p>")


def _alarms(report: Report) -> str:
    heads = ("when", "product", "what", "words")
    rows = [
        (f"{one.at:%Y-%m-%d %H:%M}", one.product, f"{one.seen} {one.about}".strip(), one.text[:300])
        for one in report.timeline.unexplained
    ]
    return _table(heads, rows) if rows else "<p>None.</p>"


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
    return f"<p>{escape(said)}</p>" + _table(heads, rows)


def _picture(content: bytes, words: str) -> str:
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
