"""What an incident cost: how much more was lost on its days than their share on the days before.

Belongs here: from the figures of days to EUR. Does not belong here: the verdict on an incident (`timeline.py`), what
trainings earned (`regret.py`).

Of each day it is known what decisions earned and what perfect ones would have earned. A share of that is lost on quiet
days too; what an incident cost is how much more was lost on the incident's days.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import stdev

from resources.sandbox.judge.record import DayFigures
from resources.sandbox.planned.incidents import PlannedIncident

_BEFORE = timedelta(days=56)
_FEWEST = 3


@dataclass(frozen=True)
class Cost:
    """EUR that an incident cost.

    Attributes:
        error: The standard error: quiet days lose more and less too.
        days: Over how many days; an incident that lasts may be paid for longer than the game day.
    """

    eur: float
    error: float
    days: int


def cost_of(
    incident: PlannedIncident, plan: Sequence[PlannedIncident], figures: Sequence[DayFigures]
) -> Cost | None:  # fmt: skip
    """What an incident cost; `None` where fewer than three quiet days of eight weeks before it are known."""
    mine = [one for one in figures if one.product == incident.product]
    own = [one for one in mine if incident.covers(one.day)]
    quiet = [
        one
        for one in mine
        if incident.day - _BEFORE <= one.day < incident.day
        and not any(other.covers(one.day) for other in plan if other.product == incident.product)
    ]
    possible = sum(one.perfect for one in quiet)
    if len(quiet) < _FEWEST or not own or possible <= 0:
        return None
    usual = sum(one.perfect - one.profit for one in quiet) / possible
    spread = stdev(_beyond(one, usual) for one in quiet)
    error = spread * math.sqrt(len(own) + len(own) ** 2 / len(quiet))
    return Cost(sum(_beyond(one, usual) for one in own), error, len(own))


def _beyond(day: DayFigures, usual: float) -> float:
    """EUR that a day lost beyond the usual share of what could have been earned."""
    return day.perfect - day.profit - usual * day.perfect
