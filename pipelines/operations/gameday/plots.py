"""Pictures of a game day.

Belongs here: incidents over time with what was noticed, profit over time. Does not belong here: the page (`page.py`).
"""

from datetime import date
from itertools import accumulate

from assets.metrics.plot_style import STYLE, figure, png
from resources.moments import DAY_US, midnight_us
from resources.sandbox.judge.record import Record
from resources.sandbox.judge.timeline import Timeline, Verdict

_COLOURS: dict[Verdict, str] = {"right": "model", "late": "baseline", "wrong": "bad", "not noticed": "muted"}


def incidents_over_time(record: Record, timeline: Timeline) -> bytes:
    """A bar for each incident, a mark where it was noticed, and ticks below for alarms without an incident."""
    judged = timeline.judged
    picture, (axes,) = figure(
        "Incidents and when they were noticed",
        "A bar is an incident, in the colour of its verdict; a mark is the first right action. Below: other alarms.",
        height=2.2 + 0.28 * max(len(judged), 1),
    )
    for row, one in enumerate(judged):
        begin, end = _place(one.incident.day), _place(one.incident.last_day) + 1
        axes.barh(row, max(end - begin, 2), left=begin, height=0.6, color=STYLE[_COLOURS[one.verdict]])
        if one.noticed is not None:
            axes.plot(_place(one.noticed), row, marker="D", color=STYLE["ink"], markersize=4)
    alarms = [_place(one.at.date()) for one in timeline.unexplained]
    axes.plot(alarms, [-1.2] * len(alarms), linestyle="none", marker="|", color=STYLE["bad"])
    axes.set_yticks(range(len(judged)), [one.incident.name for one in judged], fontsize=8)
    axes.set_xlim(_place(record.first), _place(record.last) + 1)
    axes.set_ylim(len(judged), -2)
    axes.xaxis_date()
    return png(picture)


def profit_over_time(record: Record, product: str) -> bytes:
    """The sum of profit since the first day, beside that of decisions that know the future."""
    mine = [one for one in record.figures if one.product == product]
    picture, (axes,) = figure(
        f"Profit of {product} since the first day", "Below: as decided. Above: had every row been known.", height=3.6
    )
    days = [_place(one.day) for one in mine]
    for values, colour in (([one.perfect for one in mine], "baseline"), ([one.profit for one in mine], "model")):
        axes.plot(days, list(accumulate(values)), color=STYLE[colour])
    axes.xaxis_date()
    axes.set_ylabel("EUR")
    return png(picture)


def _place(day: date) -> float:
    """A day on Matplotlib's axis of time, which counts days since 1970."""
    return midnight_us(day) / DAY_US
