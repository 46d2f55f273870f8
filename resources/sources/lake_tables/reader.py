"""The reader of a Delta table of others: in a folder or under an `s3://` prefix, at a pinned or at its newest version.

Belongs here: which files of a version may hold rows of a day, and the rows of a day as text. Does not belong here:
opening a table and its refusals (`opening.py`), its changes (`changes.py`), this project's own lake.

Every row belongs to one day, whatever days are asked for: the UTC day on which it became known. A row whose time is
missing or cannot be read belongs to the product's first day. The log tells of each file between which times its rows
are; a file of which it tells nothing may hold rows of every day. A day whose files are others than when it was read is
read again, and has changed only if its rows have.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from resources.naming import days_between
from resources.sources.lake_tables.opening import (
    LakeRows,
    explain_refusals,
    in_one_order,
    open_table,
    scanned,
    text_rows,
)
from resources.sources.readers import Closing, DayRows, SourceBroken, table_digest
from resources.sources.times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE, days, with_known

_ONE = timedelta(days=1)


@dataclass(frozen=True)
class _File:
    """A data file of a version.

    Attributes:
        first, last: The days between which its rows became known; `None` where the log does not tell.
        may_be_odd: Whether some of its rows may have no readable time.
    """

    path: str
    first: date | None
    last: date | None
    may_be_odd: bool


class LakeTableReader(Closing):
    """Rows of a Delta table by the time in a column; a range of days reads each file once."""

    def __init__(self, address: str, wanted: LakeRows) -> None:
        self._address, self._wanted = address, wanted

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The rows of consecutive days.

        Raises:
            SourceUnavailable: The place does not answer.
            SourceBroken: There is no such table, version or column, or it needs what this reader does not have.
        """
        where = f"source {self._wanted.source}, day {days[0]}"
        with explain_refusals(where, self._address):
            table = open_table(self._address, self._wanted.version)
            files = self._files(table, where)
            found = self._found(table, [file for file in files if any(self._may_hold(file, d) for d in days)], days)
        for day in days:
            rows = in_one_order(found[day], self._wanted.day_column)
            origin = {
                "table": self._address, "version": table.version(), "files": self._print(files, day),
                "rows": rows.num_rows, "digest": table_digest(rows),
            }  # fmt: skip
            yield DayRows(day, rows, origin=origin)

    def changed(self, recorded: Mapping[date, Mapping[str, Any]]) -> frozenset[date]:
        """See `Reader.changed`. Reads the log, and the rows of days of which the log has other files now."""
        known = {day: origin for day, origin in recorded.items() if "files" in origin}
        if not known:
            return frozenset()
        where = f"source {self._wanted.source}, day {min(known)}"
        with explain_refusals(where, self._address):
            files = self._files(open_table(self._address, self._wanted.version), where)
        suspect = [day for day in sorted(known) if self._print(files, day) != known[day]["files"]]
        if not suspect:
            return frozenset()
        now = self.read(days_between(suspect[0], suspect[-1]))
        return frozenset(
            found.day for found in now if known.get(found.day, found.origin)["digest"] != found.origin["digest"]
        )

    def _files(self, table: DeltaTable, where: str) -> list[_File]:
        """The files of the version, as its log describes them."""
        column = self._wanted.day_column
        names = [field.name for field in table.schema().fields]
        if column not in names:
            raise SourceBroken(
                f"{where}: {self._address} has no column '{column}', which day_column names; it has {', '.join(names)}"
            )
        actions = pa.table(table.get_add_actions(flatten=True))
        count = actions.num_rows
        partition = f"partition.{column}"
        low, high = (partition, partition) if partition in actions.column_names else (f"min.{column}", f"max.{column}")
        lows, highs, nulls = (
            actions[name].to_pylist() if name in actions.column_names else [None] * count
            for name in (low, high, f"null_count.{column}")
        )
        is_text = not pa.types.is_temporal(pa.schema(table.schema().to_arrow()).field(column).type)
        return [
            self._file(path, _day(first), _day(last), is_text or (low != partition and empty != 0))
            for path, first, last, empty in zip(actions["path"].to_pylist(), lows, highs, nulls, strict=True)
        ]

    def _file(self, path: str, first: date | None, last: date | None, may_be_odd: bool) -> _File:
        if first is None or last is None or first < FIRST_PLAUSIBLE or last > LAST_PLAUSIBLE:
            return _File(path, None, None, True)
        after = self._wanted.known_after or timedelta(0)
        # A zone or an offset moves a day by one at most, a part of a day in `known_after` by one more.
        return _File(path, first + after - _ONE, last + after + 2 * _ONE, may_be_odd)

    def _may_hold(self, file: _File, day: date) -> bool:
        if file.first is None or file.last is None:
            return True
        return file.first <= day <= file.last or (file.may_be_odd and day == self._wanted.first_day)

    def _print(self, files: Sequence[_File], day: date) -> str:
        """A digest of the names of the files that may hold rows of a day; a file never changes under its name."""
        paths = sorted(file.path for file in files if self._may_hold(file, day))
        return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:32]

    def _found(self, table: DeltaTable, files: Sequence[_File], asked: Sequence[date]) -> dict[date, pa.Table]:
        """The rows of each of the days."""
        wanted = self._wanted
        chosen = None if wanted.first_day in asked else self._within(table, asked)
        parts: dict[date, list[pa.Table]] = {day: [] for day in asked}
        empty = text_rows(pa.schema(table.schema().to_arrow()).empty_table(), wanted)
        empty, _ = self._known(empty)
        for batch in scanned(self._address, table, {file.path for file in files}, chosen):
            rows, known = self._known(text_rows(batch, wanted))
            numbers = pc.fill_null(days(known), pa.scalar(wanted.first_day, pa.date32()))
            for day in pc.unique(numbers).to_pylist():
                if day in parts:
                    parts[day].append(rows.filter(pc.equal(numbers, pa.scalar(day, pa.date32()))))
        return {day: pa.concat_tables([empty, *of_day]) for day, of_day in parts.items()}

    def _known(self, rows: pa.Table) -> tuple[pa.Table, pa.ChunkedArray]:
        wanted = self._wanted
        return with_known(rows, wanted.day_column, wanted.known_after, wanted.zone)

    def _within(self, table: DeltaTable, asked: Sequence[date]) -> ds.Expression | None:
        """The condition by which row groups are left out that have no row of the days; none for a text."""
        kind = pa.schema(table.schema().to_arrow()).field(self._wanted.day_column).type
        after = self._wanted.known_after or timedelta(0)
        first, last = asked[0] - after - 2 * _ONE, asked[-1] - after + 2 * _ONE
        column = ds.field(self._wanted.day_column)
        if pa.types.is_date(kind):
            return (column >= first) & (column <= last)
        if pa.types.is_timestamp(kind):
            low, high = (pa.scalar(_midnight(day, kind.tz is not None), kind) for day in (first, last + _ONE))
            return (column >= low) & (column < high)
        return None


def _midnight(day: date, with_zone: bool) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC if with_zone else None)


def _day(value: Any) -> date | None:
    """The day of a bound; `None` where it is none. A text's bound may be cut, but not within its day."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
