"""The clock of the sandbox bank.

Belongs here: the bank's current day, which follows from the filled days. Does not belong here: the machine's clock
(`resources.clock`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from resources.sandbox.systems.origin import MARKER, read_marker
from resources.sandbox.world.incidents import SandboxError

# The folders of the landing zone whose last day is the bank's yesterday. Labels may have later days and do not count.
_FOLDERS = ("transactions", "card_transactions")


@dataclass(frozen=True)
class SandboxClock:
    """A clock that stands at the start of the day after the last filled day.

    Attributes:
        landing: The landing zone's folder.
        source: The folder of daily files whose last day counts; if `None`, the latest last day of `_FOLDERS` counts.
    """

    landing: Path
    source: str | None = None

    def today(self) -> date:
        """The UTC day after the last filled day.

        Raises:
            SandboxError: None of the folders was filled.
        """
        folders = _FOLDERS if self.source is None else (self.source,)
        found = [origin for name in folders if (origin := read_marker(self.landing / name / MARKER))]
        if not found:
            raise SandboxError(
                f"the sandbox has no today: {self.landing} has no filled {' or '.join(folders)}; fill the bank first: "
                "loopline run PRODUCT"
            )
        return max(origin.last_day for origin in found) + timedelta(days=1)

    def now(self) -> datetime:
        """The first moment of today, UTC."""
        return datetime.combine(self.today(), time(), UTC)
