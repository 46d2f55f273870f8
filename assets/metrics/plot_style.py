"""The style that all pictures share.

Belongs here: colours, the empty figure with its title, labels and ticks, by Matplotlib's object interface on Agg: no
global state, no display. Does not belong here: any picture.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke

STYLE = {
    "ink": "#1f2933",
    "muted": "#7b8794",
    "faint": "#e4e7eb",
    "model": "#2b6c8f",
    "model_light": "#a7c7d9",
    "baseline": "#b08d57",
    "bad": "#c0533f",
    "bad_light": "#e6b8ae",
}
# Keeps words readable where they cross a line.
HALO: list[AbstractPathEffect] = [withStroke(linewidth=3, foreground="white")]
DASHED = (0, (4, 3))
"""The line style of a limit or a reference."""
# 800 pixels wide, as wide as the dialog in which Dagster shows a picture.
_DPI = 100
_WIDTH = 8.0
# Ticks of a log-odds axis, the most important first; those without room are left out.
_PROBABILITIES = (0.5, 0.1, 0.9, 0.01, 0.99, 0.001, 0.999, 0.0001, 0.2, 0.8, 0.05, 0.95, 0.02, 0.98, 0.35, 0.65, 0.005)


def figure(
    title: str,
    subtitle: str,
    *,
    columns: int = 1,
    rows: int = 1,
    height: float = 4.6,
    widths: Sequence[float] | None = None,
    heights: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """An empty picture: the result is its title, the rows that it covers are its subtitle."""
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    head = 0.72 / height
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0.01, 0.01, 0.98, 0.98 - head), w_pad=0.08, h_pad=0.06)  # type: ignore[call-arg]
    for words, down, size, colour, weight in (
        (title, 0.22, 12.5, "ink", "bold"),
        (subtitle, 0.50, 9.0, "muted", "normal"),
    ):
        text = figure.text(
            0.018, 1 - down / height, words, fontsize=size, fontweight=weight, color=STYLE[colour], va="center"
        )
        room, renderer = 0.96 * _WIDTH * _DPI, canvas.get_renderer()  # type: ignore[no-untyped-call]
        text.set_fontsize(size * min(1.0, room / text.get_window_extent(renderer).width))
    grid = figure.subplots(rows, columns, squeeze=False, width_ratios=widths, height_ratios=heights)
    panels = list(grid.ravel())
    for axes in panels:
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(STYLE["muted"])
        axes.tick_params(colors=STYLE["muted"], labelsize=8.5, length=0, pad=4)
        axes.grid(color=STYLE["faint"], linewidth=0.7)
        axes.set_axisbelow(True)
    return figure, panels


def png(figure: Figure) -> bytes:
    """The picture as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def label(axes: Axes, x: str, y: str) -> None:
    """Labels both axes."""
    axes.set_xlabel(x, fontsize=9, color=STYLE["ink"])
    axes.set_ylabel(y, fontsize=9, color=STYLE["ink"])


def note(axes: Axes, x: float, y: float, words: str, colour: str) -> None:
    """Bold words, right-aligned at a place of the panel (0 to 1 both ways)."""
    text = axes.text(x, y, words, color=colour, ha="right", fontsize=9, fontweight="bold", transform=axes.transAxes)
    text.set_path_effects(HALO)


def percent(axes: Axes, which: str) -> None:
    """Axis numbers as percentages; `which` is "x", "y" or "xy"."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if name in which:
            axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")


def short(value: float) -> str:
    """A number in three digits, with k, M or bn."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.3g}{unit}"
    return f"{value:,.3g}"


def spaced(values: Sequence[float], least: float, place: Callable[[float], float]) -> list[float]:
    """The values, in order, without those whose place is closer than `least` to the place of a value kept before."""
    kept: list[float] = []
    for value in values:
        if all(abs(place(value) - place(other)) >= least for other in kept):
            kept.append(value)
    return kept


def odds_ticks(axes: Axes) -> None:
    """Labels a log-odds axis with probabilities."""
    low, high = axes.get_xlim()
    inside = [p for p in _PROBABILITIES if low <= np.log(p / (1 - p)) <= high]
    ticks = spaced(inside, (high - low) * 0.06, lambda p: float(np.log(p / (1 - p))))
    axes.set_xticks([float(np.log(p / (1 - p))) for p in ticks], [f"{100 * p:.3g}%" for p in ticks])
