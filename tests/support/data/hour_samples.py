"""Rows at the edges of hours, and the hours in which any reader of a source must deliver them.

Belongs here: the samples, and reading hours together and alone. Does not belong here: sources that hold the rows.
"""

from collections.abc import Sequence
from datetime import date

from resources.slots import Slot, hours_of, slots_between
from resources.sources.readers import DayRows, Reader

START = date(2026, 3, 28)
HOURS = slots_between(hours_of(START)[0], hours_of(date(2026, 3, 30))[-1])
"""The clocks of Europe change within them."""
TIMES = [
    "2026-03-28T00:00:00Z", "2026-03-28T00:59:59.999999Z", "2026-03-28T01:00:00Z", "2026-03-28T23:59:00Z",
    "2026-03-29T01:30:00+02:00", "2026-03-29T01:00:00Z", "2026-03-30T12:00:00Z", "no time",
]  # fmt: skip
"""The fifth is of the day before in UTC; the last one belongs to the first hour of the product."""
_ROWS = {"00": [0, 1, 7], "01": [2], "23": [3, 4]}


def expected() -> dict[str, list[int]]:
    """The numbers of the times in each hour."""
    first = {f"2026-03-28-{hour}:00": ids for hour, ids in _ROWS.items()}
    return {**first, "2026-03-29-01:00": [5], "2026-03-30-12:00": [6]}


def found(reader: Reader, hours: Sequence[Slot]) -> dict[str, list[int]]:
    """The ids of each hour with rows; each hour by itself has the rows that it has in the range."""
    with reader as opened:
        together = {str(part.day): ids_of(part) for part in opened.read(hours)}
        for hour in hours[:30:5]:
            (alone,) = opened.read([hour])
            assert ids_of(alone) == together[str(hour)]
    return {hour: ids for hour, ids in together.items() if ids}


def ids_of(part: DayRows) -> list[int]:
    """The ids of the rows of a day, or an hour."""
    return sorted(map(int, part.rows["id"].to_pylist())) if part.rows.num_columns else []
