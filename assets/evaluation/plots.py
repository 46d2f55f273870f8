"""Pictures of an evaluation, as PNG bytes.

Belongs here: one function per picture, each titled with its result. Does not belong here: computing figures
(`assets.metrics`), the picture of SHAP values (`importance_plot.py`), the style (`assets.metrics.plot_style`).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from assets.bundle.calibration import log_odds
from assets.evaluation.fairness.figures import FairnessReport
from assets.metrics.calibration import calibration_error, reliability, wilson_interval
from assets.metrics.plot_style import DASHED, HALO, STYLE, figure, label, note, odds_ticks, percent, png, short, spaced
from assets.metrics.profit import ProfitCurve, ThresholdChoice

_RATES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def ranking(y: NDArray[np.int8], scores: NDArray[np.float64], scorecard: NDArray[np.float64]) -> bytes:
    """ROC and precision-recall of the model and its baseline."""
    auc, base_auc = float(roc_auc_score(y, scores)), float(roc_auc_score(y, scorecard))
    picture, (left, right) = figure(
        f"The model ranks {auc:.1%} of bad-good pairs correctly; the scorecard {base_auc:.1%}",
        f"{len(y):,} test rows, {int(y.sum()):,} of them bad; AUC is the area on the left, AP the average precision",
        columns=2,
        height=4.6,
    )
    left.plot([0, 1], [0, 1], color=STYLE["faint"], linewidth=1.2, zorder=1)
    spots = _free_spots(y, scores)
    for values, colour, name, spot in (
        (scorecard, STYLE["baseline"], f"scorecard  AUC {base_auc:.3f}", 0.06),
        (scores, STYLE["model"], f"model  AUC {auc:.3f}", 0.13),
    ):
        false_rate, true_rate, _ = roc_curve(y, values)
        left.plot(false_rate, true_rate, color=colour, linewidth=1.8)
        note(left, 0.97, spot, name, colour)
        precision, recall, _ = precision_recall_curve(y, values)
        right.plot(recall[:-1], precision[:-1], color=colour, linewidth=1.8)
        words = name.split("  ")[0] + f"  AP {average_precision_score(y, values):.3f}"
        note(right, *spots.pop(), words, colour)
    right.axhline(float(y.mean()), color=STYLE["faint"], linewidth=1.2, zorder=1)
    right.text(0.005, float(y.mean()) + 0.012, f"by chance {y.mean():.1%}", color=STYLE["muted"], fontsize=8)
    label(left, "share of good rows flagged", "share of bad rows flagged")
    label(right, "share of bad rows flagged", "share of flagged rows that are bad")
    for axes in (left, right):
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        percent(axes, "xy")
    return png(picture)


def _free_spots(y: NDArray[np.int8], scores: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Places for the names of two curves, clear of both and of the line of chance at the bottom.

    The upper right, unless the model's curve is high enough to pass there: then the middle, below it.
    """
    precision, recall, _ = precision_recall_curve(y, scores)
    if precision[recall >= 0.4].max() < 0.8:
        return [(0.97, 0.92), (0.97, 0.85)]
    return [(0.6, 0.45), (0.6, 0.38)]


