"""Pictures of a model of an amount, as PNG bytes.

Belongs here: actual over predicted amounts, and errors. Does not belong here: the figures (`figures.py`), pictures of
SHAP values (`assets.evaluation.importance_plot`), the style (`assets.metrics.plot_style`).
"""

import numpy as np

from assets.evaluation import dependence_plot, importance_plot
from assets.evaluation.amounts.figures import AmountEvaluation
from assets.metrics.plot_style import STYLE, figure, label, png
from assets.product import Amount


def draw_amounts(found: AmountEvaluation, target: Amount) -> dict[str, bytes]:
    """The pictures by name."""
    unit = target.unit
    of = unit if target.link == "identity" else f"logarithms of the amount ({unit})"
    return {
        "calibration": _deciles(found, unit),
        "residuals": _residuals(found, unit),
        "importance": importance_plot.importance(found.explanation, of),
        "dependence": dependence_plot.dependence(found.explanation, of),
    }


def _deciles(found: AmountEvaluation, unit: str) -> bytes:
    """Mean actual over mean predicted amounts, by tenths of the rows."""
    curve, error = found.deciles, found.test.mean_error
    told = "unknown" if error is None else f"{error:+.1%}"
    picture, (axes,) = figure(
        f"Predictions are off by {told} in the mean",
        f"{found.test.rows:,} test rows in {len(curve.rows)} parts by predicted amount, {unit}; the line is perfect",
    )
    both = np.concatenate([curve.predicted, curve.actual])
    ends = [float(both.min()), float(both.max())]
    axes.plot(ends, ends, color=STYLE["faint"], linewidth=1.2, zorder=1)
    axes.plot(curve.predicted, curve.actual, "o-", color=STYLE["model"], linewidth=1.2, markersize=5)
    label(axes, f"mean predicted amount, {unit}", f"mean actual amount, {unit}")
    return png(picture)


def _residuals(found: AmountEvaluation, unit: str) -> bytes:
    """How errors are spread, and how they grow with the prediction."""
    error = found.actual - found.predicted
    low, high = np.percentile(error, [1.0, 99.0])
    picture, (left, right) = figure(
        f"Half of the errors are within {np.median(np.abs(error)):,.4g} {unit}",
        f"Actual less predicted amounts of {len(error):,} test rows; the outer 1% on either side are not shown",
        columns=2,
    )
    left.hist(np.clip(error, low, high), bins=40, color=STYLE["model"])
    label(left, f"actual less predicted, {unit}", "rows")
    order = np.linspace(0, len(error) - 1, min(len(error), 2_000)).astype(np.int64)
    right.scatter(found.predicted[order], np.clip(error[order], low, high), s=4, color=STYLE["model"], alpha=0.4)
    right.axhline(0.0, color=STYLE["faint"], linewidth=1.2)
    label(right, f"predicted, {unit}", f"actual less predicted, {unit}")
    return png(picture)
