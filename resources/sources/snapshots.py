"""Snapshots of a mutable table as revisions: of each day the rows that the snapshot before it does not have.

Belongs here: comparing a snapshot with the one before it. Does not belong here: reading a snapshot (any reader of rows
by day), the meaning of a revision (`assets.product.Contract.corrections`).

A row that is gone is no revision; how many are gone, changed ones included, is in the origin of the day. A day without
a snapshot has no revisions, and the next snapshot is compared with the last one there was.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Self

import pyarrow as pa

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

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The new and the changed rows of consecutive days.

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
                "snapshot": found.origin, "before": of.isoformat() if of and now else None, "rows": rows.num_rows,
                "gone": len(before - set(now)) if now else 0, "digest": table_digest(rows),
            }  # fmt: skip
            yield DayRows(found.day, rows, found.malformed, origin)
            if now:
                of, before = found.day, frozenset(now)

    def changed(self, recorded: Mapping[date, Mapping[str, Any]]) -> frozenset[date]:
        """See `Reader.changed`. The days whose snapshot has changed, and those that were compared with one that has."""
        known = {day: origin for day, origin in recorded.items() if "snapshot" in origin}
        found = self._snapshots.changed({day: origin["snapshot"] for day, origin in known.items()})
        compared = {day: origin["before"] for day, origin in known.items()}
        return found | {day for day, before in compared.items() if before and date.fromisoformat(before) in found}

    def _before(self, day: date) -> tuple[date | None, frozenset[_Row]]:
        """The last day before a day with a snapshot, and its rows."""
        for earlier in range(1, _LOOK_BACK + 1):
            asked = day - timedelta(days=earlier)
            if asked < self._first_day:
                break
            (found,) = self._snapshots.read([asked])
            if found.rows.num_rows:
                names = [name for name in found.rows.column_names if name not in self._times]
                return asked, frozenset(_rows(found.rows, names))
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
