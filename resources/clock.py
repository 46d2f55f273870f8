"""The current time.

Belongs here: the clocks that schedules and the maturity of labels use, and that of a simulation, which all its
processes share. The sandbox has a clock of its own, because its data end on a fixed day. Does not belong here:
scheduling, the arithmetic of moments (`moments.py`).
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
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
class SimulatedClock:
    """The clock of a simulation: a moment in a file, which every process of the simulation reads.

    Attributes:
        file: It holds one moment with a time zone, as 2026-03-01T02:00:00+00:00.
    """

    file: Path

    def now(self) -> datetime:
        """The simulation's present moment."""
        return datetime.fromisoformat(self.file.read_text(encoding="ascii"))

    def set(self, moment: datetime) -> None:
        """Moves the clock; a reader sees the old moment or the new one."""
        staging = self.file.with_name(f".{self.file.name}.next")
        staging.write_text(moment.isoformat(), encoding="ascii")
        os.replace(staging, self.file)


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
