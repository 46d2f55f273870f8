"""Pictures of a rollout, as PNG bytes.

Belongs here: the shares of a product's rollouts over time. Does not belong here: the style
(`assets.metrics.plot_style`), the figures of the models themselves (`assets.monitoring.plots`).
"""

from collections.abc import Sequence

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from assets.metrics.plot_style import STYLE, figure, png
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


def _share(move: Move) -> float:
    """The share of the new version after a change: all of it once it is the champion."""
    if move.action == "promote":
        return 1.0
    return float(move.details.get("share", 0.0))
