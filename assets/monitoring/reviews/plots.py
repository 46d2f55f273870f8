"""The picture of the agreement between reviewers, as PNG bytes.

Belongs here: one picture, titled with its result. Does not belong here: the figures (`figures.py`), the style
(`assets.metrics.plot_style`).
"""

import numpy as np
import pyarrow as pa

from assets.metrics.plot_style import STYLE, figure, label, png
from assets.monitoring.plots import dated, dates_of, empty


def agreement_plot(agreement: pa.Table) -> bytes:
    """The agreement beyond chance by day, with its interval, and how many cases several people judged.

    Args:
        agreement: A table of AGREEMENT_SCHEMA.
    """
    rows = agreement.to_pylist()
    known = [row for row in rows if row["value"] is not None]
    title = "Too few cases have the words of two people"
    if known:
        last = known[-1]
        between = "" if last["low"] is None else f" ({last['low']:.2f} to {last['high']:.2f})"
        title = f"Agreement between reviewers: {last['value']:.2f}{between} on {last['day']}"
    picture, (top, bottom) = figure(title, "1 is agreement, 0 is chance", rows=2, height=5.4, heights=(3, 2))
    bottom.sharex(top)
    if known:
        at = dates_of([row["day"] for row in known])
        top.plot(at, [row["value"] for row in known], color=STYLE["model"], marker="o" if len(known) == 1 else "")
        low, high = ([np.nan if row[end] is None else row[end] for row in known] for end in ("low", "high"))
        top.fill_between(at, low, high, color=STYLE["model_light"], alpha=0.5, linewidth=0)
    else:
        empty(top)
    top.set_ylim(-1.02, 1.02)
    label(top, "", "agreement beyond chance")
    bottom.plot(dates_of([row["day"] for row in rows]), [row["cases"] for row in rows], color=STYLE["muted"])
    label(bottom, "", "cases of several people")
    dated(bottom)
    top.tick_params(labelbottom=False)
    return png(picture)
