"""The section on performance: realised, and what was estimated before labels were known.

Belongs here: these pictures and the tables behind them. Does not belong here: drawing (`drawing.py`), the figures
(`assets.monitoring.performance`), calibration, vintages and groups (`label_sections.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.page.report import FIGURES, MonitoringReport, rows_by_day
from assets.monitoring.performance.estimates import WHOLE
from assets.pages.drawing import (
    axes_of,
    band,
    chart,
    data_table,
    day_ticks,
    level,
    line,
    plot_figure,
    pointers,
    stripes,
)
from assets.pages.words import fixed, percent
from assets.product.names import ESTIMATED_PERFORMANCE
from resources.naming import days_between

_METHOD = "pape"


def performance_section(report: MonitoringReport) -> str:
    """The realised AUC, and what was estimated of it, each day of the window."""
    realised, estimated = _by_day(report.tables.get(FIGURES)), _estimated(report)
    days = _days(realised, estimated)
    if not days:
        return "<p>No figure of performance is known yet.</p>"
    xs = [float(day.toordinal()) for day in days]
    auc = [_value(realised.get(day), "auc") for day in days]
    mean, low, high = ([_value(estimated.get(day), f"auc{end}") for day in days] for end in ("", "_low", "_high"))
    approved = next((row["approved_auc"] for row in [*realised.values(), *estimated.values()]
                     if row["approved_auc"] is not None), None)  # fmt: skip
    loss = report.product.monitoring.max_auc_loss
    marks = [] if approved is None else [approved, approved - loss]
    axes = axes_of(xs, [*auc, *mean, *low, *high, *marks])
    withheld = [float(day.toordinal()) for day in days if _value(estimated.get(day), "withheld") is not None]
    drawn = stripes(axes, withheld, "withheld") + band(axes, xs, low, high, "band")
    if approved is not None:
        drawn += level(axes, approved, "reference") + level(axes, approved - loss, "limit")
    drawn += line(axes, xs, mean, "estimate") + line(axes, xs, auc, "model")
    texts = [_told(day, realised.get(day), estimated.get(day)) for day in days]
    drawn += pointers(axes, xs, texts)
    title = _performance_title(days, auc, approved)
    note = (
        f"Realised: over the labels that became final in the {report.product.monitoring.window_days} days up to each "
        f"day. Estimated: over all rows of these days, without labels (PAPE), with its 95% interval."
    )
    keys = [("model", "realised"), ("estimate", "estimated"), ("band", "its interval"), ("reference", "at approval"),
            ("limit", f"{loss:g} below")]  # fmt: skip
    keys += [("withheld", "estimate withheld")] if withheld else []
    heads = ("day", "realised AUC", "labels", "estimated AUC", "interval", "why withheld")
    table = data_table(heads, [_row(day, realised.get(day), estimated.get(day)) for day in days])
    shown = chart(axes, drawn, title, x_ticks=day_ticks(days), y_words=fixed, tall="tall")
    return plot_figure(title, note, shown, keys=keys, table=table) + _withheld(estimated) + _rates(report, days)


def _performance_title(days: Sequence[date], auc: Sequence[float | None], approved: float | None) -> str:
    known = [(day, value) for day, value in zip(days, auc, strict=True) if value is not None]
    if not known:
        return "Realised performance is not known yet: too few final labels"
    day, value = known[-1]
    if approved is None:
        return f"Realised AUC is {value:.3f} on {day}"
    side = "above" if value >= approved else "below"
    return f"Realised AUC is {value:.3f} on {day}, {abs(value - approved):.3f} {side} approval"


def _withheld(estimated: Mapping[date, Mapping[str, Any]]) -> str:
    """The days on which the estimate is withheld, each run of them with its reason."""
    reasons = [(day, row["reason"]) for day, row in sorted(estimated.items()) if row["withheld"] is not None]
    told = []
    for reason, run in groupby(reasons, key=lambda pair: pair[1]):
        days = [day for day, _ in run]
        told.append(f"<li><time>{days[0]}</time> to <time>{days[-1]}</time>: {escape(reason or '')}</li>")
    return f"<p>The estimate is withheld:</p><ul>{''.join(told[-8:])}</ul>" if told else ""


def _rates(report: MonitoringReport, days: Sequence[date]) -> str:
    """Bad rate and acceptance of the same windows."""
    realised, estimated = _by_day(report.tables.get(FIGURES)), _estimated(report)
    xs = [float(day.toordinal()) for day in days]
    bad = [_value(realised.get(day), "bad_rate") for day in days]
    taken = [_value(realised.get(day), "acceptance") for day in days]
    mean, low, high = ([_value(estimated.get(day), f"bad_rate{end}") for day in days] for end in ("", "_low", "_high"))
    if not any(value is not None for value in (*bad, *taken, *mean)):
        return ""
    axes = axes_of(xs, [*bad, *mean, *low, *high], zero=True)
    drawn = band(axes, xs, low, high, "band") + line(axes, xs, mean, "estimate") + line(axes, xs, bad, "bad")
    texts = [
        f"{day}: bad rate {percent(one)}, estimated {percent(two)}, accepted {percent(three)}"
        for day, one, two, three in zip(days, bad, mean, taken, strict=True)
    ]
    drawn += pointers(axes, xs, texts)
    last = next((value for value in reversed(bad) if value is not None), None)
    accepted = next((value for value in reversed(taken) if value is not None), None)
    title = f"The bad rate of accepted rows is {percent(last)}"
    note = f"Of the decisions whose label became final in the window {percent(accepted)} were accepted."
    rows = [
        (str(day), percent(one), percent(two), percent(three))
        for day, one, two, three in zip(days, bad, mean, taken, strict=True)
    ]
    table = data_table(("day", "bad rate", "estimated bad rate", "accepted"), rows)
    shown = chart(axes, drawn, title, x_ticks=day_ticks(days), y_words=percent)
    keys = [("bad", "realised"), ("estimate", "estimated"), ("band", "its interval")]
    return plot_figure(title, note, shown, keys=keys, table=table)


def _estimated(report: MonitoringReport) -> dict[date, Mapping[str, Any]]:
    table = report.tables.get(ESTIMATED_PERFORMANCE)
    if table is None:
        return {}
    return _by_day(table.filter(pc.and_(pc.equal(table["method"], _METHOD), pc.equal(table["part"], WHOLE))))


def _by_day(table: pa.Table | None) -> dict[date, Mapping[str, Any]]:
    return {row["day"]: row for row in rows_by_day(table)}


def _days(*tables: Mapping[date, object]) -> list[date]:
    """Every day from the first to the last of any."""
    found = [day for table in tables for day in table]
    return list(days_between(min(found), max(found))) if found else []


def _value(row: Mapping[str, Any] | None, name: str) -> Any:
    return None if row is None else row[name]


def _told(day: date, realised: Mapping[str, Any] | None, estimated: Mapping[str, Any] | None) -> str:
    parts = []
    if realised is not None:
        parts.append(f"realised {fixed(realised['auc'])} over {realised['labelled']:,} labels")
    if estimated is not None:
        interval = f"{fixed(estimated['auc_low'])} to {fixed(estimated['auc_high'])}"
        parts.append(estimated["reason"] or f"estimated {fixed(estimated['auc'])} ({interval})")
    return f"{day}: {'; '.join(parts) or 'no figures'}"


def _row(day: date, realised: Mapping[str, Any] | None, estimated: Mapping[str, Any] | None) -> tuple[str, ...]:
    real = ("–", "–") if realised is None else (fixed(realised["auc"]), f"{realised['labelled']:,}")
    if estimated is None:
        return (str(day), *real, "–", "–", "")
    interval = (
        "–" if estimated["auc_low"] is None else f"{fixed(estimated['auc_low'])} to {fixed(estimated['auc_high'])}"
    )
    return (str(day), *real, fixed(estimated["auc"]), interval, estimated["reason"] or "")
