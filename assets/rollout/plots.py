"""Pictures of a rollout, as PNG bytes.

Belongs here: the shares of a product's rollouts over time, the interval of an A/B test. Does not belong here: the style
(`assets.metrics.plot_style`), the figures of the models themselves (`assets.monitoring.plots`).
"""

from collections.abc import Sequence

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from assets.metrics.plot_style import DASHED, STYLE, figure, png
from assets.rollout.outcomes.cohorts import Point
from resources.rollout_store.manifest import Move


def share_steps(moves: Sequence[Move], now_share: float) -> bytes:
    """The challenger's share after each change, the last one until now.

    Args:
        moves: The changes of a product's rollout, the oldest first.
        now_share: The challenger's present share.
    """
    shares = [_share(move) for move in moves]
    ups = sum(move.action == "promote" for move in moves)
    backs = sum(move.action == "roll_back" for move in moves)
    picture, (axes,) = figure(
        f"The challenger decides for {now_share:.0%}" if now_share else "The champion decides alone",
        f"{len(moves)} changes: {ups} promotions, {backs} rollbacks",
        height=2.6,
    )
    times = [float(date2num(move.at)) for move in moves]  # type: ignore[no-untyped-call]
    axes.step(times, shares, where="post", color=STYLE["model"], linewidth=2)
    for time, share, move in zip(times, shares, moves, strict=True):
        color = STYLE["bad"] if move.action in ("roll_back", "pause") else STYLE["model"]
        axes.plot([time], [share], "o", color=color, markersize=5)
        axes.annotate(
            f"{move.action.replace('_', ' ')} {move.version}", (time, share), xytext=(3, 6),
            textcoords="offset points", fontsize=7.5, color=STYLE["muted"], rotation=20,
        )  # fmt: skip
    axes.set_ylim(-0.03, 1.15)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return png(picture)


def interval_over_time(path: Sequence[Point], metric: str, smallest: float) -> bytes:
    """The difference between challenger and champion with its interval, as decisions came in.

    Args:
        path: At least one point.
        metric: The name of the figure that decides.
        smallest: The smallest difference that matters; the band between it and its negative is drawn.
    """
    last = path[-1]
    picture, (axes,) = figure(
        f"The challenger's {metric.replace('_', ' ')} less the champion's: {last.low:.4g} to {last.high:.4g}",
        f"{last.decisions:,} decisions with mature labels; the interval holds at every moment at once",
        height=3.6,
    )
    times = [float(date2num(point.at)) for point in path]  # type: ignore[no-untyped-call]
    low, high = [point.low for point in path], [point.high for point in path]
    axes.axhspan(-smallest, smallest, color=STYLE["faint"], linewidth=0)
    axes.axhline(0.0, color=STYLE["muted"], linewidth=1, linestyle=DASHED)
    axes.fill_between(times, low, high, color=STYLE["model_light"], linewidth=0)
    estimates = [(time, point.estimate) for time, point in zip(times, path, strict=True) if point.estimate is not None]
    axes.plot([at for at, _ in estimates], [value for _, value in estimates], color=STYLE["model"], linewidth=2)
    # The first intervals are as wide as the range of all values; they would leave no room for the others.
    middle = path[len(path) // 2]
    reach = 1.15 * max(abs(middle.low), abs(middle.high), smallest)
    axes.set_ylim(-reach, reach)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return png(picture)


def _share(move: Move) -> float:
    """The share of the new version after a change: all of it once it is the champion."""
    if move.action == "promote":
        return 1.0
    return float(move.details.get("share", 0.0))
