"""Clocks for tests.

Belongs here: clocks that replace `resources.clock.WallClock`. Does not belong here: the sandbox's clock.
"""

from datetime import UTC, date, datetime, time


class StoppedClock:
    """A clock that stands at midnight of a day: the day after the last day with data."""

    def __init__(self, today: date) -> None:
        self.today = today

    def now(self) -> datetime:
        """Midnight of that day."""
        return datetime.combine(self.today, time(), UTC)
