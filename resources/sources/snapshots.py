"""Snapshots of a mutable table as revisions: of each day, or hour, the rows that the snapshot before it does not have.

Belongs here: comparing a snapshot with the one before it. Does not belong here: reading a snapshot (any reader of rows
by day), the meaning of a revision (`assets.product.Contract.corrections`).

A row that is gone is no revision; how many are gone, changed ones included, is in the origin of the day. A day without
a snapshot has no revisions, and the next snapshot is compared with the last one there was. What is said of days holds
for hours where hours are asked for: a snapshot a day is then of the hour in which it was taken.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Self

import pyarrow as pa

from resources.slots import Hour, Slot, checked_slot, day_of, hours_of
from resources.sources.readers import DayRows, Reader, table_digest

_LOOK_BACK = 31
"""For a snapshot before a day, so many days are asked for."""
_Row = tuple[str | None, ...]


class SnapshotReader:
    """Revisions of a day, from another reader's snapshots.

    Args:
        snapshots: The reader of all rows of a day's snapshot.
        first_day: The first day of the product: of its snapshot every row is a revision.
        times: The columns that say when a snapshot was taken, which differ from one to the next by themselves.
    """

    def __init__(self, snapshots: Reader, *, first_day: date, times: Collection[str]) -> None:
        self._snapshots, self._first_day, self._times = snapshots, first_day, times

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The new and the changed rows of consecutive days, or hours.

        Raises:
            SourceError: As the reader of the snapshots.
        """
        of, before = self._before(days[0])
        for found in self._snapshots.read(days):
            names = [name for name in found.rows.column_names if name not in self._times]
            now = _rows(found.rows, names)
            fresh = pa.array([row not in before for row in now], pa.bool_())
            rows = found.rows.filter(fresh)
            origin = {
                "snapshot": found.origin, "before": str(of) if of and now else None, "rows": rows.num_rows,
                "gone": len(before - set(now)) if now else 0, "digest": table_digest(rows),
            }  # fmt: skip
            yield DayRows(found.day, rows, found.malformed, origin)
            if now:
                of, before = found.day, frozenset(now)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`. The days whose snapshot has changed, and those that were compared with one that has."""
        known = {day: origin for day, origin in recorded.items() if "snapshot" in origin}
        found = self._snapshots.changed({day: origin["snapshot"] for day, origin in known.items()})
        compared = {day: origin["before"] for day, origin in known.items()}
        return found | {day for day, before in compared.items() if before and checked_slot(before) in found}

    def _before(self, slot: Slot) -> tuple[Slot | None, frozenset[_Row]]:
        """The last day, or hour, before another with a snapshot, and its rows."""
        for earlier in range(_LOOK_BACK + 1):
            day = day_of(slot) - timedelta(days=earlier)
            # By the hour those of a day are asked for at once, and also those before the hour on its own day.
            asked = [one for one in (hours_of(day) if isinstance(slot, Hour) else (day,)) if one < slot]
            if day < self._first_day:
                break
            for found in reversed(list(self._snapshots.read(asked)) if asked else []):
                if found.rows.num_rows:
                    names = [name for name in found.rows.column_names if name not in self._times]
                    return found.day, frozenset(_rows(found.rows, names))
        return None, frozenset()

    def __enter__(self) -> Self:
        self._snapshots.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._snapshots.__exit__(*exception)


def _rows(table: pa.Table, names: Sequence[str]) -> list[_Row]:
    """Rows that can be compared; the order of the columns does not count."""
    ordered = sorted(names)
    columns = [table[name].to_pylist() for name in ordered]
    return list(zip(*columns, strict=True)) if columns else []
