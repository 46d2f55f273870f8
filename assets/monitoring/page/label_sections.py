"""The sections on labels: calibration, vintages, groups.

Belongs here: these pictures and the tables behind them. Does not belong here: drawing (`drawing.py`), the figures
(`assets.monitoring.performance`), performance itself (`performance_sections.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

from assets.monitoring.page.report import MonitoringReport, rows_by_day
from assets.monitoring.page.summary import acceptance_ratios, last_rows
from assets.monitoring.performance.verdicts import auc_error
from assets.pages.drawing import (
    Axes,
    axes_of,
    band,
    chart,
    data_table,
    day_ticks,
    dot,
    level,
    line,
    plot_figure,
    pointers,
    stripes,
    upright,
)
from assets.pages.words import fixed, number, percent, sentence
from assets.product.names import CALIBRATION, GROUP_PERFORMANCE, VINTAGES

_REACH = 1.959964
_CURVES = 26
"""The most vintages whose curves are drawn."""


def calibration_section(report: MonitoringReport) -> str:
    """Intercept and slope of the calibration over the days, with their intervals, beside the reference rows'."""
    rows = [row for row in rows_by_day(report.tables.get(CALIBRATION)) if row["intercept"] is not None]
    if not rows:
        return "<p>No calibration is known yet: too few final labels.</p>"
    last, figures = rows[-1], []
    for name, meaning in (("intercept", "too low (above the line) or too high (below)"),
                          ("slope", "too timid (above) or too bold (below)")):  # fmt: skip
        days = [row["day"] for row in rows]
        xs = [float(day.toordinal()) for day in days]
        values = [row[name] for row in rows]
        low = [row[name] - _REACH * row[f"{name}_error"] for row in rows]
        high = [row[name] + _REACH * row[f"{name}_error"] for row in rows]
        before = last[f"reference_{name}"]
        axes = axes_of(xs, [*low, *high, before])
        drawn = band(axes, xs, low, high, "band") + line(axes, xs, values, "model")
        drawn += "" if before is None else level(axes, before, "reference")
        drawn += stripes(axes, [float(row["day"].toordinal()) for row in rows if row["moved"]], "alarm")
        drawn += pointers(axes, xs, [f"{row['day']}: {row['reason']}" for row in rows])
        shown = chart(axes, drawn, f"{name} {values[-1]:.2f}", x_ticks=day_ticks(days), y_words=lambda v: f"{v:.2g}")
        title = f"{name.capitalize()} {values[-1]:.2f}" + ("" if before is None else f", {before:.2f} before")
        figures.append(plot_figure(title, f"Scores are {meaning}.", shown))
    heads = ("day", "labels", "intercept", "slope", "calibration error", "moved", "p")
    table = data_table(heads, [
        (str(row["day"]), f"{row['rows']:,}", f"{row['intercept']:.2f} ± {_REACH * row['intercept_error']:.2f}",
         f"{row['slope']:.2f} ± {_REACH * row['slope_error']:.2f}", percent(row["calibration_error"]),
         {True: "yes", False: "no", None: "unknown"}[row["moved"]], number(row["p_value"]))
        for row in rows
    ])  # fmt: skip
    moved = sum(bool(row["moved"]) for row in rows)
    told = f"It has moved on {moved} of {len(rows)} days shown." if moved else "It has not moved on any day shown."
    keys = [("model", "of the labels"), ("band", "95% interval"), ("reference", "of the reference rows")]
    legend = "".join(f'<span><i class="key {kind}"></i>{name}</span>' for kind, name in keys)
    pair = f'<div class="pair">{"".join(figures)}</div>'
    return f"<p>{escape(sentence(last['reason']))}. {told}</p><div class=legend>{legend}</div>{pair}{table}"