def calibration(y: NDArray[np.int8], probability: NDArray[np.float64]) -> bytes:
    """Predicted against observed rates in ten bins of equal count, with 95% Wilson intervals."""
    curve = reliability(y, probability)
    error = calibration_error(y, probability)
    picture, (axes,) = figure(
        f"Predicted and observed rates differ by {error * 100:.2g} percentage points on average",
        f"{len(y):,} test rows in {len(curve.rows)} bins of about equal count, with 95% intervals; dashed: perfect",
    )
    low, high = wilson_interval(curve.observed, curve.rows)
    top = float(max(high.max(), curve.predicted.max())) * 1.06
    if np.median(curve.predicted) < top / 10:
        # Rare outcomes: most bins lie near 0; a square-root scale spreads them and keeps the diagonal straight.
        for scale in (axes.set_xscale, axes.set_yscale):
            scale("function", functions=(_root, np.square))
        axes.set_xticks(spaced([rate for rate in _RATES if rate < top], np.sqrt(top) * 0.06, np.sqrt))
        axes.set_yticks(axes.get_xticks())
    axes.plot([0, top], [0, top], color=STYLE["muted"], linewidth=1, linestyle=DASHED, zorder=1)
    axes.vlines(curve.predicted, low, high, color=STYLE["model_light"], linewidth=5, zorder=2)
    axes.plot(curve.predicted, curve.observed, color=STYLE["model"], linewidth=1.2, zorder=3)
    axes.scatter(curve.predicted, curve.observed, s=34, color=STYLE["model"], zorder=4, edgecolor="white")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    label(axes, "predicted probability of the bad outcome", "observed rate")
    percent(axes, "xy")
    return png(picture)


def profit(curve: ProfitCurve, chosen: ThresholdChoice) -> bytes:
    """Profit over the share refused by the score alone, with the profit of the answers marked."""
    gain = chosen.gain
    more = "" if gain is None else f", {abs(gain):.1%} {'more' if gain >= 0 else 'less'} than accepting everybody"
    if gain is not None and gain > 1 and chosen.profit_accept_all > 0:
        more = f", {gain + 1:.1f} times as much as accepting everybody"
    reviewed = f" and reviewing {chosen.referred_share:.1%}" if chosen.referred_share else ""
    picture, (axes,) = figure(
        f"Refusing {chosen.refused_share:.1%}{reviewed} earns {short(chosen.profit)}{more}",
        "profit on the test rows; the threshold was chosen on the calibration rows",
    )
    axes.axhline(curve.profit[0], color=STYLE["muted"], linewidth=1, linestyle=DASHED, zorder=1)
    axes.plot(curve.refused_share, curve.profit, color=STYLE["model"], linewidth=1.8, zorder=3)
    bottom = float(min(curve.profit.min(), chosen.profit))
    axes.vlines(chosen.refused_share, bottom, chosen.profit, color=STYLE["bad"], linewidth=1, zorder=2)
    axes.scatter([chosen.refused_share], [chosen.profit], s=46, color=STYLE["bad"], zorder=4, edgecolor="white")
    axes.annotate(
        f"threshold {chosen.threshold:.3g}",
        (chosen.refused_share, chosen.profit),
        xytext=(8, 8),
        textcoords="offset points",
        color=STYLE["bad"],
        fontsize=9,
        fontweight="bold",
        path_effects=HALO,
    )
    axes.text(
        0.6,
        float(curve.profit[0]),
        "accepting everybody",
        color=STYLE["muted"],
        fontsize=8,
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 3},
    )
    axes.set_xlim(0, 1)
    axes.margins(y=0.12)
    label(axes, "share of rows refused", "profit")
    percent(axes, "x")
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    return png(picture)


def fairness(reports: Sequence[FairnessReport]) -> bytes:
    """Accepted shares by group, with a line at four fifths of the highest."""
    known = [report for report in reports if report.selection_ratio is not None]
    worst = min(known, key=lambda report: float(report.selection_ratio or 0.0)) if known else None
    title = "No attribute has two groups that are large enough to judge"
    if worst is not None and worst.selection_ratio is not None:
        ratio = f"{worst.selection_ratio:.0%}"
        title = f"By {worst.attribute}, the least accepted group is accepted {ratio} as often as the most"
    counts = [len(report.groups) for report in reports]
    picture, panels = figure(
        title,
        "share of test rows accepted; pale groups are too small to judge; the line is four fifths of the highest",
        rows=len(reports),
        height=1.3 + 0.42 * sum(counts) + 0.5 * len(reports),
        heights=[count + 0.6 for count in counts],
    )
    for axes, report in zip(panels, reports, strict=True):
        _groups(axes, report)
    label(panels[-1], "share accepted", "")
    return png(picture)


