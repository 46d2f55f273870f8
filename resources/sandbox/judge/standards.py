"""The standards of a game day beside its incidents: false alarms, needless actions, profit.

Belongs here: where a game day falls short of what was stated. Does not belong here: the verdict on an incident
(`timeline.py`), what trainings earned (`regret.py`), the tables of the loop.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from resources.sandbox.judge.record import Observation
from resources.sandbox.judge.regret import Compared

LEAST_SHARE = 0.9
"""Of the optimum's value, what the loop's trainings must earn at each cost of a training."""
_A_QUARTER = 1
_SURE = 0.99
_YEAR = 365.25


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """The alerts of a product that speak of no incident.

    Attributes:
        count: How many there were.
        stated: How many a year the product allows.
        most: As many as that allows in the days of the game day, with a probability of 0.99.
        about: By what they are about, how many.
    """

    count: int
    stated: float
    most: int
    about: Mapping[str, int]


def alarms_of(unexplained: Sequence[Observation], stated: float, days: int) -> Alarms:
    """The alarms of a product.

    Args:
        stated: False alarms a year.
    """
    alerts = [one for one in unexplained if one.seen == "alert"]
    return Alarms(
        count=len(alerts), stated=stated, most=_most(stated * days / _YEAR), about=Counter(one.about for one in alerts)
    )


def shortfalls(
    alarms: Mapping[str, Alarms], unexplained: Sequence[Observation], regret: Mapping[str, Sequence[Compared]]
) -> tuple[str, ...]:
    """Where a game day falls short, a sentence each."""
    found = [
        f"{product}: {one.count} alarms without an incident; {one.stated:g} a year allow {one.most}"
        for product, one in alarms.items() if one.count > one.most
    ]  # fmt: skip
    found += [f"{one.product}: {one.about} was rolled back on {one.at.date()} without an incident"
              for one in unexplained if one.seen == "roll_back"]  # fmt: skip
    trained = Counter((one.product, _quarter(one.at.date())) for one in unexplained if one.seen == "retrain")
    found += [f"{product}: {count} trainings off schedule in {quarter} without an incident; {_A_QUARTER} is allowed"
              for (product, quarter), count in trained.items() if count > _A_QUARTER]  # fmt: skip
    for product, compared in regret.items():
        shares = [(one.ratio, one.share("loop")) for one in compared]
        found += [
            f"{product}: at a training's cost of {ratio:.0%} of a period the loop earns {share:.0%} of the optimum; "
            f"{LEAST_SHARE:.0%} is wanted"
            for ratio, share in shares if share is not None and share < LEAST_SHARE
        ]  # fmt: skip
    return tuple(found)


def _quarter(day: date) -> str:
    return f"{day.year}, quarter {(day.month + 2) // 3}"


def _most(expected: float) -> int:
    """The count that a Poisson variable of this expectation stays at or below with a probability of 0.99."""
    count, term = 0, math.exp(-expected)
    total = term
    while total < _SURE:
        count += 1
        term *= expected / count
        total += term
    return count