def vintage_section(report: MonitoringReport) -> str:
    """For each vintage its bad rate by age, the newest darkest, and where it will end."""
    table = report.tables.get(VINTAGES)
    rows = [row for row in rows_by_day(table) if row["bad_rate"] is not None]
    if not rows:
        return "<p>No vintage has decisions whose labels are followed yet.</p>"
    curves: dict[date, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        curves.setdefault(row["vintage"], {})[row["age"]] = row
    shown = sorted(curves.items())[-_CURVES:]
    drawn_of = {vintage for vintage, _ in shown}
    ending = [
        row for row in last_rows(report, VINTAGES)
        if row["final_bad_rate"] is not None and row["vintage"] in drawn_of
    ]  # fmt: skip
    known = [row["bad_rate"] for _, ages in shown for row in ages.values()]
    oldest = max(age for _, ages in shown for age in ages)
    ends = [row[name] for row in ending for name in ("final_low", "final_high", "final_bad_rate")]
    axes = axes_of([0.0, float(oldest) * 1.06 + 1], [*known, *ends], zero=True)
    drawn = ""
    for place, (_, ages) in enumerate(shown):
        xs = [float(age) for age in sorted(ages)]
        values = [ages[int(x)]["bad_rate"] for x in xs]
        drawn += line(axes, xs, values, f"vintage v{1 + (5 * place) // max(len(shown), 1)}")
    for row in ending:
        if row["final_low"] is not None and row["age"] > 0:
            drawn += upright(axes, float(row["age"]), row["final_low"], row["final_high"], "reach")
            drawn += dot(axes, float(row["age"]), row["final_bad_rate"], "bad dot")
    ticks = [(float(at), f"{at} d") for at in _round_ages(oldest)]
    last = ending[-1] if ending else None
    title = "No vintage can be projected yet"
    if last is not None:
        title = f"The decisions of {last['vintage']} will end at a bad rate of {percent(last['final_bad_rate'])}"
    note = "The share of a vintage's decisions that turned bad, by the age of the vintage; red: where each will end."
    picture = chart(axes, drawn, title, x_ticks=ticks, y_words=percent, tall="tall")
    heads = ("vintage", "age", "decisions", "followed", "known", "bad so far", "complete", "will end at", "interval")
    behind = data_table(heads, [
        (str(row["vintage"]), f"{row['age']} d", f"{row['decisions']:,}", f"{row['followed']:,}", f"{row['known']:,}",
         percent(row["bad_rate"]), percent(row["completion"]), percent(row["final_bad_rate"]),
         "–" if row["final_low"] is None else f"{percent(row['final_low'])} to {percent(row['final_high'])}")
        for row in last_rows(report, VINTAGES)
    ])  # fmt: skip
    keys = [("vintage v1", "older vintages"), ("vintage v5", "newer ones"), ("bad dot", "end, with 95% interval")]
    return plot_figure(title, note, picture, keys=keys, table=behind)


def groups_section(report: MonitoringReport) -> str:
    """Of each protected group and slice the AUC with its interval, and how often it is accepted."""
    rows = last_rows(report, GROUP_PERFORMANCE)
    if not rows:
        return "<p>No group has decisions with final labels yet.</p>"
    protected = [one.column for one in report.product.protected]
    told, ratios = [], acceptance_ratios(report)
    for name, (ratio, group) in ratios.items():
        least = report.product.gates.min_selection_ratio
        word = "below" if ratio < least else "within"
        told.append(f"<li>{escape(name)}: {escape(group)} is accepted {ratio:.2f} times as often as the most "
                    f"accepted group, {word} the limit of {least:g}</li>")  # fmt: skip
    parts = sorted({row["part"] for row in rows}, key=lambda part: (part not in protected, part))
    low, high = _range_of(rows)
    axes = Axes(low, high, 0.0, 1.0)
    drawn = "".join(
        _part(part, [row for row in rows if row["part"] == part], axes, part in protected) for part in parts
    )
    heads = ("part", "group", "rows", "labels", "bad", "AUC", "bad rate", "accepted", "profit")
    table = data_table(heads, [
        (row["part"], row["group"], f"{row['rows']:,}", f"{row['labelled']:,}", f"{row['positives']:,}",
         fixed(row["auc"]), percent(row["bad_rate"]), percent(row["acceptance"]), number(row["profit"]))
        for row in rows
    ])  # fmt: skip
    listed = f"<ul>{''.join(told)}</ul>" if told else ""
    known = [row for row in rows if row["auc"] is not None]
    title = "No group has enough final labels for an AUC"
    if known:
        lowest = min(known, key=lambda row: row["auc"])
        title = f"The AUC is lowest for {lowest['part']} {lowest['group']}: {fixed(lowest['auc'])}"
    note = f"Realised AUC with its 95% interval, from {low:.2f} to {high:.2f}; and the share that was accepted."
    return listed + plot_figure(title, note, f'<div class="groups">{drawn}</div>', table=table)


def _part(part: str, rows: Sequence[Mapping[str, Any]], axes: Axes, is_protected: bool) -> str:
    kind = "protected attribute" if is_protected else "slice"
    shown = "".join(_group(row, axes) for row in rows)
    return f"<h4>{escape(part.replace('_', ' '))} <small>{kind}</small></h4>{shown}"


def _group(row: Mapping[str, Any], axes: Axes) -> str:
    """A row with the AUC and its interval as a dot, and the acceptance as a bar."""
    said = f"{row['part']} {row['group']}: AUC {fixed(row['auc'])} over {row['labelled']:,} labels"
    drawn = ""
    if row["auc"] is not None:
        error = _REACH * auc_error(row["auc"], row["positives"], row["scored"] - row["positives"])
        left, right = axes.x(max(row["auc"] - error, axes.first)), axes.x(min(row["auc"] + error, axes.last))
        drawn = f'<path class="reach model" d="M{left} 500H{right}"/>'
        drawn += f'<path class="model dot" d="M{axes.x(row["auc"])} 500h0"/>'
    taken = 100 * (row["acceptance"] or 0.0)
    name = f'<span title="{escape(str(row["group"]))}">{escape(str(row["group"]).replace("_", " "))}</span>'
    if row["auc"] is None:
        return f'<div class="group few">{name}<small>too few final labels ({row["labelled"]:,})</small></div>'
    return (
        f'<div class="group">{name}'
        f'<svg role="img" viewBox="0 0 1000 1000" preserveAspectRatio="none"><title>{escape(said)}</title>'
        f'<path class="grid" d="M0 500H1000"/>{drawn}</svg><b>{fixed(row["auc"])}</b>'
        f'<span class="bar" title="accepted {percent(row["acceptance"])}"><i style="width:{taken:.3g}%"></i></span>'
        f"<b>{percent(row['acceptance'])}</b></div>"
    )


def _range_of(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The range of the groups' AUC, in steps of a twentieth."""
    known = [row["auc"] for row in rows if row["auc"] is not None]
    if not known:
        return 0.5, 1.0
    low, high = min(known) - 0.1, max(known) + 0.1
    return max(0.0, int(low * 20) / 20), min(1.0, (int(high * 20) + 1) / 20)


def _round_ages(oldest: int) -> list[int]:
    step = max(1, next((step for step in (1, 2, 5, 7, 10, 14, 15, 30, 60, 90) if oldest / step <= 7), 180))
    return list(range(0, oldest + 1, step))
