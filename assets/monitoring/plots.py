"""Pictures of drift and performance, as PNG bytes.

Belongs here: one function per picture of drift and of realised performance, each titled with its result, and the parts
of pictures over days.
Does not belong here: computing figures, the style (`assets.metrics.plot_style`).
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from numpy.typing import NDArray

from assets.metrics.plot_style import DASHED, HALO, STYLE, figure, label, percent, png
from assets.monitoring.drift import FeatureDrift
from resources.naming import days_between

_MOST_SHOWN = 24
_HEAT = LinearSegmentedColormap.from_list(
    "drift",
    [(0.0, "#f4f7f9"), (0.4999, STYLE["model_light"]), (0.5, STYLE["bad_light"]), (0.75, STYLE["bad"]), (1, "#6e2417")],
)


def psi_bars(figures: Sequence[FeatureDrift], *, limit: float, day: date) -> bytes:
    """The stability index of every feature and of the score on one day, the largest at the top.

    Args:
        figures: The figures that `drift` or `drift_of_day` returns.
        limit: The policy's `max_psi`.
        day: The last day of the window.
    """
    known = sorted(((f.psi, f) for f in figures if f.psi is not None), key=lambda pair: pair[0], reverse=True)
    over = sum(psi > limit for psi, _ in known)
    rows = max((f.rows for f in figures), default=0)
    shown = known[:_MOST_SHOWN]
    picture, (axes,) = figure(
        f"{over} of {len(known)} columns moved more than the limit" if known else "Nothing to compare: no rows",
        f"population stability index, {rows:,} rows up to {day.isoformat()}{_left_out(len(known))}",
        height=1.9 + 0.26 * max(len(shown), 4),
    )
    if not shown:
        empty(axes)
        return png(picture)
    values = np.array([psi for psi, _ in shown])
    places = np.arange(len(shown))
    axes.barh(places, values, height=0.66, color=np.where(values > limit, STYLE["bad"], STYLE["model"]).tolist())
    axes.axvline(limit, color=STYLE["muted"], linewidth=1, linestyle=DASHED)
    axes.text(limit, -0.85, f" limit {limit:g}", color=STYLE["muted"], fontsize=8.5, va="center")
    for place, value in zip(places.tolist(), values.tolist(), strict=True):
        axes.text(value, place, f" {value:.2f}", va="center", fontsize=8, color=STYLE["ink"], path_effects=HALO)
    axes.set_yticks(places, [_name(f.name, f.kind) for _, f in shown])
    axes.set_ylim(len(shown) - 0.4, -1.2)
    axes.set_xlim(0, max(float(values.max()), limit) * 1.12)
    axes.grid(False, axis="y")
    return png(picture)


def psi_strip(drift: pa.Table, *, limit: float, min_rows: int) -> bytes:
    """The stability index of every feature and of the score by day; white where there were too few rows.

    Args:
        drift: A table of DRIFT_SCHEMA.
        limit: The policy's `max_psi`, at which the colour turns from blue to red.
        min_rows: Windows with fewer rows stay white.
    """
    names, days, grid = _grid(drift.filter(pc.greater_equal(drift["rows"], min_rows)))
    order = sorted(range(len(names)), key=lambda i: float(np.nanmax(grid[i], initial=0.0)), reverse=True)[:_MOST_SHOWN]
    over = int((np.nan_to_num(grid) > limit).any(axis=1).sum())
    picture, (axes,) = figure(
        f"{over} of {len(names)} columns moved more than the limit at some time" if names else "No drift measured yet",
        f"population stability index, windows ending on the day shown; {min_rows:,} rows at least"
        f"{_left_out(len(names))}",
        height=1.9 + 0.26 * max(len(order), 4),
    )
    if not order:
        empty(axes)
        return png(picture)
    edges = np.append(dates_of(days), dates_of(days)[-1] + 1) - 0.5
    levels = np.arange(len(order) + 1) - 0.5
    mesh = axes.pcolormesh(edges, levels, np.ma.masked_invalid(grid[order]), cmap=_HEAT, vmin=0, vmax=2 * limit)
    axes.hlines(levels[1:-1], edges[0], edges[-1], color="white", linewidth=1)
    axes.set_yticks(np.arange(len(order)), [names[i] for i in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(False)
    dated(axes)
    bar = picture.colorbar(mesh, ax=axes, extend="max", pad=0.01, fraction=0.025)
    bar.set_ticks([0, limit, 2 * limit], labels=["0", f"{limit:g} limit", f"{2 * limit:g}"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0, colors=STYLE["muted"])
    return png(picture)


def performance_over_time(performance: pa.Table, *, approved_auc: float | None, max_auc_loss: float) -> bytes:
    """Realised AUC against the AUC at approval; in a second panel the bad rate and the acceptance rate.

    Args:
        performance: A table of PERFORMANCE_SCHEMA; gaps are left where a figure is null.
        approved_auc: From the reference profile; `None` draws no line.
        max_auc_loss: The allowed distance below that line.
    """
    days, auc = _series(performance, "auc")
    title, subtitle = _headline(days, auc, approved_auc, max_auc_loss)
    picture, (top, bottom) = figure(title, subtitle, rows=2, height=6.2, heights=(3, 2))
    bottom.sharex(top)
    if approved_auc is not None:
        top.axhline(approved_auc, color=STYLE["muted"], linewidth=1, linestyle=DASHED, label="at approval")
        top.axhspan(0, approved_auc - max_auc_loss, color=STYLE["bad"], alpha=0.08, linewidth=0, label="too low")
    _line(top, days, auc, STYLE["model"], "realised")
    _auc_limits(top, auc, approved_auc, max_auc_loss)
    label(top, "", "AUC")
    _line(bottom, days, _series(performance, "bad_rate")[1], STYLE["bad"], "bad rate of accepted rows")
    _line(bottom, days, _series(performance, "acceptance")[1], STYLE["model"], "accepted")
    bottom.set_ylim(0, 1.02)
    label(bottom, "", "share of rows")
    percent(bottom, "y")
    for axes in (top, bottom):
        legend(axes)
        dated(axes)
    top.tick_params(labelbottom=False)
    return png(picture)


def _headline(days: list[date], auc: list[float], approved: float | None, loss: float) -> tuple[str, str]:
    subtitle = "by the day on which labels matured"
    known = [(day, value) for day, value in zip(days, auc, strict=True) if not np.isnan(value)]
    if not known:
        return "Realised performance is not known yet: too few mature labels", subtitle
    day, value = known[-1]
    if approved is None:
        return f"Realised AUC is {value:.3f} on {day.isoformat()}", f"{subtitle}; the AUC at approval is not known"
    change = value - approved
    where = f"{abs(change):.3f} {'above' if change >= 0 else 'below'} approval"
    return (
        f"Realised AUC is {value:.3f} on {day.isoformat()}, {where}",
        f"{subtitle}; at most {loss:g} below is allowed",
    )


def _line(axes: Axes, days: list[date], values: list[float], colour: str, name: str) -> None:
    """A line with gaps, and a dot for each value between two gaps, where no line is drawn."""
    known, at = ~np.isnan(values), dates_of(days)
    alone = known & ~np.append(False, known[:-1]) & ~np.append(known[1:], False)
    axes.plot(at, values, color=colour, linewidth=1.8, label=name)
    axes.plot(at[alone], np.asarray(values)[alone], color=colour, marker="o", markersize=4, linestyle="")


def _auc_limits(axes: Axes, values: Sequence[float], approved: float | None, loss: float) -> None:
    marks = [value for value in values if not np.isnan(value)]
    marks += [approved, approved - loss] if approved is not None else []
    if marks:
        axes.set_ylim(max(0.0, min(marks) - 0.03), min(1.0, max(marks) + 0.03))


def legend(axes: Axes) -> None:
    """The names of lines, above the axes."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=5, frameon=False, fontsize=8.5, labelcolor=STYLE["ink"]
    )


