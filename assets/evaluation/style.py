"""The style of every picture.

Belongs here: colours, the empty figure with its title, and the helpers that keep pictures alike. Does not belong here:
any picture. Matplotlib's object interface on Agg: no global state, no display.
"""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

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
# Words stay readable where they cross a line.
HALO = [withStroke(linewidth=3, foreground="white")]
_DPI = 130
_WIDTH = 9.0


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
    """An empty picture in the house style: the finding as its title, what was looked at below it."""
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    head = 0.72 / height
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0.01, 0.01, 0.98, 0.98 - head), w_pad=0.08, h_pad=0.06)  # type: ignore[call-arg]
    figure.text(0.018, 1 - 0.22 / height, title, fontsize=12.5, fontweight="bold", color=STYLE["ink"], va="center")
    figure.text(0.018, 1 - 0.50 / height, subtitle, fontsize=9, color=STYLE["muted"], va="center")
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
    """Words for the axes."""
    axes.set_xlabel(x, fontsize=9, color=STYLE["ink"])
    axes.set_ylabel(y, fontsize=9, color=STYLE["ink"])


def note(axes: Axes, x: float, y: float, words: str, colour: str) -> None:
    """Words that end at a place of the panel (0 to 1 both ways)."""
    text = axes.text(x, y, words, color=colour, ha="right", fontsize=9, fontweight="bold", transform=axes.transAxes)
    text.set_path_effects(HALO)


def percent(axes: Axes, which: str) -> None:
    """Axis numbers as percentages; `which` has the letters of the axes."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if name in which:
            axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")


def short(value: float) -> str:
    """A number in three digits, with k, M or bn."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.3g}{unit}"
    return f"{value:,.3g}"
