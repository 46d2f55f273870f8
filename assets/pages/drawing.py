"""Pictures of the page: SVG that follows the width of the window and the colours of the reader.

Belongs here: axes, lines, bands, dots, strips and the figure around them, as text. Does not belong here: what is drawn
(the sections), colours (`style.py`), pictures for Dagster's pages (the `plots.py` of each room).

The drawing is stretched to the width that it gets, and all words are HTML beside it: they stay as large as the other
words of the page on a phone. Lines keep their width (`vector-effect`), and a dot is a line without length.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from itertools import groupby

_SIDE = 1000
"""Units of a drawing's width and height."""
_MOST_DATES = 7
_END = 8.0
"""In percent of the width: words under a place that is nearer to an end would stand out of the drawing."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LONGEST_TABLE = 130
"""Rows of a table behind a picture; of a longer one the last are shown."""

Words = Callable[[float], str]


@dataclass(frozen=True)
class Axes:
    """The ranges that a drawing shows."""

    first: float
    last: float
    low: float
    high: float

    def x(self, value: float) -> str:
        """The place of a value, from the left."""
        return _place(value, self.first, self.last)

    def y(self, value: float) -> str:
        """The place of a value, from the top."""
        return _place(self.high - value, 0.0, self.high - self.low)


def _place(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low) if high > low else 0.5
    return f"{_SIDE * min(max(share, -0.05), 1.05):.4g}"


def axes_of(xs: Sequence[float], ys: Iterable[float | None], *, zero: bool = False) -> Axes:
    """Axes around values; with `zero` the vertical one begins there at the highest."""
    known = [value for value in ys if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
    return Axes(min(xs), max(xs), low if zero and low == 0.0 else low - room, high + room)


def line(axes: Axes, xs: Sequence[float], ys: Sequence[float | None], kind: str) -> str:
    """A line with gaps where a value is not known; a value between two gaps is a dot."""
    drawn = []
    for known, run in groupby(zip(xs, ys, strict=True), key=lambda point: point[1] is not None):
        points = [(x, y) for x, y in run if y is not None]
        if known and len(points) == 1:
            drawn.append(dot(axes, *points[0], f"{kind} dot"))
        elif known:
            path = "L".join(f"{axes.x(x)} {axes.y(y)}" for x, y in points)
            drawn.append(f'<path class="{kind}" d="M{path}"/>')
    return "".join(drawn)


def band(
    axes: Axes, xs: Sequence[float], lows: Sequence[float | None], highs: Sequence[float | None], kind: str
) -> str:  # fmt: skip
    """The area between two lines, with the same gaps."""
    drawn = []
    rows = zip(xs, lows, highs, strict=True)
    for known, run in groupby(rows, key=lambda row: row[1] is not None and row[2] is not None):
        points = [(x, low, high) for x, low, high in run if low is not None and high is not None]
        if known:
            there = [f"{axes.x(x)} {axes.y(high)}" for x, _, high in points]
            back = [f"{axes.x(x)} {axes.y(low)}" for x, low, _ in reversed(points)]
            drawn.append(f'<path class="{kind}" d="M{"L".join((*there, *back))}Z"/>')
    return "".join(drawn)


def steps(axes: Axes, points: Sequence[tuple[float, float]], kind: str) -> str:
    """A value that holds from each place to the next, the last to the end."""
    if not points:
        return ""
    path = f"M{axes.x(points[0][0])} {axes.y(points[0][1])}"
    for x, y in points[1:]:
        path += f"H{axes.x(x)}V{axes.y(y)}"
    return f'<path class="{kind}" d="{path}H{axes.x(axes.last)}"/>'


def dot(axes: Axes, x: float, y: float, kind: str) -> str:
    """A round dot."""
    return f'<path class="{kind}" d="M{axes.x(x)} {axes.y(y)}h0"/>'


def level(axes: Axes, y: float, kind: str) -> str:
    """A line across, at a value."""
    return f'<path class="{kind}" d="M0 {axes.y(y)}H{_SIDE}"/>'


def upright(axes: Axes, x: float, low: float, high: float, kind: str) -> str:
    """A line upward, between two values."""
    return f'<path class="{kind}" d="M{axes.x(x)} {axes.y(low)}V{axes.y(high)}"/>'


def stripes(axes: Axes, xs: Sequence[float], kind: str) -> str:
    """An area from top to bottom over each of these places, neighbours as one."""
    drawn, width = [], 1.0
    for first, last in _runs(xs):
        left, right = float(axes.x(first - width / 2)), float(axes.x(last + width / 2))
        drawn.append(f'<rect class="{kind}" x="{left:.4g}" width="{right - left:.4g}" y="0" height="{_SIDE}"/>')
    return "".join(drawn)


def _runs(xs: Sequence[float]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for x in sorted(xs):
        if found and x - found[-1][1] <= 1.0:
            found[-1] = (found[-1][0], x)
        else:
            found.append((x, x))
    return found


def pointers(axes: Axes, xs: Sequence[float], texts: Sequence[str]) -> str:
    """For each place an invisible column that says, under the pointer, what the picture shows there."""
    width = _SIDE / max(axes.last - axes.first, 1.0)
    return "".join(
        f'<rect class="hit" x="{float(axes.x(x)) - width / 2:.4g}" width="{width:.4g}" y="0" height="{_SIDE}">'
        f"<title>{escape(text)}</title></rect>"
        for x, text in zip(xs, texts, strict=True)
    )


def strip(levels: Sequence[str], said: str) -> str:
    """A strip of cells, each with the class of its level; the empty class leaves a cell open."""
    cells, at = [], 0
    for kind, run in groupby(levels):
        length = len(list(run))
        if kind:
            cells.append(f'<rect class="{kind}" x="{at}" y="0" width="{length}" height="1"/>')
        at += length
    return (
        f'<svg class="strip" role="img" viewBox="0 0 {max(at, 1)} 1" preserveAspectRatio="none">'
        f"<title>{escape(said)}</title>{''.join(cells)}</svg>"
    )


def chart(
    axes: Axes, drawn: str, said: str, *, x_ticks: Sequence[tuple[float, str]], y_words: Words, tall: str = ""
) -> str:
    """A drawing with its axes.

    Args:
        said: What it shows, for a reader who does not see it.
        x_ticks: Places with their words.
        y_words: The words of a value.
        tall: A class that makes it taller or lower.
    """
    ticks = _ticks(axes.low, axes.high)
    lines = "".join(level(axes, tick, "grid") for tick in ticks)
    ys = "".join(f'<span style="top:{float(axes.y(t)) / 10:.4g}%">{escape(y_words(t))}</span>' for t in ticks)
    xs = tick_words([(float(axes.x(x)) / 10, words) for x, words in x_ticks])
    return (
        f'<div class="chart {tall}"><div class="ys" aria-hidden="true">{ys}</div>'
        f'<svg role="img" viewBox="0 0 {_SIDE} {_SIDE}" preserveAspectRatio="none"><title>{escape(said)}</title>'
        f'{lines}{drawn}</svg><div class="xs" aria-hidden="true">{xs}</div></div>'
    )


def tick_words(ticks: Sequence[tuple[float, str]]) -> str:
    """Words under places in percent of the width; those at its ends keep within it."""

    def kind(place: int, at: float) -> str:
        end = "first" if at < _END else "last" if at > 100 - _END else ""
        return " ".join(filter(None, ("alt" if place % 2 else "", end)))

    return "".join(
        f'<span class="{kind(place, at)}" style="left:{at:.4g}%">{escape(words)}</span>'
        for place, (at, words) in enumerate(ticks)
    )


def plot_figure(title: str, note: str, drawn: str, *, keys: Sequence[tuple[str, str]] = (), table: str = "") -> str:
    """A picture with the result as its title, its legend, and the table behind it.

    Args:
        note: What it is over; HTML.
        drawn: The drawing; HTML.
        keys: The class and the name of each thing that is drawn.
        table: As `data_table` returns it.
    """
    legend = "".join(f'<span><i class="key {kind}"></i>{escape(name)}</span>' for kind, name in keys)
    return (
        f"<figure><figcaption><h3>{escape(title)}</h3><p>{note}</p></figcaption>"
        f"{f'<div class=legend>{legend}</div>' if legend else ''}{drawn}{table}</figure>"
    )


def data_table(heads: Sequence[str], rows: Sequence[Sequence[str]], what: str = "as a table") -> str:
    """A table that opens under its picture; empty without rows."""
    if not rows:
        return ""
    shown = rows[-_LONGEST_TABLE:]
    left = f" (the last {len(shown)} of {len(rows)} rows)" if len(shown) < len(rows) else ""
    return f"<details><summary>{escape(what + left)}</summary>{wide_table(heads, shown)}</details>"


def wide_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself where the window is too narrow for it."""
    return f'<div class="wide" tabindex="0">{plain_table(heads, rows)}</div>'


