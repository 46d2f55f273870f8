"""Pictures of drift, as PNG bytes.

Belongs here: one function per picture of the table `drift`, each titled with its result. Does not belong here:
computing figures, the style (`assets.metrics.plot_style`).
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from assets.metrics.plot_style import DASHED, HALO, STYLE, figure, png
from assets.monitoring.distributions.figures import Drift
from assets.monitoring.plots import all_days, dated, dates_of, empty

_MOST_SHOWN = 24
_HEAT = LinearSegmentedColormap.from_list(
    "drift",
    [(0.0, "#f4f7f9"), (0.4999, STYLE["model_light"]), (0.5, STYLE["bad_light"]), (0.75, STYLE["bad"]), (1, "#6e2417")],
)


def psi_bars(figures: Sequence[Drift], *, day: date) -> bytes:
    """The stability index of every feature, of the score and the decisions against its limit, the largest at the top.

    Args:
        figures: Those of a day; the window's of batch rows are drawn.
        day: The last day of the window.
    """
    drawn = [figure for figure in figures if (figure.horizon, figure.population) == ("window", "batch")]
    pairs = ((f.psi / f.psi_limit, f) for f in drawn if f.psi is not None and f.psi_limit is not None)
    known = sorted(pairs, key=lambda pair: pair[0], reverse=True)
    over = sum(times > 1 for times, _ in known)
    rows = max((f.rows for f in drawn), default=0)
    shown = known[:_MOST_SHOWN]
    picture, (axes,) = figure(
        f"{over} of {len(known)} columns moved more than their limit" if known else "Nothing to compare: no rows",
        f"population stability index over its limit, {rows:,} rows up to {day.isoformat()}{_left_out(len(known))}",
        height=1.9 + 0.26 * max(len(shown), 4),
    )
    if not shown:
        empty(axes)
        return png(picture)
    values = np.array([times for times, _ in shown])
    places = np.arange(len(shown))
    axes.barh(places, values, height=0.66, color=np.where(values > 1, STYLE["bad"], STYLE["model"]).tolist())
    axes.axvline(1, color=STYLE["muted"], linewidth=1, linestyle=DASHED)
    axes.text(1, -0.85, " limit", color=STYLE["muted"], fontsize=8.5, va="center")
    for place, (times, one) in zip(places.tolist(), shown, strict=True):
        axes.text(times, place, f" {one.psi:.2f}", va="center", fontsize=8, color=STYLE["ink"], path_effects=HALO)
    axes.set_yticks(places, [_name(f.name, f.kind) for _, f in shown])
    axes.set_ylim(len(shown) - 0.4, -1.2)
    axes.set_xlim(0, max(float(values.max()), 1.0) * 1.12)
    axes.grid(False, axis="y")
    return png(picture)


def psi_strip(drift: pa.Table, *, min_rows: int) -> bytes:
    """The stability index of every column against its limit by day; white where there were too few rows.

    Args:
        drift: A table of DRIFT_SCHEMA; the windows of batch rows are drawn.
        min_rows: Windows with fewer rows stay white.
    """
    of_windows = pc.and_(pc.equal(drift["horizon"], "window"), pc.equal(drift["population"], "batch"))
    known = pc.and_(pc.greater_equal(drift["rows"], min_rows), pc.is_valid(drift["psi_limit"]))
    names, days, grid = _grid(drift.filter(pc.and_(of_windows, known)))
    order = sorted(range(len(names)), key=lambda i: float(np.nanmax(grid[i], initial=0.0)), reverse=True)[:_MOST_SHOWN]
    over = int((np.nan_to_num(grid) > 1).any(axis=1).sum())
    picture, (axes,) = figure(
        f"{over} of {len(names)} columns moved more than their limit at some time" if names else "No drift measured",
        f"population stability index over its limit, windows ending on the day shown; {min_rows:,} rows at least"
        f"{_left_out(len(names))}",
        height=1.9 + 0.26 * max(len(order), 4),
    )
    if not order:
        empty(axes)
        return png(picture)
    edges = np.append(dates_of(days), dates_of(days)[-1] + 1) - 0.5
    levels = np.arange(len(order) + 1) - 0.5
    mesh = axes.pcolormesh(edges, levels, np.ma.masked_invalid(grid[order]), cmap=_HEAT, vmin=0, vmax=2)
    axes.hlines(levels[1:-1], edges[0], edges[-1], color="white", linewidth=1)
    axes.set_yticks(np.arange(len(order)), [names[i] for i in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(False)
    dated(axes)
    bar = picture.colorbar(mesh, ax=axes, extend="max", pad=0.01, fraction=0.025)
    bar.set_ticks([0, 1, 2], labels=["0", "limit", "twice"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0, colors=STYLE["muted"])
    return png(picture)


def _grid(drift: pa.Table) -> tuple[list[str], list[date], NDArray[np.float64]]:
    """Column names, every day from the first to the last, PSI over its limit, float64 [names, days], NaN for none."""
    days = all_days(drift["day"].unique().to_pylist())
    labels = [_name(*pair) for pair in zip(drift["name"].to_pylist(), drift["kind"].to_pylist(), strict=True)]
    names = list(dict.fromkeys(labels))
    grid = np.full((len(names), len(days)), np.nan)
    row, column = {name: i for i, name in enumerate(names)}, {day: i for i, day in enumerate(days)}
    times = pc.divide(drift["psi"], drift["psi_limit"]).to_pylist()
    for name, day, value in zip(labels, drift["day"].to_pylist(), times, strict=True):
        grid[row[name], column[day]] = np.nan if value is None else value
    return names, days, grid


def _name(name: str, kind: str) -> str:
    return "the score" if kind == "score" else name


def _left_out(known: int) -> str:
    return f"; the {_MOST_SHOWN} largest" if known > _MOST_SHOWN else ""
