"""A sample of a source: where its rows are, and what they look like.

Belongs here: the files that a path or a pattern names, the pattern by which the source is read from now on, the
rows of the sample as text. Does not belong here: tables (`tables.py`), reading files (`resources.sources`), roles and
features.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.drafting.columns import ColumnFacts, facts_of
from pipelines.drafting.plain_names import plain_letters
from resources.errors import LooplineError
from resources.sources.files.form import FileForm, Period, period_of
from resources.sources.files.formats import read_content
from resources.sources.files.parsed import NotWhole, Unreadable

MOST_ROWS = 200_000
"""A sample has at most so many rows: the source's first and its last ones, so that its period is the source's."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}([T_-])([01]\d|2[0-3])(?!\d)")
_TIMES_OF_NAMES = re.compile(r"\{day\}.?\{hour\}|\{(day|week|month)\}|\*|\d{4}-W\d{2}|\d{4,}|\d{4}-\d{2}(-\d{2})?")
_OPTIONS = {"header_line=": "--header-line", "sheet=": "--sheet", "encoding=": "--encoding"}
"""The options of `loopline new` for fields that messages about files name."""
_ONE = ("1", "1.0", "true")
_WEEK = re.compile(r"\d{4}-W\d{2}")
_MONTH = re.compile(r"\d{4}-\d{2}(?!-?\d)")


class SampleUnreadable(LooplineError):
    """A path names no file, or a file that is no table; the message names it and what to write."""


@dataclass(frozen=True)
class FilesPlace:
    """Files of a folder.

    Attributes:
        pattern: Their names, with `{day}`, `{day}` and `{hour}`, `{week}`, `{month}` or `*` where they differ.
        form: How they are read: the line of the header, the delimiter, the sheet, the zone of times without an offset.
    """

    folder: Path
    pattern: str
    form: FileForm


TableKind = Literal["DatabaseTable", "LakeTable", "IcebergTable"]


@dataclass(frozen=True)
class TablePlace:
    """A table of a database or of a lake, at a connection of the environment.

    Attributes:
        kind: The class of a product's source that reads it.
    """

    connection: str
    table: str
    zone: str
    kind: TableKind = "DatabaseTable"


@dataclass(frozen=True)
class ApiPlace:
    """An HTTP API that answers with the rows of a day.

    Attributes:
        path: The path below the address, with the parameters that every question has.
        rows_field, next_field: The fields of an answer with the rows, and with the next page; empty without one.
    """

    address: str
    connection: str
    path: str
    day_parameter: str
    zone: str
    rows_field: str = ""
    next_field: str = ""

    def with_fields(self, rows_field: str, next_field: str) -> "ApiPlace":
        """The same, with the fields of its answers."""
        return replace(self, rows_field=rows_field, next_field=next_field)


Place = FilesPlace | TablePlace | ApiPlace


@dataclass(frozen=True)
class Sample:
    """Rows of a source, and where they are.

    Attributes:
        name: The proposed name of the source.
        table: Its rows, all columns as text.
    """

    name: str
    place: Place
    table: pa.Table = field(repr=False)

    @property
    def shown(self) -> str:
        """Where its rows are, in a word: the pattern of its files, its table, or its path."""
        match self.place:
            case FilesPlace():
                return self.place.pattern
            case TablePlace():
                return self.place.table
            case ApiPlace():
                return self.place.path

    @property
    def period(self) -> Period | None:
        """The time of each of its files by their names; `None` where they name none."""
        return period_of(self.place.pattern) if isinstance(self.place, FilesPlace) else None

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.table.num_rows

    @cached_property
    def facts(self) -> tuple[ColumnFacts, ...]:
        """What it says about each column."""
        return facts_of(self.table)

    def positives(self, label: ColumnFacts, positive: str = "") -> float:
        """The share of rows with a positive label, kept away from 0 and 1.

        Args:
            positive: The text of a positive label; empty where the label is a number.
        """
        text = self.table[label.original]
        reached = pc.equal(text, positive) if positive else pc.is_in(pc.utf8_lower(text), pa.array(_ONE))
        positive_rows = pc.sum(reached).as_py() or 0
        return min(max(positive_rows / max(self.rows, 1), 0.001), 0.999)

    def last_row(self) -> dict[str, str | None]:
        """Its last row, by the names of the sample."""
        return {name: self.table[name][-1].as_py() for name in self.table.column_names}


