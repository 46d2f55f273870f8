"""Where a product's data are read from, as frozen values.

Belongs here: one description for each kind of source whose days are asked for, but for tables of a lake
(`lake_sources.py`). Does not belong here: sources whose rows come by themselves (`arrivals.py`), reading a source
(`resources.sources`), its columns (`contracts`), the rows to decide and their label (`problem.py`).
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, get_args

from assets.product.arrivals import Posted, PostedOutcomes, PostedReviews, StreamTopic
from assets.product.lake_sources import IcebergTable, LakeTable
from assets.product.partitions import Partition
from assets.product.policies.model import ProductError
from resources.naming import checked_zone
from resources.sources.calendars import EVERY_DAY, DeliveryCalendar
from resources.sources.files.form import FileForm, FileFormat, Period

RowMeaning = Literal["events", "revisions", "snapshots"]
"""A row is an event; a state of a record that is updated in place; a part of a copy of all records, one a day."""


@dataclass(frozen=True)
class DatabaseTable:
    """Rows of one table, or of a query, of a database; a UTC day has the rows that became known on it.

    The connection's address is one of PostgreSQL (`postgresql://user:password@host/db`), of MySQL or MariaDB
    (`mysql://…`, `mariadb://…`), of a SQLite file (`sqlite:////data/shop.db`) or of a DuckDB file
    (`duckdb:////data/shop.duckdb`), which is opened for reading alone. MySQL's TIMESTAMP is a moment, as PostgreSQL's
    with a time zone; its DATETIME is a time of `zone`.
    A row whose time is missing or cannot be read belongs to the product's first day, where validation quarantines it.

    Attributes:
        name: The name of the source, and of its contract.
        table: The table, also `schema.table`.
        day_column: Column with the time at which a row became known (ISO-8601 text or a timestamp), or of its event
            with `known_after`.
        connection: The name of the database's connection; `database` is the environment's own.
        query: A SELECT statement whose rows are read in the place of a table's; it can also say when a row became
            known, where no column does: `SELECT *, at + interval '7 days' AS known_at FROM outcomes`.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`). A time that its clock skips, in
            spring, is quarantined.
        known_after: How long after that time a row becomes known, where no column says so; see `Files`.
        rows: `events`; `revisions` where rows are updated in place and `day_column` says when: a state that was read
            is kept, although the table no longer has it; `snapshots` where each day has all records once more, with the
            time of the snapshot in `day_column`: a day (or hour) then has the records that are new or changed. Both
            need `corrections: true` in the contract.
        overlap_days: How many of the last days are asked for again, for rows that were committed late.
        calendar: The days on which nothing is delivered; such a day is not judged by how much arrived.
    """

    name: str
    table: str = ""
    day_column: str = "known_at"
    connection: str = field(default="database", kw_only=True)
    query: str = field(default="", kw_only=True)
    zone: str = field(default="UTC", kw_only=True)
    known_after: timedelta | None = field(default=None, kw_only=True)
    rows: RowMeaning = field(default="events", kw_only=True)
    overlap_days: int = field(default=3, kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)

    def __post_init__(self) -> None:
        if bool(self.table) == bool(self.query):
            raise ProductError(f"source {self.name}: write either table= or query=, whose rows are read")
        checked_zone(self.zone, f"source {self.name}")
        if self.rows not in get_args(RowMeaning):
            raise ProductError(f"source {self.name}: rows is {self.rows!r}; write one of {get_args(RowMeaning)}")
        if self.known_after is not None and self.known_after < timedelta(0):
            raise ProductError(f"source {self.name}: known_after is {self.known_after}; nothing is known before it was")
        if self.overlap_days < 1:
            raise ProductError(f"source {self.name}: overlap_days is {self.overlap_days}; write at least 1")


@dataclass(frozen=True)
class Files:
    """Files of a folder or an `s3://` prefix: CSV with a header, JSON lines, Parquet or Excel.

    With `{day}` in the pattern the rows of a file are those of that day, with `{day}` and `{hour}` of that hour.
    Otherwise a row belongs to the UTC day on which it became known: the time in `day_column`, plus `known_after`. Two
    sources may read the same files: the rows, and their labels, which become known later. Without a day and a time all
    rows belong to the product's first day.

    Attributes:
        name: The name of the source, and of its contract.
        pattern: Path within the connection's folder; may hold `{day}` (2026-03-01), `{day}` and `{hour}` (13, of UTC),
            `{week}` (2026-W09, ISO) or `{month}` (2026-03), and `*` for any text, where several files make one of them.
        connection: The name of the folder's connection; `landing` is the environment's landing zone.
        format: `csv`, `jsonl`, `parquet` or `excel`; by default that of the suffix, without `.gz`, `.zst` or `.bz2`.
        day_column: Column with the time of a row; with another zone than UTC by default the contract's `known_at`.
        known_after: How long after that time a row becomes known, where no column says so. The source then has the
            columns `event_time` and `known_at`, unless it has columns of these names already.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`). A time that its clock skips, in
            spring, is quarantined. Day, week or month of a file's name are the zone's: two files make a UTC day.
        header_line: The line of the header of a CSV or a sheet, from 1; lines before it are left out.
        delimiter: The character between two values of a CSV; by default a comma, and a tab in `.tsv`.
        encoding: Of a text file.
        optional: Whether an hour, a day, a week or a month may have no file; it then has no rows.
        marker: Path of a file that says that the files of an hour, day, week or month are whole, as `{day}.done`.
        settled: How long files must be unchanged to count as whole.
        sheet: The sheet of an Excel workbook; it may be left out where there is one.
        rows: `events`; or `snapshots` where each day has all records once more: a day then has the records that are
            new or changed, each a revision (`corrections: true` in the contract).
        calendar: The days on which nothing is delivered; such a day is not judged by how much arrived.
    """

    name: str
    pattern: str
    connection: str = field(default="landing", kw_only=True)
    format: FileFormat | None = field(default=None, kw_only=True)
    day_column: str | None = field(default=None, kw_only=True)
    known_after: timedelta | None = field(default=None, kw_only=True)
    zone: str = field(default="UTC", kw_only=True)
    header_line: int = field(default=1, kw_only=True)
    delimiter: str | None = field(default=None, kw_only=True)
    encoding: str = field(default="utf-8", kw_only=True)
    optional: bool = field(default=False, kw_only=True)
    marker: str = field(default="", kw_only=True)
    settled: timedelta | None = field(default=None, kw_only=True)
    sheet: str = field(default="", kw_only=True)
    rows: Literal["events", "snapshots"] = field(default="events", kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)

    def __post_init__(self) -> None:
        if self.rows not in ("events", "snapshots"):
            raise ProductError(f"source {self.name}: rows is {self.rows!r}; write 'events' or 'snapshots'")
        self.form()

    @property
    def period(self) -> Period | None:
        """The time of a file by its name; `None` where files are not split by time."""
        return self.form().period

    def form(
        self, first_day: date = date.min, *, columns: tuple[str, ...] = (), times: tuple[str, ...] = ()
    ) -> FileForm:
        """The form of the files for their reader.

        Args:
            first_day: The product's first day.
            columns: The columns of the source's contract.
            times: Those of them that hold times.

        Raises:
            BadFileForm: The declaration contradicts itself.
        """
        return FileForm(
            self.name, self.pattern, self.format, self.day_column, self.known_after, self.zone, self.header_line,
            self.delimiter, self.encoding, self.optional, self.marker, self.settled, first_day, columns, times,
            self.sheet, self.calendar,
        )  # fmt: skip


@dataclass(frozen=True)
class HttpEndpoint:
    """The JSON objects of a day from an HTTP API: GET `{address}{path}?day=YYYY-MM-DD`, then its further pages.

    A secret in LOOPLINE_CONNECTION_<NAME>_TOKEN is sent as a bearer token. A `Link` header with rel="next" is followed.
    A server that is busy is asked again, not before its `Retry-After`. If its answers have ETags, the last three days
    are asked for again, and read again if they have changed. An API that tells what changed between two times is asked
    with `day_parameter` and `until_parameter`; each change is then a revision, as a contract with corrections has it.
    By the hour such a window is an hour; any other API is asked for the day, and `day_column` says the hour of a row.

    Attributes:
        name: The name of the source, and of its contract.
        path: The path below the connection's address.
        connection: The name of the API's connection; `bureau` is the environment's own.
        day_parameter: The parameter that names the day.
        rows_field: The field of the answer with the array of objects; empty if the answer is the array.
        next_field: The field of the answer with the address or the cursor of the next page.
        cursor_parameter: The parameter that takes a cursor.
        key_header: The header that takes the secret, where it is not a bearer token (`X-Api-Key`).
        until_parameter: The parameter that names the end of a window; `day_parameter` then names its start, both as
            `2026-03-01T00:00:00Z`.
        page_size: Rows to ask for at a time, from an API that has pages by offset: until a page has none.
        limit_parameter: The parameter that takes the size of a page.
        offset_parameter: The parameter that takes how many rows are before the page.
        most_a_second: How many requests the API takes in a second.
        day_column: Column with the time of a row, where it says of which day (or hour) the row is: an answer with
            rows of another than was asked for is refused.
        known_after: How many days (by the hour: hours) after that time a row becomes known, where no column says so;
            see `Files`.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`).
        calendar: The days on which nothing is delivered; such a day is not judged by how much arrived.
    """

    name: str
    path: str
    connection: str = field(default="bureau", kw_only=True)
    day_parameter: str = field(default="day", kw_only=True)
    rows_field: str = field(default="", kw_only=True)
    next_field: str = field(default="", kw_only=True)
    cursor_parameter: str = field(default="cursor", kw_only=True)
    key_header: str = field(default="", kw_only=True)
    until_parameter: str = field(default="", kw_only=True)
    page_size: int | None = field(default=None, kw_only=True)
    limit_parameter: str = field(default="limit", kw_only=True)
    offset_parameter: str = field(default="offset", kw_only=True)
    most_a_second: float | None = field(default=None, kw_only=True)
    day_column: str = field(default="", kw_only=True)
    known_after: timedelta | None = field(default=None, kw_only=True)
    zone: str = field(default="UTC", kw_only=True)
    calendar: DeliveryCalendar = field(default=EVERY_DAY, kw_only=True)

    def __post_init__(self) -> None:
        where = f"source {self.name}"
        if self.page_size is not None and (self.page_size < 1 or self.next_field):
            raise ProductError(
                f"{where}: page_size is {self.page_size}; write at least 1, and no next_field=: pages are found either "
                f"by offset or by what an answer says"
            )
        checked_zone(self.zone, where)
        if self.known_after is not None and (
            not self.day_column or self.known_after < timedelta(0) or self.known_after % timedelta(hours=1)
        ):
            raise ProductError(
                f"{where}: known_after is {self.known_after}; write whole days, or by the hour whole hours, and "
                f"day_column=, from which they count"
            )
        if self.most_a_second is not None and self.most_a_second <= 0:
            raise ProductError(f"{where}: most_a_second is {self.most_a_second}; write a number above 0")


Connected = DatabaseTable | Files | LakeTable | IcebergTable | HttpEndpoint | StreamTopic
"""A source that is a system of others, at the address of a connection."""
Source = Connected | Posted


def row_meaning(source: Source) -> RowMeaning:
    """What a row of a source is."""
    match source:
        case DatabaseTable() | Files():
            return source.rows
        case LakeTable():
            return "revisions" if source.changes else "events"
        case IcebergTable() | HttpEndpoint() | StreamTopic() | PostedOutcomes() | PostedReviews():
            return "events"


def misfit(source: Source, partition: Partition) -> str:
    """Why a source cannot be read in such partitions, with the remedy, as the end of a sentence; empty where it can."""
    match source:
        case Files():
            if partition == "hour" and source.period == "day" and source.zone == "UTC" and source.day_column is None:
                return (
                    "has files of a day, which do not say the hour of a row; write {hour} beside {day} in pattern=, or "
                    "day_column=, the column with a row's time"
                )
        case HttpEndpoint():
            if partition == "hour" and not source.until_parameter and not source.day_column:
                return (
                    "is asked for a day, whose rows do not say their hour; write day_column=, the column with a row's "
                    "time, or until_parameter= where the API takes both ends of a window"
                )
            if partition != "hour" and (source.known_after or timedelta(0)) % timedelta(days=1):
                return f"has known_after={source.known_after}; write whole days, or partition='hour'"
    return ""