def whole_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts at its whole height, which scrolls sideways where the window is too narrow for it."""
    return f'<div class="wide whole" tabindex="0">{plain_table(heads, rows)}</div>'


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are text."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def day_ticks(days: Sequence[date]) -> list[tuple[float, str]]:
    """A few days with their words: the firsts of months where there are several, else days."""
    if not days:
        return []
    first, last = days[0], days[-1]
    months = [day for day in _all_days(first, last) if day.day == 1]
    if len(months) < 3:
        span = (last - first).days
        step = max(1, math.ceil((span + 1) / _MOST_DATES))
        chosen = [last - timedelta(days=back) for back in range(0, span + 1, step)][::-1]
    else:
        chosen = months[:: math.ceil(len(months) / _MOST_DATES)]
    return [(float(day.toordinal()), f"{day.day} {day:%b}") for day in chosen]


def moment_ticks(first: datetime, last: datetime) -> list[tuple[float, str]]:
    """The ends and the middle of a time, as seconds since 1970 with their words."""
    form = "%-d %b" if last - first >= timedelta(days=3) else "%-d %b %H:%M"
    places = (first, first + (last - first) / 2, last)
    return [(place.timestamp(), place.strftime(form)) for place in places]


def _all_days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]


def _ticks(low: float, high: float) -> list[float]:
    """Round values within a range, four to six."""
    if not high > low:
        return [low]
    rough = (high - low) / 6
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(one * size for one in _STEPS if one * size >= rough * 0.999)
    first = math.ceil(low / step)
    return [round(at * step, 12) for at in range(first, math.floor(high / step) + 1)]
