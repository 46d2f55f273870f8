"""The picture of a frontier, as PNG bytes.

Belongs here: profit against disparity, with the bound and the choice. Does not belong here: the figures
(`frontier.py`), the style (`assets.metrics.plot_style`).
"""

from assets.metrics.plot_style import DASHED, HALO, STYLE, figure, label, percent, png, short
from assets.training.mitigation.frontier import Frontier


def frontier_picture(frontier: Frontier) -> bytes:
    """Every model that was tried; the frontier is a line, the bound is dashed, the chosen model is marked."""
    before, after = frontier.points[0], frontier.chosen
    words = frontier.measure.replace("_", " ")
    title = f"A {words} of {after.disparity:.1%} instead of {before.disparity:.1%} costs {short(frontier.profit_lost)}"
    if after == before:
        title = f"The candidate itself is chosen, with a {words} of {before.disparity:.1%}"
    picture, (axes,) = figure(
        title,
        f"profit and {words} by {frontier.attribute} on the calibration rows, a point for each strength of the method",
    )
    line = sorted((point for point in frontier.points if point.on_frontier), key=lambda point: point.disparity)
    axes.plot(
        [point.disparity for point in line], [point.profit for point in line], color=STYLE["model_light"], linewidth=1.8
    )
    axes.axvline(frontier.bound, color=STYLE["bad"], linewidth=1.1, linestyle=DASHED)
    for point in frontier.points:
        colour = STYLE["bad"] if point.chosen else STYLE["model"] if point.on_frontier else STYLE["model_light"]
        size = 70 if point.chosen else 34
        axes.scatter([point.disparity], [point.profit], s=size, color=colour, zorder=3, edgecolor="white")
    for point, name, below in ((before, "without mitigation", -16), (after, f"{after.method} {after.strength:.3g}", 9)):
        if name.startswith("none"):
            continue
        axes.annotate(
            name, (point.disparity, point.profit), xytext=(0, below), textcoords="offset points", fontsize=9,
            ha="center", color=STYLE["ink"], path_effects=HALO,
        )  # fmt: skip
    axes.margins(x=0.12, y=0.16)
    label(axes, f"{words} by {frontier.attribute}", "profit")
    percent(axes, "x")
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    return png(picture)
