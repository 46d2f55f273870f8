"""The picture of groups with their intervals, as PNG bytes.

Belongs here: accepted shares by group and crossing, with intervals. Does not belong here: the shares (`standing.py`),
the frontier of a mitigation (`assets.training.mitigation.picture`), the style (`assets.metrics.plot_style`).
"""

import numpy as np
from matplotlib.axes import Axes

from assets.evaluation.fairness.assessment import FairnessAssessment
from assets.evaluation.fairness.standing import AttributeStanding
from assets.metrics.plot_style import HALO, STYLE, figure, label, percent, png


def intervals(assessment: FairnessAssessment) -> bytes:
    """The accepted share of each group with its interval; pale groups are too small to be judged alone."""
    failed = [gate.name for gate in assessment.gates if gate.passed is False]
    title = f"Fairness refuses this model: {', '.join(failed)}" if failed else "No limit of fairness is broken"
    counts = [len(standing.groups) for standing in assessment.standings]
    picture, panels = figure(
        title,
        f"share of test rows accepted, with {assessment.policy.confidence:.0%} intervals; pale: judged only in a pool",
        rows=len(counts),
        height=1.3 + 0.32 * sum(counts) + 0.5 * len(counts),
        heights=[count + 0.6 for count in counts],
    )
    for axes, standing in zip(panels, assessment.standings, strict=True):
        _attribute(axes, standing)
    label(panels[-1], "share accepted", "")
    return png(picture)


def _attribute(axes: Axes, standing: AttributeStanding) -> None:
    alone = {group.group for group in standing.measures["selection_ratio"].judged}
    places = np.arange(len(standing.groups))[::-1]
    for place, group in zip(places, standing.groups, strict=True):
        colour = STYLE["model"] if group.group in alone else STYLE["model_light"]
        axes.hlines(place, group.accepted.low, group.accepted.high, color=colour, linewidth=3)
        axes.scatter([group.accepted.value], [place], s=30, color=colour, zorder=3, edgecolor="white")
        words = f"{group.accepted.value:.1%}   of {group.rows:,}"
        at = group.accepted.high + 0.012
        axes.text(at, place, words, va="center", fontsize=8.5, color=STYLE["muted"], path_effects=HALO)
    axes.set_yticks(places, [group.group for group in standing.groups], fontsize=9, color=STYLE["ink"])
    axes.set_xlim(0, 1.2)
    axes.set_ylim(-0.6, len(places) - 0.4)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    percent(axes, "x")
    axes.grid(axis="y", visible=False)
    axes.set_title(standing.attribute, loc="left", fontsize=10, fontweight="bold", color=STYLE["ink"])