def empty(axes: Axes) -> None:
    """Axes without anything to show."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)


def _series(table: pa.Table, column: str) -> tuple[list[date], list[float]]:
    """Every day from the first to the last, and the values, NaN where a day has none."""
    known = dict(zip(table["day"].to_pylist(), table[column].to_pylist(), strict=True))
    days = _all_days(list(known))
    return days, [np.nan if known.get(day) is None else known[day] for day in days]


def _grid(drift: pa.Table) -> tuple[list[str], list[date], NDArray[np.float64]]:
    """Column names, every day from the first to the last, and PSI float64 [names, days], NaN where there is none."""
    days = _all_days(drift["day"].unique().to_pylist())
    labels = [_name(*pair) for pair in zip(drift["name"].to_pylist(), drift["kind"].to_pylist(), strict=True)]
    names = list(dict.fromkeys(labels))
    grid = np.full((len(names), len(days)), np.nan)
    row, column = {name: i for i, name in enumerate(names)}, {day: i for i, day in enumerate(days)}
    for name, day, value in zip(labels, drift["day"].to_pylist(), drift["psi"].to_pylist(), strict=True):
        grid[row[name], column[day]] = np.nan if value is None else value
    return names, days, grid


def _all_days(days: Sequence[date]) -> list[date]:
    return list(days_between(min(days), max(days))) if days else []


def dates_of(days: Sequence[date]) -> NDArray[np.float64]:
    """Days as the numbers of Matplotlib's axis of time: float64 [days]."""
    return np.asarray(date2num(list(days)), dtype=np.float64)  # type: ignore[no-untyped-call]


def dated(axes: Axes) -> None:
    """Gives the axes short dates."""
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _name(name: str, kind: str) -> str:
    return "the score" if kind == "score" else name


def _left_out(known: int) -> str:
    return f"; the {_MOST_SHOWN} largest" if known > _MOST_SHOWN else ""
