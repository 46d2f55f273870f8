"""The picture of how the score depends on a feature's value, as PNG bytes.

Belongs here: SHAP values over the values of the most important features. Does not belong here: the values
(`explain.py`), the importance of features (`importance_plot.py`), the style (`assets.metrics.plot_style`).
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from assets.evaluation.explain import Explanation
from assets.metrics.plot_style import STYLE, figure, label, png, short

_SHOWN = 6
_COLUMNS = 3
_BINS = 12
_TAILS = (0.01, 0.99)
"""The axis of values ends there, so that a few extreme rows do not press all others together."""


def dependence(explanation: Explanation, unit: str = "log odds") -> bytes:
    """The contribution of each of the most important numbers over its value: rows as points, their mean as a line.

    Rows without a value are on the left of a panel, categories have no panel.
    """
    numbers = [slot for slot in range(len(explanation.features)) if not np.isnan(explanation.values[:, slot]).all()]
    shown = numbers[:_SHOWN]
    rows = max(1, -(-len(shown) // _COLUMNS))
    picture, panels = figure(
        _title(explanation, shown[0]) if shown else "No feature is a number",
        f"SHAP values of {len(explanation.contributions):,} test rows, in {unit}; above 0 a value raises the score",
        columns=_COLUMNS,
        rows=rows,
        height=0.9 + 2.3 * rows,
    )
    for axes, slot in zip(panels, shown, strict=False):
        _panel(axes, explanation.values[:, slot], explanation.contributions[:, slot], explanation.features[slot])
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    return png(picture)


def _title(explanation: Explanation, slot: int) -> str:
    values, contributions = explanation.values[:, slot], explanation.contributions[:, slot]
    known = ~np.isnan(values)
    _, means = _means(values[known], contributions[known])
    return f"Over its values '{explanation.features[slot]}' moves the score by {np.ptp(means):.2f}"


def _panel(axes: Axes, values: NDArray[np.float64], contributions: NDArray[np.float64], feature: str) -> None:
    known = ~np.isnan(values)
    low, high = np.quantile(values[known], _TAILS)
    inside = known & (values >= low) & (values <= high)
    axes.axhline(0, color=STYLE["muted"], linewidth=0.8, zorder=1)
    axes.scatter(values[inside], contributions[inside], s=4, c=STYLE["model_light"], linewidths=0, zorder=2)
    centres, means = _means(values[inside], contributions[inside])
    axes.plot(centres, means, color=STYLE["model"], linewidth=1.8, zorder=3)
    room = (high - low) * 0.2 or 1.0
    if not known.all():
        missing = contributions[~known]
        axes.scatter(np.full(len(missing), low - room), missing, s=5, c=STYLE["baseline"], linewidths=0, zorder=2)
        axes.text(
            low - room, 0.98, "missing", fontsize=7.5, color=STYLE["baseline"], ha="left", va="top",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    label(axes, feature, "")


def _means(
    values: NDArray[np.float64], contributions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean value and the mean contribution of rows in bins of about equal count, rising."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    cells = np.searchsorted(edges, values, side="left")
    found = np.unique(cells)
    centres = np.array([values[cells == cell].mean() for cell in found])
    return centres, np.array([contributions[cells == cell].mean() for cell in found])
