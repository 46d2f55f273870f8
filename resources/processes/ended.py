"""The record of services that were ended because they, or their command, had died.

Belongs here: appending to the record and reading it, for `loopline doctor`. Does not belong here: finding and ending
such services (`table.py`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

_FILE = "services-ended.jsonl"


@dataclass(frozen=True)
class EndedProcess:
    """A service that was ended although nobody had asked for it.

    Attributes:
        why: Why, in words.
        at: When it was ended.
    """

    name: str
    pid: int
    why: str
    at: datetime

    @property
    def sentence(self) -> str:
        """What was found and done, in one sentence."""
        return f"{self.name} (process {self.pid}) was ended at {self.at:%Y-%m-%d %H:%M:%S} UTC: {self.why}"


def append_ended(home: Path, ended: Sequence[EndedProcess]) -> None:
    """Adds entries to the record of a home."""
    with (home / _FILE).open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps({**asdict(one), "at": one.at.isoformat()}) + "\n" for one in ended))


def ended_since(home: Path, since: datetime) -> tuple[EndedProcess, ...]:
    """The entries since a moment, the oldest first; a line that a crash cut off is left out."""
    file = home / _FILE
    if not file.exists():
        return ()
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    found = [EndedProcess(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]
    return tuple(one for one in found if one.at >= since)
