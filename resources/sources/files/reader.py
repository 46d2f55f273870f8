"""The reader of files.

Belongs here: the rows of days from the files of a place, which files a day lacks, and which are incomplete. Does not
belong here: the day of a row (`choice.py`), formats (`formats.py`), places (`places.py`).
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv

from resources.slots import Slot, day_of, named, slots_between
from resources.sources.files.choice import Unit, is_plain, parted, units, with_times
from resources.sources.files.form import FileForm
from resources.sources.files.formats import read_content
from resources.sources.files.parsed import FileRows, NotWhole, Unreadable
from resources.sources.files.places import FoundFile, Place, ReadFile
from resources.sources.readers import Closing, DayRows, SourceBroken, SourceUnavailable

SETTLED_SECONDS = 60
"""A file without an end that shows counts as whole when it has not been changed for so long."""


@dataclass
class _Day:
    """What was found for one day: the rows of each file, and the files."""

    parts: list[tuple[str, FileRows]] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)


class FilesReader(Closing):
    """Rows of files: of the day or the hour in their name, or chosen by a column with their time.

    A range of days, or of hours, reads each file once.
    """

    def __init__(self, form: FileForm, place: Place) -> None:
        self._form, self._place = form, place

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of consecutive days, or hours.

        Raises:
            SourceUnavailable: A file is incomplete, or the place does not answer.
            SourceBroken: A file is missing, or cannot be read.
        """
        stretches = [(day,) for day in days] if is_plain(self._form, days[0]) else [tuple(days)]
        for stretch in stretches:
            found = {day: _Day() for day in stretch}
            for unit in units(self._form, stretch):
                self._read_unit(unit, stretch, found)
            for day in stretch:
                yield self._assembled(day, found[day])

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`. A file is read again only if its size or its time differs; a lost one is no change."""
        known = {day: origin for day, origin in recorded.items() if "digest" in origin}
        if not known:
            return frozenset()
        first, last = min(known), max(known)
        there = self._place.find_each(
            [unit.name for unit in units(self._form, slots_between(first, last))], self._where(first)
        )
        suspect = [day for day in sorted(known) if self._suspect(day, known[day], there)]
        if not suspect:
            return frozenset()
        if is_plain(self._form, first):
            return frozenset(day for day in suspect if self._digest(day) != known[day]["digest"])
        read = self.read(slots_between(suspect[0], suspect[-1]))
        return frozenset(
            found.day for found in read if known.get(found.day, found.origin)["digest"] != found.origin["digest"]
        )

    def _suspect(self, day: Slot, origin: Mapping[str, Any], there: Mapping[str, tuple[FoundFile, ...]]) -> bool:
        files = [file for unit in units(self._form, [day]) for file in there[unit.name]]
        stamp = stamp_of(files)
        # Of several files one may be replaced by an older one of its size; code before did not record each of them.
        known = ("bytes", "changed", *(("each",) if "each" in origin else ()))
        return bool(files) and any(origin.get(name) != stamp.get(name) for name in known)

    def _digest(self, day: Slot) -> str:
        """The digest of the files of a day, whether or not they can be read as rows."""
        where = self._where(day)
        files = [file for unit in units(self._form, [day]) for file in self._place.find(unit.name, where)]
        return _digest_of([self._place.read(file, where).digest for file in files])

    def missing(self, days: Sequence[Slot]) -> tuple[str, ...]:
        """The names of the files that consecutive days lack; empty where they are optional."""
        wanted = [unit.name for unit in units(self._form, days) if not self._may_lack(unit)]
        there = self._place.find_each(wanted, self._where(days[0])) if wanted else {}
        return tuple(name for name in wanted if not there[name])

    def unfinished(self, days: Sequence[Slot]) -> str:
        """Why files of consecutive days are incomplete; empty if all are whole, or if more data would not help."""
        try:
            for _ in self.read(days):
                pass
        except SourceUnavailable as error:
            return str(error)
        except SourceBroken:
            return ""
        return ""

    def _read_unit(self, unit: Unit, asked: Sequence[Slot], found: dict[Slot, _Day]) -> None:
        days = unit.asked(asked)
        where = self._where(days[0])
        files = self._place.find(unit.name, where)
        if not files and not self._may_lack(unit):
            raise SourceBroken(
                f"{where}: no file {self._place}/{unit.name}; ask the owner to deliver it, then run the day again"
            )
        self._check_complete(unit, files, where)
        for file in files:
            read = self._place.read(file, where)
            rows, of_rows = self._rows(unit, read, where)
            parts = parted(unit, rows, of_rows, days)
            for day in days:
                found[day].files.append(ReadFile(read.found, b"") if not is_plain(self._form, day) else read)
                part = parts.get(day, FileRows(rows.table.slice(0, 0)))
                found[day].parts.append((file.place, part))

    def _check_complete(self, unit: Unit, files: Sequence[FoundFile], where: str) -> None:
        """Refuses files without their marker, or that changed within the time for which they must be unchanged."""
        marker = self._form.marked(unit.first)
        if files and marker and not self._place.find(marker, where):
            raise SourceUnavailable(
                f"{where}: {self._place}/{marker} is not there, which marks that {unit.name} is whole; the day waits: "
                f"run it again once it is, or ask the owner to deliver it"
            )
        if self._form.settled is None:
            return
        for file in files:
            age = time.time() - file.changed
            if age < self._form.settled.total_seconds():
                raise SourceUnavailable(
                    f"{where}: {file.place} changed {age:.0f} s ago, and counts as whole after {self._form.settled}; "
                    f"the day waits: run it again later"
                )

    def _rows(self, unit: Unit, read: ReadFile, where: str) -> tuple[FileRows, pa.ChunkedArray | None]:
        settled = time.time() - read.found.changed > SETTLED_SECONDS
        try:
            return with_times(self._form, unit, read_content(self._form, read.content, settled=settled))
        except NotWhole as error:
            raise SourceUnavailable(
                f"{where}: {read.found.place} {error}; it is still being written, or its delivery was cut short: the "
                f"day waits; run it again once the file is whole, or ask the owner to deliver it again"
            ) from error
        except Unreadable as error:
            raise SourceBroken(
                f"{where}: {read.found.place} {error}; ask the owner to deliver it again, then run the day again"
            ) from error

    def _assembled(self, day: Slot, found: _Day) -> DayRows:
        self._check_columns(day, found)
        rows = _joined([part.table for _, part in found.parts])
        malformed = tuple(line for _, part in found.parts for line in part.malformed)
        return DayRows(day, rows, malformed, self._origin(day, found, rows, malformed))

    def _check_columns(self, day: Slot, found: _Day) -> None:
        """Refuses a day if one of its files lacks a column of the contract that another has."""
        there = {name for _, part in found.parts for name in part.table.column_names}
        for place, part in found.parts:
            lacks = [name for name in self._form.columns if name in there and name not in part.table.column_names]
            if lacks and part.table.num_columns:
                raise SourceBroken(
                    f"{self._where(day)}: {place} lacks the column {', '.join(lacks)}, which other files of the day "
                    f"have; ask the owner to deliver them alike, then run the day again"
                )

    def _origin(self, day: Slot, found: _Day, rows: pa.Table, malformed: Sequence[str]) -> dict[str, Any]:
        """Which files, and a digest of what was read of them for the day."""
        if is_plain(self._form, day):
            digest = _digest_of([file.digest for file in found.files])
        else:
            digest = hashlib.sha256(_canonical(rows) + "\n".join(malformed).encode()).hexdigest()
        return {"digest": digest, **stamp_of([file.found for file in found.files])}

    def _may_lack(self, unit: Unit) -> bool:
        """Whether a unit without files is one without rows: they are optional, not expected, or before the product."""
        if self._form.optional or unit.first is None or unit.last is None:
            return self._form.optional
        first, last = day_of(unit.first), day_of(unit.last)
        return last < self._form.first_day or not self._form.calendar.delivers_between(first, last)

    def _where(self, day: Slot) -> str:
        return f"source {self._form.source}, {named(day)}"


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all files; columns without a name, which trailing commas make, are of no use to several files."""
    if len(tables) == 1:
        return tables[0]
    named = [table.select([name for name in table.column_names if name]) for table in tables]
    return pa.concat_tables(named, promote_options="default") if named else pa.table({})


def _digest_of(digests: Sequence[str]) -> str:
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def stamp_of(files: Sequence[FoundFile]) -> dict[str, Any]:
    """What tells at a glance whether files have changed: places, sizes and times; of several files also a digest."""
    stamp = {
        "file": files[0].place if len(files) == 1 else f"{len(files)} files",
        "bytes": sum(file.bytes for file in files),
        "changed": max((file.changed for file in files), default=0.0),
    }
    if len(files) > 1:
        each = [f"{file.place.rpartition('/')[2]} {file.bytes} {file.changed!r}" for file in files]
        stamp["each"] = hashlib.sha256("\n".join(each).encode()).hexdigest()
    return stamp


def _canonical(rows: pa.Table) -> bytes:
    """The rows as bytes that are the same wherever the same rows are read; a null differs from an empty text."""
    written = BytesIO()
    pcsv.write_csv(rows, written)
    return written.getvalue()
