"""What was seen of a loop while it ran: observations in the order of time, and figures by day.

Belongs here: the form of the record. Does not belong here: who writes it, the judgement (`timeline.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

Seen = Literal[
    "alert",
    "news",
    "run_failed",
    "waits",
    "quarantine",
    "retrain",
    "refused",
    "rolled_out",
    "promoted",
    "roll_back",
    "pause",
    "repaired",
    "reloaded",
]
"""An alert to people; news that asks nothing of them; a failed run; a day that waits for its data; rows set aside; a
training that started; a version that was refused; a rollout that began; a version that became the champion; a rollback;
a rollout that waits for people; a day that people made again; an online store that was loaded whole."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One thing that the loop did or told.

    Attributes:
        at: When, by the simulated clock.
        about: The asset, source or version; empty if it names none.
        day: The UTC day that it is about; `None` if it names none.
        text: The loop's own words.
        cause: Of a training, why it started: `schedule`, `drift`, `performance` or another word of the loop.
        rows: Of a quarantine, how many rows.
    """

    at: datetime
    seen: Seen
    product: str
    about: str = ""
    day: date | None = None
    text: str = ""
    cause: str = ""
    rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        day = None if self.day is None else str(self.day)
        return {**vars(self), "at": self.at.isoformat(timespec="minutes"), "day": day}


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """The decisions of a product on a day.

    Attributes:
        requests, answered, fallbacks, accepted: Counts.
        champion: The version that decided; empty without one.
        profit: EUR, of the decisions as they were answered, by what becomes of the accepted rows.
        perfect: EUR, had every row been decided by what becomes of it.
    """

    day: date
    product: str
    requests: int
    answered: int
    fallbacks: int
    accepted: int
    champion: str
    profit: float
    perfect: float


@dataclass(frozen=True)
class Stakes:
    """What a decision is worth, stated apart from the product: accepted rows earn or lose a share of their stake."""

    good: float
    bad: float

    def worth(self, *, accepted: bool, bad: bool, stake: float) -> float:
        """EUR of one row."""
        if not accepted:
            return 0.0
        return -self.bad * stake if bad else self.good * stake


STAKES: Mapping[str, Stakes] = {"credit_risk": Stakes(0.09, 0.55), "card_fraud": Stakes(0.01, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that was seen of a game day.

    Attributes:
        first, last: The simulated days of operation.
        observations: In the order of time.
        figures: A row a day and product.
    """

    first: date
    last: date
    observations: tuple[Observation, ...]
    figures: tuple[DayFigures, ...]
