"""How a source's files are named and written.

Belongs here: the declared form of the files of one source, its defaults by the files' names, and refusing a form that
contradicts itself. It imports nothing heavy, because a product's description checks its forms when it is loaded. Does
not belong here: reading files (`formats.py`), the days of rows (`choice.py`).
"""

import codecs
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from resources.errors import LooplineError
from resources.naming import checked_zone
from resources.slots import Slot, day_of
from resources.sources.calendars import EVERY_DAY, DeliveryCalendar

FileFormat = Literal["csv", "jsonl", "parquet", "excel"]
Compression = Literal["gzip", "zstd", "bz2"]

_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
}  # fmt: skip
_COMPRESSED: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
Period = Literal["hour", "day", "week", "month"]
_PLACES: dict[Period, str] = {"hour": "{hour}", "day": "{day}", "week": "{week}", "month": "{month}"}
_OF_HOUR = {_PLACES["day"], _PLACES["hour"]}


class BadFileForm(LooplineError, ValueError):
    """The declared form of a source's files contradicts itself; the message names the source and what to write."""


@dataclass(frozen=True)
class FileForm:
    """The names and the form of a source's files; `assets.product.Files` describes each field for people.

    Attributes:
        first_day: The first day of the product: the day of rows whose time cannot be read, where nothing else tells it.
        columns: The columns that the source's contract needs; a file of a day must not lack one that another has.
        times: The columns that hold times; a time without an offset is read in `zone`.
    """

    source: str
    pattern: str
    format: FileFormat | None = None
    day_column: str | None = None
    known_after: timedelta | None = None
    zone: str = "UTC"
    header_line: int = 1
    delimiter: str | None = None
    encoding: str = "utf-8"
    optional: bool = False
    marker: str = ""
    settled: timedelta | None = None
    first_day: date = date(1970, 1, 1)
    columns: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    sheet: str = ""
    calendar: DeliveryCalendar = EVERY_DAY

    def __post_init__(self) -> None:
        where = f"source {self.source}: pattern '{self.pattern}'"
        if not self.pattern or self.pattern.startswith("/") or ".." in self.pattern.split("/"):
            raise BadFileForm(f"{where}: write a path within the connection's folder, such as 'clients.csv'")
        self._check_places(where)
        if self.format is not None and self.format not in get_args(FileFormat):
            raise BadFileForm(f"{where}: format is {self.format!r}; write one of {', '.join(get_args(FileFormat))}")
        if self.format is None and self.name_suffix not in _SUFFIXES:
            raise BadFileForm(
                f"{where}: its name does not tell the format; end it in one of {', '.join(_SUFFIXES)}, or write "
                f"format= as one of {', '.join(get_args(FileFormat))}"
            )
        if self.known_after is not None and self.known_after < timedelta(0):
            raise BadFileForm(f"{where}: known_after is {self.known_after}; nothing is known before it happened")
        if self.is_whole and self.known_after is not None and self.day_column is None:
            raise BadFileForm(f"{where}: known_after counts from a time; write day_column=, the column that holds it")
        if self.period in ("week", "month") and self.day_column is None:
            raise BadFileForm(
                f"{where}: a {self.period} has many days; write day_column=, the column with a row's time"
            )
        if self.header_line < 1 or (self.header_line > 1 and self.file_format not in ("csv", "excel")):
            raise BadFileForm(
                f"{where}: header_line is {self.header_line}; it is the line of the header of a CSV or a sheet, from 1"
            )
        if self.sheet and self.file_format != "excel":
            raise BadFileForm(
                f"{where}: sheet is {self.sheet!r}; {self.file_format} files have no sheets, leave it out"
            )
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n'
        ):
            raise BadFileForm(f"{where}: delimiter is {self.delimiter!r}; write one character, such as ';'")
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise BadFileForm(f"{where}: encoding {self.encoding!r} is unknown; write 'latin-1', 'cp1252' …") from error
        checked_zone(self.zone, where)

    def _check_places(self, where: str) -> None:
        places = _places(self.pattern)
        rest = self.pattern
        for place in places if set(places) == _OF_HOUR else places[:1]:
            rest = rest.replace(place, "")
        if "{" in rest or "}" in rest or places == (_PLACES["hour"],):
            raise BadFileForm(
                f"{where}: it may hold one of {{day}} (2026-03-01), {{week}} (2026-W09) and {{month}} (2026-03), "
                "beside {day} also {hour} (13), and * for any text"
            )
        if self.period == "hour" and self.zone != "UTC":
            raise BadFileForm(
                f"{where}: {{hour}} is an hour of UTC, and zone is {self.zone!r}, whose clock may show an hour twice; "
                "have the files named by UTC, or write * in the place of {hour}"
            )
        if self.marker and (self.is_whole or not set(_places(self.marker)) <= set(places)):
            raise BadFileForm(f"{where}: marker '{self.marker}': write the hour, day, week or month as in the pattern")

    def named(self, first: Slot | None) -> str:
        """The pattern with the hour, the day, the week or the month that begins with a slot."""
        return _filled(self.pattern, first)

    def marked(self, first: Slot | None) -> str:
        """The name of the marker of these files; empty without one."""
        return _filled(self.marker, first)

    @property
    def period(self) -> Period | None:
        """The time of a file by its name; `None` where files are not split by time."""
        return period_of(self.pattern)

    @property
    def is_whole(self) -> bool:
        """Whether the files are not split by time: every file may hold rows of every day."""
        return self.period is None

    @property
    def compression(self) -> Compression | None:
        """By the last suffix of the pattern."""
        return next((kind for suffix, kind in _COMPRESSED.items() if self.pattern.endswith(suffix)), None)

    @property
    def name_suffix(self) -> str:
        """The suffix that tells the format, without that of a compression."""
        name = self.pattern.rpartition("/")[2].lower()
        for suffix in _COMPRESSED:
            name = name.removesuffix(suffix)
        return "." + name.rpartition(".")[2] if "." in name else ""

    @property
    def file_format(self) -> FileFormat:
        """The declared format, or that of the suffix."""
        return self.format or _SUFFIXES[self.name_suffix]

    @property
    def separator(self) -> str:
        """The character between two values of a CSV."""
        return self.delimiter or ("\t" if self.name_suffix == ".tsv" else ",")


def period_of(pattern: str) -> Period | None:
    """The time of a file whose name a pattern is; `None` where it names no time."""
    return next((period for period, place in _PLACES.items() if place in pattern), None)


def _filled(pattern: str, first: Slot | None) -> str:
    if first is None:
        return pattern
    names: dict[Period, str] = {
        "hour": f"{first:%H}", "day": day_of(first).isoformat(), "week": f"{first:%G-W%V}", "month": f"{first:%Y-%m}",
    }  # fmt: skip
    for period, place in _PLACES.items():
        pattern = pattern.replace(place, names[period])
    return pattern


def _places(pattern: str) -> tuple[str, ...]:
    return tuple(place for place in _PLACES.values() if place in pattern)
