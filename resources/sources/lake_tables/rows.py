"""What the readers of a lake's tables share, whatever the format of the table.

Belongs here: which rows are a source's, what a version of a table is to a reader, rows as text. Does not belong here: a
format (`delta.py`, `iceberg.py`), the rows of a day (`reader.py`, `changes.py`).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from resources.sources.files.formats import column_as_text
from resources.sources.times import table_with_offsets


@dataclass(frozen=True)
class LakeRows:
    """Which rows of a table are a source's; `assets.product.LakeTable` and `IcebergTable` describe each field.

    Attributes:
        version: The version of a Delta table, the snapshot of an Iceberg table; `None` for the newest.
        times: The columns that hold times.
        first_day: The day of rows that have no readable time.
    """

    source: str
    day_column: str = "known_at"
    known_after: timedelta | None = None
    version: int | None = None
    zone: str = "UTC"
    times: tuple[str, ...] = ()
    first_day: date = date(1970, 1, 2)


@dataclass(frozen=True)
class DataFile:
    """A data file of a version, as the table's own log describes it.

    Attributes:
        name: Tells it from every other content: a file never changes under its name.
        first, last: The least and the greatest day in the day column; `None` where the log does not tell.
        may_be_odd: Whether some of its rows may have no readable time.
        rows: How many rows it has.
    """

    name: str
    first: date | None
    last: date | None
    may_be_odd: bool
    rows: int


@dataclass(frozen=True)
class Needed:
    """The rows that are needed, by the day in the day column.

    Attributes:
        with_odd: Whether those without a plausible time are needed too.
    """

    first: date
    last: date
    with_odd: bool


class Version(Protocol):
    """One version of a table, whose rows do not change.

    Attributes:
        schema: Its columns, and their types.
    """

    schema: pa.Schema

    @property
    def number(self) -> int | None:
        """The version of a Delta table, the snapshot of an Iceberg table; `None` for a table without one."""
        ...

    def files(self, column: str) -> list[DataFile]:
        """Its data files.

        Args:
            column: The day column.
        """
        ...

    def rows(self, files: Sequence[str], column: str, needed: Needed | None) -> Iterator[pa.Table]:
        """The rows of some files, in parts and in the order of the files; rows that are not needed may be among them.

        Args:
            files: The names of the files.
            needed: `None` for every row.
        """
        ...


class LakeFormat(Protocol):
    """A table at an address, in a format.

    Attributes:
        shown: Where the table is, for messages and for the record of a day: without user and secret.
    """

    shown: str

    def explained(self, where: str) -> AbstractContextManager[None]:
        """Turns a refusal within the block into the error that says what to do.

        Args:
            where: Source and day.
        """
        ...

    def at(self, version: int | None) -> Version:
        """The table at a version, or at the newest one.

        Raises:
            Exception: The library's own, for `explained`.
        """
        ...


def text_rows(rows: pa.Table, wanted: LakeRows) -> pa.Table:
    """Rows as text, their times with an offset.

    Raises:
        Unreadable: A column has values that are no text.
    """
    texts = pa.table({name: column_as_text(name, rows[name], wanted.zone) for name in rows.column_names})
    return table_with_offsets(texts, [wanted.day_column, *wanted.times], wanted.zone)


def day_of_bound(value: Any) -> date | None:
    """The day of a bound; `None` where it is none. A text's bound may be cut, but not within its day."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def midnight(day: date, kind: pa.DataType) -> date | datetime:
    """The start of a day, as a value of a type of dates or of times."""
    if pa.types.is_date(kind):
        return day
    return datetime(day.year, day.month, day.day, tzinfo=UTC if kind.tz is not None else None)


def chosen_for_sample(files: Sequence[DataFile], most: int) -> list[DataFile]:
    """The files in the order of their times: all of them, or the first and the last that have so many rows together."""
    ordered = sorted(files, key=lambda file: (file.first or date.max, file.name))
    first, last = (_with_rows(some, most // 2) for some in (ordered, ordered[::-1]))
    return ordered if first + last >= len(ordered) else ordered[:first] + ordered[len(ordered) - last :]


def first_and_last(parts: Iterable[pa.Table], most: int) -> pa.Table:
    """At most so many rows of a table's parts: of more rows half are the first, half the last ones."""
    head: list[pa.Table] = []
    tail: deque[pa.Table] = deque()
    for part in parts:
        lacking = most - sum(one.num_rows for one in head)
        if lacking:
            head.append(part.slice(0, lacking))
            part = part.slice(lacking)
        if part.num_rows:
            tail.append(part.slice(max(part.num_rows - most, 0)))
        while tail and sum(one.num_rows for one in tail) - tail[0].num_rows >= most // 2:
            tail.popleft()
    if not tail:
        return pa.concat_tables(head)
    first, last = pa.concat_tables(head).slice(0, most - most // 2), pa.concat_tables(tail)
    return pa.concat_tables([first, last.slice(max(last.num_rows - most // 2, 0))])


def _with_rows(files: Sequence[DataFile], wanted: int) -> int:
    """How many of the files, from the first one on, have so many rows."""
    count = 0
    for place, file in enumerate(files, 1):
        count += file.rows
        if count >= wanted:
            return place
    return len(files)
