"""The reader of a lake's table of others: of its rows by a time in a column, at a pinned or at the newest version.

Belongs here: which files of a version may hold rows of a day, and the rows of a day, or an hour, as text. Does not
belong here: the format of the table (`delta.py`, `iceberg.py`), its changes (`changes.py`), this project's own lake.

Every row belongs to one day, whatever days are asked for: the UTC day on which it became known. A row whose time is
missing or cannot be read belongs to the product's first day. The log tells of each file between which times its rows
are; a file of which it tells nothing may hold rows of every day. A day whose files are others than when it was read is
read again, and has changed only if its rows have. Of an hour the files are those of its day; its rows are found as
those of a day are.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resources.slots import Slot, day_of, days_of, first_of, named, slots_between
from resources.sources.lake_tables.rows import (
    DataFile,
    LakeFormat,
    LakeRows,
    Needed,
    Version,
    chosen_for_sample,
    first_and_last,
    text_rows,
)
from resources.sources.readers import Closing, DayRows, SourceBroken, in_one_order, table_digest
from resources.sources.times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE, slot_type, slots, with_known

_ONE = timedelta(days=1)


class LakeTableReader(Closing):
    """Rows of a table by the time in a column; a range of days reads each file once."""

    def __init__(self, table: LakeFormat, wanted: LakeRows) -> None:
        self._table, self._wanted = table, wanted

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of consecutive days, or hours.

        Raises:
            SourceUnavailable: The place does not answer.
            SourceBroken: There is no such table, version or column, or it needs what this reader does not have.
        """
        where = f"source {self._wanted.source}, {named(days[0])}"
        with self._table.explained(where):
            version = self._table.at(self._wanted.version)
            files = self._files(version, where)
            found = self._found(
                version, [file for file in files if any(self._may_hold(file, d) for d in days_of(days))], days
            )
        for day in days:
            rows = in_one_order(found[day], self._wanted.day_column)
            origin = {
                "table": self._table.shown, "version": version.number, "files": self._print(files, day),
                "rows": rows.num_rows, "digest": table_digest(rows),
            }  # fmt: skip
            yield DayRows(day, rows, origin=origin)

    def sample(self, most: int) -> pa.Table:
        """At most so many rows of any days, all columns as text, whether or not there is a day column.

        Of more rows half are of the first, half of the last files of the table.

        Raises:
            SourceUnavailable, SourceBroken: As `read`.
        """
        with self._table.explained(f"source {self._wanted.source}"):
            version = self._table.at(self._wanted.version)
            times = (field.name for field in version.schema if pa.types.is_temporal(field.type))
            column = next(times, version.schema.names[0])
            files = [file.name for file in chosen_for_sample(version.files(column), most)]
            empty = version.schema.empty_table()
            return text_rows(first_and_last(chain([empty], version.rows(files, column, None)), most), self._wanted)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`. Reads the log, and the rows of days of which the log has other files now."""
        known = {day: origin for day, origin in recorded.items() if "files" in origin}
        if not known:
            return frozenset()
        where = f"source {self._wanted.source}, {named(min(known))}"
        with self._table.explained(where):
            files = self._files(self._table.at(self._wanted.version), where)
        suspect = [day for day in sorted(known) if self._print(files, day) != known[day]["files"]]
        if not suspect:
            return frozenset()
        now = self.read(slots_between(suspect[0], suspect[-1]))
        return frozenset(
            found.day for found in now if known.get(found.day, found.origin)["digest"] != found.origin["digest"]
        )

    def _files(self, version: Version, where: str) -> list[DataFile]:
        """The files of the version, as its log describes them."""
        column, names = self._wanted.day_column, version.schema.names
        if column not in names:
            raise SourceBroken(
                f"{where}: {self._table.shown} has no column '{column}', which day_column names; it has "
                f"{', '.join(names)}"
            )
        return version.files(column)

    def _may_hold(self, file: DataFile, day: date) -> bool:
        if file.first is None or file.last is None or file.first < FIRST_PLAUSIBLE or file.last > LAST_PLAUSIBLE:
            return True
        after = self._wanted.known_after or timedelta(0)
        # A zone or an offset moves a day by one at most, a part of a day in `known_after` by one more.
        is_between = file.first + after - _ONE <= day <= file.last + after + 2 * _ONE
        return is_between or (file.may_be_odd and day == self._wanted.first_day)

    def _print(self, files: Sequence[DataFile], slot: Slot) -> str:
        """A digest of the names of the files that may hold rows of a day, or of the day of an hour.

        A file never changes under its name.
        """
        names = sorted(file.name for file in files if self._may_hold(file, day_of(slot)))
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]

    def _found(self, version: Version, files: Sequence[DataFile], asked: Sequence[Slot]) -> dict[Slot, pa.Table]:
        """The rows of each of the days, or hours."""
        wanted = self._wanted
        after = wanted.known_after or timedelta(0)
        days, odd = days_of(asked), pa.scalar(first_of(wanted.first_day, asked[0]), slot_type(asked[0]))
        needed = Needed(days[0] - after - 2 * _ONE, days[-1] - after + 2 * _ONE, wanted.first_day in days)
        parts: dict[Slot, list[pa.Table]] = {slot: [] for slot in asked}
        empty, _ = self._known(text_rows(version.schema.empty_table(), wanted))
        for part in version.rows([file.name for file in files], wanted.day_column, needed):
            rows, known = self._known(text_rows(part, wanted))
            found = pc.fill_null(slots(known, asked[0]), odd)
            for slot in pc.unique(found).to_pylist():
                if slot in parts:
                    parts[slot].append(rows.filter(pc.equal(found, pa.scalar(slot, found.type))))
        return {slot: pa.concat_tables([empty, *of_slot]) for slot, of_slot in parts.items()}

    def _known(self, rows: pa.Table) -> tuple[pa.Table, pa.ChunkedArray]:
        wanted = self._wanted
        return with_known(rows, wanted.day_column, wanted.known_after, wanted.zone)
