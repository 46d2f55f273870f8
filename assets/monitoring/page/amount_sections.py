"""The sections on performance of a product whose target is an amount: realised errors, by day and by group.

Belongs here: this picture and these tables. Does not belong here: drawing (`assets.pages.drawing`), the figures
(`assets.monitoring.performance.amounts`), the section of a binary target (`performance_sections.py`).
"""

from html import escape
from typing import Any

from assets.monitoring.page.report import FIGURES, MonitoringReport, rows_by_day
from assets.monitoring.performance.amounts import BINARY_ALONE
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.pages.drawing import axes_of, chart, data_table, day_ticks, level, line, plot_figure, pointers, wide_table
from assets.pages.words import number, percent
from assets.product import Amount
from assets.product.names import GROUP_PERFORMANCE


def amount_section(report: MonitoringReport, target: Amount) -> str:
    """The realised mean absolute error of each day of the window, beside that at approval."""
    rows = [row for row in _rows(report) if row["mae"] is not None]
    if not rows:
        return f"<p>No realised error is known yet. {escape(_ESTIMATES)}</p>"
    days, xs = [row["day"] for row in rows], [float(row["day"].toordinal()) for row in rows]
    errors, approved = [row["mae"] for row in rows], rows[-1]["approved_mae"]
    allowed = None if approved is None else approved * (1.0 + report.product.monitoring.max_mae_increase)
    axes = axes_of(xs, [*errors, approved, allowed], zero=True)
    drawn = "" if approved is None or allowed is None else level(axes, approved, "reference")
    drawn += "" if allowed is None else level(axes, allowed, "limit")
    drawn += line(axes, xs, errors, "model")
    drawn += pointers(axes, xs, [f"{row['day']}: {number(row['mae'])} over {row['labelled']:,} labels" for row in rows])
    last = rows[-1]
    title = f"The mean absolute error is {number(last['mae'])} {target.unit} on {last['day']}"
    note = (
        f"Over the labels that became final in the {report.product.monitoring.window_days} days up to each day. "
        f"{escape(_ESTIMATES)}"
    )
    table = data_table(
        ("day", f"MAE, {target.unit}", "at approval", f"bias, {target.unit}", "error in the mean", "labels"),
        [
            (str(row["day"]), number(row["mae"]), number(row["approved_mae"]), number(row["bias"]),
             percent(row["mean_error"]), f"{row['labelled']:,}")
            for row in rows
        ],
    )  # fmt: skip
    keys = [("model", "realised"), ("reference", "at approval"), ("limit", "the most that is allowed")]
    shown = chart(axes, drawn, title, x_ticks=day_ticks(days), y_words=number, tall="tall")
    return plot_figure(title, note, shown, keys=keys, table=table)


def amount_groups(report: MonitoringReport, target: Amount) -> str:
    """The errors of each protected group and slice, over the newest window."""
    rows = rows_by_day(report.tables.get(GROUP_PERFORMANCE))
    if not rows:
        return "<p>No figure of a group is known yet.</p>"
    last = rows[-1]["day"]
    shown = [
        (f"{row['part']} {row['group']}".replace("_", " "), f"{row['labelled']:,}", number(row["mae"]),
         number(row["mean_actual"]), number(row["mean_predicted"]), percent(row["mean_error"]),
         percent(row["acceptance"]))
        for row in rows
        if row["day"] == last
    ]  # fmt: skip
    heads = ("group", "labels", f"MAE, {target.unit}", "mean actual", "mean predicted", "error in the mean", "accepted")
    return wide_table(heads, shown)


_ESTIMATES = f"Nothing is estimated before labels are known: {BINARY_ALONE}."


def _rows(report: MonitoringReport) -> list[dict[str, Any]]:
    rows = rows_by_day(report.tables.get(FIGURES))
    return [row for row in rows if row.get("role", EVERY_ROLE) == EVERY_ROLE and "mae" in row]
