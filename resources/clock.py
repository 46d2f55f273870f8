"""What day it is.

Belongs here: the clock that schedules and maturity ask, so that a sandbox whose data ends last September is not asked
for yesterday. Does not belong here: scheduling.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present moment, in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)