def read_sample(
    place: str, *, name: str = "", header_line: int = 1, zone: str = "UTC", sheet: str = "", encoding: str = "utf-8"
) -> Sample:
    """Reads a sample from a file, a folder or a pattern with `*`.

    Args:
        place: A path; of a folder, all its files.
        name: The name of the source; otherwise that of the file or, where the file's name is a date, of its folder.
        sheet: The sheet of an Excel workbook; other files have none.
        encoding: Of a text file.

    Raises:
        SampleUnreadable: There is no such file, it is no table, or it has no rows.
        BadFileForm: The file is of a kind that is not read, or an option is wrong.
    """
    files = _files(place)
    pattern = _pattern([file.name for file in files], zone)
    form = FileForm(name or "sample", files[0].name, header_line=header_line, zone=zone, encoding=encoding)
    form = replace(form, delimiter=_delimiter(files[0], header_line, encoding))
    if form.file_format == "excel":
        form = replace(form, sheet=sheet)
    table = _first_and_last(files, form)
    if not table.num_rows:
        raise SampleUnreadable(f"{place} has no rows; give a file with some, so that columns can be proposed")
    return Sample(
        name=name or source_name(pattern, files[0].parent.resolve().name),
        place=FilesPlace(files[0].parent.resolve(), pattern, form),
        table=table.combine_chunks(),
    )


def _files(place: str) -> list[Path]:
    path = Path(place).expanduser()
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    else:
        found = [path] if path.is_file() else sorted(path.parent.glob(path.name))
    if not found:
        raise SampleUnreadable(f"{place} names no file; write the path of a file, of a folder, or a pattern with *")
    if len({file.suffix for file in found}) > 1:
        raise SampleUnreadable(
            f"{place} names files of several kinds: {found[0].name}, {found[-1].name}; write *{found[0].suffix}"
        )
    return found


def _pattern(names: Sequence[str], zone: str) -> str:
    """The names as one pattern; the name itself where there is one file. Hours of another zone than UTC have none."""
    if len(names) == 1:
        return names[0]
    hours = ((_HOUR, r"{day}\1{hour}"),) if zone == "UTC" else ()
    for form, mark in (*hours, (_DAY, "{day}"), (_WEEK, "{week}"), (_MONTH, "{month}")):
        replaced = {form.sub(mark, name, count=1) for name in names}
        if len(replaced) == 1 and period_of(pattern := replaced.pop()):
            return pattern
    return f"*{Path(names[0]).suffix}"


def source_name(pattern: str, folder: str) -> str:
    """A source's name from that of its files, without dates; from the folder's where nothing is left."""
    for text in (pattern.split(".")[0], folder):
        words = plain_letters(_TIMES_OF_NAMES.sub(" ", text))
        name = re.sub(r"[^a-z0-9]+", "_", words).strip("_")
        name = re.sub("__+", "_", name)
        if name and name[0].isalpha():
            return name[:40].rstrip("_")
    return "rows"


def _rows(file: Path, form: FileForm) -> pa.Table:
    try:
        found = read_content(form, file.read_bytes(), settled=True)
    except (NotWhole, Unreadable) as error:
        options = [option for field, option in _OPTIONS.items() if field in str(error)]
        raise SampleUnreadable(f"{file} {error}" + (f": option {options[0]}" if options else "")) from error
    odd = len(found.malformed) + _divided(found.table)
    if odd > found.table.num_rows / 2:
        raise SampleUnreadable(
            f"{file}: {odd:,} lines are no rows under the header on line {form.header_line}, as where "
            f"a title stands above it; name the line with the names of the columns: --header-line"
        )
    return found.table


def _first_and_last(files: Sequence[Path], form: FileForm) -> pa.Table:
    """The first and the last rows of the files, in their order. Of many files the middle ones are not read."""
    first = _rows(files[0], form)
    last: list[pa.Table] = []
    wanted = MOST_ROWS - min(first.num_rows, MOST_ROWS // 2)
    for file in files[:0:-1]:
        if sum(table.num_rows for table in last) >= wanted:
            break
        last.append(_rows(file, form))
    table = pa.concat_tables([first, *reversed(last)], promote_options="default")
    if table.num_rows <= MOST_ROWS:
        return table
    half = MOST_ROWS // 2
    return pa.concat_tables([table.slice(0, half), table.slice(table.num_rows - half)])


def _divided(table: pa.Table) -> int:
    """The rows of the only column that hold a character which divides columns; 0 for several columns."""
    if table.num_columns != 1:
        return 0
    return pc.sum(pc.match_substring_regex(table.column(0), r"[,;\t|]")).as_py() or 0


def _delimiter(file: Path, header_line: int, encoding: str) -> str | None:
    """The character that divides the header of a CSV; `None` for the usual one."""
    if file.suffix not in (".csv", ".txt"):
        return None
    with file.open(encoding=encoding, errors="replace") as lines:
        header = next(islice(lines, header_line - 1, header_line), "")
    most = max(",;\t|", key=header.count)
    return most if most != "," and header.count(most) else None
