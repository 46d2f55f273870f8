"""Pictures of performance, as PNG bytes, and axes of days.

Belongs here: one function per picture of the table `performance`, each titled with its result; what pictures by day
have in common. Does not belong here: pictures of drift (`distributions.plots`), computing figures, the style
(`assets.metrics.plot_style`).
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from assets.metrics.plot_style import DASHED, STYLE, figure, label, percent, png
from resources.naming import days_between

_FEW_DAYS = 4.0


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
    return _finished(picture, top, bottom)


def errors_over_time(performance: pa.Table, *, approved_mae: float | None, max_increase: float, unit: str) -> bytes:
    """Realised mean absolute error of amounts against that at approval; in a second panel the error in the mean.

    Args:
        performance: Realised figures with those of amounts; gaps are left where a figure is null.
        approved_mae: Of the evaluation; `None` draws no line.
        max_increase: How much larger the error may be, as a share.
        unit: Of the amount.
    """
    days, error = _series(performance, "mae")
    known = [value for value in error if not np.isnan(value)]
    title = f"Realised mean absolute error is {known[-1]:,.4g} {unit}" if known else "No realised error is known yet"
    picture, (top, bottom) = figure(title, "by the day on which labels matured", rows=2, height=6.2, heights=(3, 2))
    bottom.sharex(top)
    if approved_mae is not None:
        top.axhline(approved_mae, color=STYLE["muted"], linewidth=1, linestyle=DASHED, label="at approval")
        allowed = approved_mae * (1.0 + max_increase)
        top.axhline(allowed, color=STYLE["bad"], linewidth=1, linestyle=DASHED, label="the most that is allowed")
    _line(top, days, error, STYLE["model"], "realised")
    label(top, "", f"mean absolute error, {unit}")
    _line(bottom, days, _series(performance, "mean_error")[1], STYLE["bad"], "predicted less actual, as a share")
    label(bottom, "", "error in the mean")
    percent(bottom, "y")
    return _finished(picture, top, bottom)


def _finished(picture: Figure, top: Axes, bottom: Axes) -> bytes:
    """Two panels over the same days, as PNG bytes."""
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
    days = all_days(list(known))
    return days, [np.nan if known.get(day) is None else known[day] for day in days]


def all_days(days: Sequence[date]) -> list[date]:
    """Every day from the first to the last; empty for none."""
    return list(days_between(min(days), max(days))) if days else []


def dates_of(days: Sequence[date]) -> NDArray[np.float64]:
    """Days as the numbers by which Matplotlib places them."""
    return np.asarray(date2num(list(days)), dtype=np.float64)  # type: ignore[no-untyped-call]


def dated(axes: Axes) -> None:
    """Marks an axis of days whose values are drawn; few days are marked as days, never in hours."""
    first, last = axes.get_xlim()
    few = last - first < _FEW_DAYS
    locator = DayLocator() if few else AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
