"""A kind of delivery: where it goes and who makes it.

Belongs here: the record. Does not belong here: the kinds themselves (`kinds_text.py` and its neighbours).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random

from tests.campaigns.deliveries.cases import Step

Make = Callable[[Random, date], list[Step]]


@dataclass(frozen=True)
class Kind:
    """A kind of delivery.

    Attributes:
        source: The name of the source that it goes to.
        make: The steps of a delivery that begins on a day.
        days: How many days it may use, from that one on.
        fixed: Days of which it uses one, instead of the next free one.
    """

    name: str
    source: str
    make: Make
    days: int = 1
    fixed: tuple[date, ...] = ()
