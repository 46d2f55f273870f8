"""What day it is at the sandbox bank.

Belongs here: the bank's own "today", which follows from what was filled. Does not belong here: the machine's clock.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from resources.sandbox.systems.origin import MARKER, read_marker
from resources.sandbox.world.incidents import SandboxError

# The folders of the landing zone whose last day is the bank's yesterday. Labels go on after it and do not count.
_FOLDERS = ("transactions", "card_transactions")


@dataclass(frozen=True)
class SandboxClock:
    """The bank's clock: it stands at the start of the day after the last one that was filled.

    Attributes:
        landing: The landing zone's folder.
        source: A source of daily files, to go by its last day alone; without, the latest of `_FOLDERS` counts.
    """

    landing: Path
    source: str | None = None

    def today(self) -> date:
        """The UTC day after the last day that was filled.

        Raises:
            SandboxError: Nothing was filled yet.
        """
        folders = _FOLDERS if self.source is None else (self.source,)
        found = [origin for name in folders if (origin := read_marker(self.landing / name / MARKER))]
        if not found:
            raise SandboxError(
                f"the sandbox has no today: {self.landing} has no filled {' or '.join(folders)}; fill the bank first"
            )
        return max(origin.last_day for origin in found) + timedelta(days=1)

    def now(self) -> datetime:
        """The first moment of today, UTC."""
        return datetime.combine(self.today(), time(), UTC)
