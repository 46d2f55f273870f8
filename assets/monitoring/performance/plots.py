"""Pictures of performance, as PNG bytes.

Belongs here: one function per picture of the tables of this room, each titled with its result. Does not belong here:
computing figures, the style (`assets.metrics.plot_style`), the picture of realised figures (`assets.monitoring.plots`).
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes

from assets.metrics.plot_style import DASHED, STYLE, figure, label, percent, png
from assets.monitoring.performance.estimates import WHOLE
from assets.monitoring.performance.recalibration import Floats
from assets.monitoring.plots import dated, dates_of, empty, legend

_SHOWN = 40


def vintage_plot(curves: Mapping[date, Floats], vintages: pa.Table, day: date) -> bytes:
    """The cumulative bad rate of each vintage by age, the newest darkest, and where the newest will end.

    Args:
        curves: As `vintage_curves` returns them, of the last day.
        vintages: A table of VINTAGE_SCHEMA.
    """
    own = vintages.filter(pc.equal(vintages["day"], pa.scalar(day, pa.date32()))).to_pylist()
    ending = [row for row in own if row["final_bad_rate"] is not None]
    title = "No vintage of decisions can be projected yet"
    if ending:
        last = ending[-1]
        title = f"The vintage of {last['vintage']} will end at a bad rate of {last['final_bad_rate']:.1%}"
    picture, (axes,) = figure(title, f"cumulative bad rate by age of the labels, as of {day.isoformat()}", height=3.6)
    shown = sorted(curves.items())[-_SHOWN:]
    for place, (_, curve) in enumerate(shown):
        depth = (place + 1) / len(shown)
        axes.plot(np.arange(1, len(curve) + 1), curve, color=STYLE["model"], alpha=0.2 + 0.8 * depth, linewidth=1.4)
    for row in ending:
        if row["final_low"] is not None and row["age"] > 0:
            ends = [[row["final_bad_rate"] - row["final_low"]], [row["final_high"] - row["final_bad_rate"]]]
            axes.errorbar(row["age"], row["final_bad_rate"], yerr=ends, color=STYLE["bad"], fmt="o", markersize=3)
    if not shown:
        empty(axes)
        return png(picture)
    label(axes, "age in days (dots: where each vintage will end, with its 95% interval)", "bad rate")
    percent(axes, "y")
    return png(picture)


def calibration_plot(calibration: pa.Table) -> bytes:
    """Intercept and slope over the days, with 95% intervals, beside those of the reference rows."""
    rows = [row for row in calibration.to_pylist() if row["intercept"] is not None]
    moved = [row for row in rows if row["moved"]]
    title = "No calibration is known yet: too few mature labels"
    if rows:
        title = (
            f"The calibration has moved on {len(moved)} of {len(rows)} days"
            if moved
            else "The scores are as right as before"
        )
    picture, (top, bottom) = figure(title, "over the labels that matured in the window", rows=2, height=4.6)
    for axes, name in ((top, "intercept"), (bottom, "slope")):
        if not rows:
            empty(axes)
            continue
        _band(
            axes, [row["day"] for row in rows], [row[name] for row in rows],
            [row[name] - 1.96 * row[f"{name}_error"] for row in rows],
            [row[name] + 1.96 * row[f"{name}_error"] for row in rows], name,
        )  # fmt: skip
        if rows[-1][f"reference_{name}"] is not None:
            axes.axhline(rows[-1][f"reference_{name}"], color=STYLE["muted"], linewidth=1, linestyle=DASHED)
        label(axes, "", name)
        dated(axes)
    return png(picture)


def estimate_plot(estimated: pa.Table) -> bytes:
    """The estimated AUC and profit over the days with their intervals; days on which they are withheld stay empty."""
    whole = estimated.filter(pc.and_(pc.equal(estimated["part"], WHOLE), pc.equal(estimated["method"], "pape")))
    rows = [row for row in whole.to_pylist() if row["auc"] is not None]
    withheld = whole.num_rows - len(rows)
    title = "No estimate is given"
    if rows:
        title = f"The AUC is expected to be {rows[-1]['auc']:.3f} on {rows[-1]['day']}"
    picture, (top, bottom) = figure(title, f"without labels; withheld on {withheld} days", rows=2, height=4.6)
    for axes, name in ((top, "auc"), (bottom, "profit")):
        if not rows:
            empty(axes)
            continue
        low, high = ([row[f"{name}_{end}"] for row in rows] for end in ("low", "high"))
        _band(axes, [row["day"] for row in rows], [row[name] for row in rows], low, high, "expected")
        label(axes, "", "AUC" if name == "auc" else "profit")
        dated(axes)
    if rows and rows[-1]["approved_auc"] is not None:
        top.axhline(rows[-1]["approved_auc"], color=STYLE["muted"], linewidth=1, linestyle=DASHED, label="at approval")
        legend(top)
    return png(picture)


def group_plot(groups: pa.Table) -> bytes:
    """The realised AUC of each protected group and slice on the last day."""
    rows = groups.to_pylist()
    last = max((row["day"] for row in rows), default=None)
    known = [row for row in rows if row["day"] == last and row["auc"] is not None]
    title = "No group has enough mature labels"
    if known:
        lowest = min(known, key=lambda row: row["auc"])
        title = f"The AUC is lowest for {lowest['part']} {lowest['group']}: {lowest['auc']:.3f}"
    picture, (axes,) = figure(title, f"realised AUC by group, up to {last}", height=1.9 + 0.26 * max(len(known), 4))
    if not known:
        empty(axes)
        return png(picture)
    places = np.arange(len(known))
    axes.plot([row["auc"] for row in known], places, "o", color=STYLE["model"])
    axes.set_yticks(places, [f"{row['part']} {row['group']} ({row['labelled']:,})" for row in known])
    label(axes, "AUC (in brackets: labelled rows)", "")
    return png(picture)


def kpi_plot(kpis: pa.Table) -> bytes:
    """Each business figure over the days, with the band in which it is expected."""
    rows = kpis.to_pylist()
    names = list(dict.fromkeys(row["figure"] for row in rows))
    last = max((row["day"] for row in rows), default=None)
    outside = [row["figure"].replace("_", " ") for row in rows if row["outside"] and row["day"] == last]
    title = f"Outside of the expected: {', '.join(outside)}" if outside else "Every business figure is as expected"
    picture, panels = figure(title, f"up to {last}", rows=max(len(names), 1), height=1.2 + 1.3 * max(len(names), 1))
    for axes, name in zip(panels, names, strict=False):
        own = [row for row in rows if row["figure"] == name and row["value"] is not None]
        bands = [row for row in own if row["low"] is not None and np.isfinite([row["low"], row["high"]]).all()]
        axes.plot(
            dates_of([row["day"] for row in own]), [row["value"] for row in own], color=STYLE["model"], linewidth=1.6
        )
        if bands:
            axes.fill_between(
                dates_of([row["day"] for row in bands]), [row["low"] for row in bands], [row["high"] for row in bands],
                color=STYLE["model_light"], alpha=0.5, linewidth=0,
            )  # fmt: skip
        label(axes, "", name.replace("_", "\n"))
        dated(axes)
    if not names:
        empty(panels[0])
    return png(picture)


def _band(
    axes: Axes, days: Sequence[date], values: Sequence[float], low: Sequence[float], high: Sequence[float], name: str
) -> None:
    at = dates_of(days)
    axes.fill_between(at, low, high, color=STYLE["model_light"], alpha=0.5, linewidth=0)
    axes.plot(at, values, color=STYLE["model"], linewidth=1.8, marker="o" if len(days) == 1 else "", label=name)
