"""The current time.

Belongs here: the clocks that schedules and the maturity of labels use. The sandbox has a clock of its own, because its
data end on a fixed day. Does not belong here: scheduling, the arithmetic of moments (`moments.py`).
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol


class Clock(Protocol):
    """Gives the current moment, in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class HistoryClock:
    """A clock that stands still once a history has ended: nothing becomes known after its last day.

    Attributes:
        end: The last UTC day of the history.
        clock: The clock until then.
    """

    end: date
    clock: Clock = field(default_factory=WallClock)

    def now(self) -> datetime:
        """The present moment, at most the end of the last day."""
        return min(self.clock.now(), datetime.combine(self.end + timedelta(days=1), time(), UTC))
