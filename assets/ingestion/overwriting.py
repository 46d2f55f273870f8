"""What a backfill would lose: days whose published rows are newer, or more, than what the source delivers now.

Belongs here: the comparison of a delivery with the rows that the raw table has. Does not belong here: reading sources
(`resources.sources`), when the comparison is asked for (`assets.py`).

A source that was restored from an old copy, or that has been emptied, delivers less than it once did. A backfill would
then replace good rows by fewer, and its content hashes would only tell that the days have changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resources.errors import LooplineError, listed
from resources.slots import Slot, named


class WouldOverwrite(LooplineError):
    """A backfill would replace newer rows of some days; the message names source, day, figures and remedy.

    Attributes:
        days: These days.
    """

    def __init__(self, message: str, days: Sequence[Slot]) -> None:
        super().__init__(message)
        self.days = tuple(days)


@dataclass(frozen=True)
class Delivered:
    """One day as its source delivers it now.

    Attributes:
        origin: As a reader gave it: for files the time of their last change, `changed`, and a digest.
    """

    day: Slot
    rows: int
    origin: Mapping[str, Any]


def losses(
    delivered: Sequence[Delivered], published: Mapping[Slot, int], origins: Mapping[Slot, Mapping[str, Any]]
) -> dict[Slot, str]:
    """For each day whose published rows are newer or more than the delivered ones, what would be lost.

    Args:
        published: The number of rows of each day that the raw table has.
        origins: The origin of each of its days, as it was recorded.
    """
    found = {}
    for day in delivered:
        before, known = published.get(day.day, 0), origins.get(day.day, {})
        same = "digest" in known and known["digest"] == day.origin.get("digest")
        if before == 0 or same:
            continue
        if day.rows < before:
            found[day.day] = f"the source delivers {day.rows:,} rows now, and {before:,} were published"
        elif day.origin.get("changed", 0.0) < known.get("changed", 0.0):
            found[day.day] = (
                f"its file of {_moment(day.origin['changed'])} is older than the one that was published, "
                f"of {_moment(known['changed'])}"
            )
    return found


def refuse_losses(found: Mapping[Slot, str], source: str, product: str, owner: str) -> None:
    """Returns if nothing would be lost.

    Raises:
        WouldOverwrite: Something would.
    """
    if not found:
        return
    first, others = min(found), listed(sorted(found)[1:])
    raise WouldOverwrite(
        f"source {source}, {named(first)}: {found[first]}{f'; likewise {others}' if others else ''}. Nothing was "
        f"overwritten: ask {owner}, or overwrite it: loopline backfill {product} --from {first} --to {max(found)} "
        f"--overwrite",
        sorted(found),
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
