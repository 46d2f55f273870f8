"""Clocks for tests.

Belongs here: clocks that replace `resources.clock.WallClock`. Does not belong here: the sandbox's clock.
"""

from datetime import UTC, date, datetime, time


class StoppedClock:
    """A clock that stands at a moment, or at midnight of a day: the day after the last day with data."""

    def __init__(self, today: date | datetime) -> None:
        self.today = today

    def now(self) -> datetime:
        """The moment, or midnight of that day."""
        return self.today if isinstance(self.today, datetime) else datetime.combine(self.today, time(), UTC)
