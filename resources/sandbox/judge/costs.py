"""What an incident cost: how much more was lost on its days than on the days before.

Belongs here: from the figures of days to EUR. Does not belong here: the verdict on an incident (`timeline.py`), what
trainings earned (`regret.py`).

Of each day it is known what decisions earned and what perfect ones would have earned. The difference is lost on quiet
days too; what an incident cost is how much larger it was on the incident's days.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import mean, stdev

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
    lost = [one.perfect - one.profit for one in mine if incident.covers(one.day)]
    quiet = [
        one.perfect - one.profit
        for one in mine
        if incident.day - _BEFORE <= one.day < incident.day
        and not any(other.covers(one.day) for other in plan if other.product == incident.product)
    ]
    if len(quiet) < _FEWEST or not lost:
        return None
    error = stdev(quiet) * math.sqrt(len(lost) + len(lost) ** 2 / len(quiet))
    return Cost(sum(lost) - len(lost) * mean(quiet), error, len(lost))
