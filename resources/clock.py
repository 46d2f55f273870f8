"""The current time.

Belongs here: the clock that schedules and the maturity of labels use. The sandbox has a clock of its own, because its
data end on a fixed day. Does not belong here: scheduling, the arithmetic of moments (`moments.py`).
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives the current moment, in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)