def score_distribution(
    y: NDArray[np.int8],
    scores: NDArray[np.float64],
    training: NDArray[np.float64],
    threshold: float,
    stability: float,
) -> bytes:
    """Scores of good and of bad rows on a log-odds scale, with the threshold; training rows as a thin outline."""
    stable = "as in training" if stability <= 0.1 else "not as in training" if stability > 0.25 else "a little shifted"
    refused_bad = float(np.mean(scores[y == 1] >= threshold))
    picture, (axes,) = figure(
        f"The threshold refuses {refused_bad:.0%} of bad and {np.mean(scores[y == 0] >= threshold):.0%} of good rows",
        f"scores of {len(scores):,} test rows; they lie {stable} (stability index {stability:.2g})",
    )
    odds, training_odds = log_odds(scores), log_odds(training)
    both = np.concatenate([odds, training_odds])
    edges = np.linspace(both.min(), both.max() + 1e-9, 41)
    for value, colour, light, name in (
        (0, STYLE["model"], STYLE["model_light"], "good"),
        (1, STYLE["bad"], STYLE["bad_light"], "bad"),
    ):
        heights = _shares(odds[y == value], edges)
        axes.stairs(heights, edges, fill=True, color=light, alpha=0.65, zorder=2)
        axes.stairs(heights, edges, color=colour, linewidth=1.5, zorder=3)
        peak = int(np.argmax(heights))
        middle = (edges[peak] + edges[peak + 1]) / 2
        axes.annotate(
            f"{name} rows",
            (middle, heights[peak]),
            xytext=(0, 5),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            fontweight="bold",
            ha="center",
        )
    axes.stairs(_shares(training_odds, edges), edges, color=STYLE["muted"], linewidth=0.9, zorder=4)
    note(axes, 0.99, 0.95, "thin line: all training rows", STYLE["muted"])
    if 0.0 < threshold < 1.0:
        cut = float(log_odds(np.array([threshold]))[0])
        axes.axvline(cut, color=STYLE["ink"], linewidth=1, zorder=5)
        axes.annotate(
            f" refused from {threshold:.3g} on",
            (cut, 0.88),
            xycoords=("data", "axes fraction"),
            color=STYLE["ink"],
            fontsize=9,
            path_effects=HALO,
        )
    axes.set_xlim(edges[0], edges[-1])
    odds_ticks(axes)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)
    label(axes, "score (probability of the bad outcome, log-odds scale)", "share of rows of the class")
    percent(axes, "y")
    return png(picture)


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.maximum(values, 0.0)), dtype=np.float64)


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts, _ = np.histogram(values, bins=edges)
    return np.asarray(counts / max(len(values), 1), dtype=np.float64)


def _groups(axes: Axes, report: FairnessReport) -> None:
    """The groups of one attribute as bars."""
    places = np.arange(len(report.groups))[::-1]
    for place, group in zip(places, report.groups, strict=True):
        colour = STYLE["model"] if group.judged else STYLE["model_light"]
        axes.barh(place, group.accepted_share, height=0.6, color=colour)
        words = f"{group.accepted_share:.1%}   of {group.rows:,}"
        at = group.accepted_share + 0.01
        axes.text(at, place, words, va="center", fontsize=8.5, color=STYLE["muted"], path_effects=HALO)
    judged = [group.accepted_share for group in report.groups if group.judged]
    if judged:
        axes.axvline(0.8 * max(judged), color=STYLE["bad"], linewidth=1.1, zorder=3)
    axes.set_yticks(places, [group.group for group in report.groups], fontsize=9, color=STYLE["ink"])
    axes.set_xlim(0, 1.16)
    axes.set_ylim(-0.6, len(places) - 0.4)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    percent(axes, "x")
    axes.grid(axis="y", visible=False)
    axes.set_title(report.attribute, loc="left", fontsize=10, fontweight="bold", color=STYLE["ink"])
