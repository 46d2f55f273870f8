"""The picture of the features that move the score, as PNG bytes.

Belongs here: the importance of features as bars, and the SHAP values of each row as points. Does not belong here: the
values (`explain.py`), other pictures of an evaluation (`plots.py`), the style (`assets.metrics.plot_style`).
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from assets.evaluation.explain import Explanation
from assets.metrics.plot_style import STYLE, figure, label, png

_MOST_FEATURES = 12
_VALUE_COLOURS = LinearSegmentedColormap.from_list("value", [STYLE["model"], "#d9dde1", STYLE["bad"]])


def importance(explanation: Explanation, unit: str = "log odds") -> bytes:
    """Mean size of each feature's contribution as bars, and each row's as a point coloured by the feature's value."""
    shown = min(_MOST_FEATURES, len(explanation.features))
    strength = explanation.importance
    lead = strength[:3].sum() / strength.sum() if strength.sum() > 0 else 0.0
    picture, (left, right) = figure(
        f"'{explanation.features[0]}' moves the score most; the first three features carry {lead:.0%}",
        f"SHAP values of {len(explanation.contributions):,} test rows, in {unit}",
        columns=2,
        height=1.6 + 0.34 * shown,
        widths=(1, 2.1),
    )
    places = np.arange(shown)[::-1]
    left.barh(places, strength[:shown], height=0.62, color=STYLE["model"])
    for place, value in zip(places, strength[:shown], strict=True):
        left.text(value + strength[0] * 0.02, place, f"{value:.2f}", va="center", fontsize=8, color=STYLE["muted"])
    left.set_xlim(0, strength[0] * 1.2 if strength[0] > 0 else 1)
    left.set_yticks(places, explanation.features[:shown], fontsize=9, color=STYLE["ink"])
    left.set_xticks([])
    label(left, "mean absolute contribution", "")
    for slot, place in enumerate(places):
        _swarm(right, explanation.contributions[:, slot], explanation.values[:, slot], float(place))
    right.axvline(0, color=STYLE["muted"], linewidth=0.8, zorder=1)
    right.set_yticks([])
    for axes in (left, right):
        axes.set_ylim(-0.7, shown - 0.3)
        axes.grid(visible=False)
    label(
        right, "lowers the score   \N{LEFTWARDS ARROW}   contribution in one row   \N{RIGHTWARDS ARROW}   raises it", ""
    )
    _value_key(right)
    return png(picture)


def _swarm(axes: Axes, contributions: NDArray[np.float64], values: NDArray[np.float64], place: float) -> None:
    """The points of one feature, spread up and down where many rows have about the same contribution."""
    order = np.argsort(contributions, kind="stable")
    ordered = contributions[order]
    span = np.ptp(contributions)
    cell = np.floor((ordered - ordered[0]) / (span / 90 if span > 0 else 1.0)).astype(np.int64)
    counts = np.bincount(cell)
    within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    side = np.where(within % 2 == 0, 1.0, -1.0) * ((within + 1) // 2)
    offset = side * 0.68 / max(int(counts.max()), 24)
    present = values[~np.isnan(values)]
    ranks = np.searchsorted(np.sort(present), values[order]) / max(len(present), 1)
    colours = np.where(np.isnan(values[order])[:, None], (0.62, 0.65, 0.69, 1.0), _VALUE_COLOURS(ranks))
    axes.scatter(ordered, place + offset, s=5, c=colours, linewidths=0, zorder=3)


def _value_key(axes: Axes) -> None:
    """The key to the colours of the points."""
    key = axes.inset_axes((0.76, 1.0, 0.13, 0.016))
    key.imshow(np.linspace(0, 1, 64)[None, :], aspect="auto", cmap=_VALUE_COLOURS)
    key.set_axis_off()
    axes.text(0.75, 1.008, "low", fontsize=8, color=STYLE["model"], ha="right", va="center", transform=axes.transAxes)
    axes.text(0.9, 1.008, "high value", fontsize=8, color=STYLE["bad"], va="center", transform=axes.transAxes)
