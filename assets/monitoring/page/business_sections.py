"""The section on business figures: each beside its expectation.

Belongs here: a small picture for each figure, and the table behind them. Does not belong here: drawing (`drawing.py`),
the figures (`assets.monitoring.performance.kpis`).
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from assets.monitoring.page.report import MonitoringReport, rows_by_day
from assets.pages.drawing import (
    axes_of,
    band,
    chart,
    data_table,
    day_ticks,
    dot,
    line,
    pointers,
)
from assets.pages.words import business
from assets.product.names import KPIS


def business_section(report: MonitoringReport) -> str:
    """A card for each figure: the value of the last day, what was expected, and both over the days."""
    by_figure: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows_by_day(report.tables.get(KPIS)):
        by_figure.setdefault(row["figure"], []).append(row)
    if not by_figure:
        return "<p>No business figure is known yet.</p>"
    outside = [name for name, rows in by_figure.items() if rows[-1]["outside"]]
    cards = sorted(by_figure.items(), key=lambda item: item[0] not in outside)
    drawn = "".join(_card(name, rows) for name, rows in cards)
    told = (
        "A process that goes on as before leaves the bands as seldom as the product's false alarms a year allow: by "
        "the days before, by the rows at approval, or by the scores of the same rows, as each card says."
    )
    heads = ("day", "figure", "value", "expected", "from", "to", "by", "outside", "rows")
    rows = [row for rows in by_figure.values() for row in rows[-14:]]
    table = data_table(heads, [_row(row) for row in sorted(rows, key=lambda row: (row["day"], row["figure"]))],
                       "the last 14 days as a table")  # fmt: skip
    return f'<p>{told}</p><div class="cards">{drawn}</div>{table}'


def _card(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    last = rows[-1]
    days = [row["day"] for row in rows]
    xs = [float(day.toordinal()) for day in days]
    values = [row["value"] for row in rows]
    low = [None if row["low"] is None or math.isinf(row["low"]) else row["low"] for row in rows]
    high = [None if row["high"] is None or math.isinf(row["high"]) else row["high"] for row in rows]
    axes = axes_of(xs, [*values, *low, *high], zero=all((value or 0.0) >= 0 for value in (*values, *low)))
    drawn = band(axes, xs, low, high, "band") + line(axes, xs, values, "model thin")
    for x, row in zip(xs, rows, strict=True):
        if row["outside"] and row["value"] is not None:
            drawn += dot(axes, x, row["value"], "bad dot")
    drawn += pointers(axes, xs, [_told(row) for row in rows])
    words = name.replace("_", " ")
    picture = chart(
        axes, drawn, f"{words}: {_told(last)}", x_ticks=day_ticks(days)[::2], y_words=lambda v: business(name, v),
        tall="low",
    )  # fmt: skip
    expected = "nothing is expected"
    if last["expected"] is not None:
        expected = f"{business(name, last['low'])} to {business(name, last['high'])} expected, by {last['basis']}"
    over = " of accepted rows" if last["over"] == "accepted" else ""
    kind = " outside" if last["outside"] else ""
    return (
        f'<article class="card{kind}"><h3>{escape(words)}</h3><p class="value">{business(name, last["value"])}</p>'
        f"<p>{escape(expected + over)}</p>{picture}</article>"
    )


def _told(row: Mapping[str, Any]) -> str:
    name = row["figure"]
    told = f"{row['day']}: {business(name, row['value'])}"
    if row["expected"] is not None:
        told += f", expected {business(name, row['low'])} to {business(name, row['high'])}"
    return told


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    name = row["figure"]
    numbers = (business(name, row[column]) for column in ("value", "expected", "low", "high"))
    outside = {True: "yes", False: "no", None: "–"}[row["outside"]]
    return (str(row["day"]), name.replace("_", " "), *numbers, row["basis"] or "–", outside, f"{row['rows']:,}")
