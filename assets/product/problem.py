"""The decision problem, as frozen values: the sources, the rows to decide, and their label.

Belongs here: sources, the spine, the label. Does not belong here: thresholds (`policies.py`), the product that holds
them (`product.py`), reading a source (`resources.sources`).
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from assets.product.policies import ProductError
from resources.naming import checked_zone
from resources.sources.files.form import FileForm, FileFormat


@dataclass(frozen=True)
class DatabaseTable:
    """Rows of one table, or of a query, of a database; a UTC day has the rows that became known on it.

    A row whose time is missing or cannot be read belongs to the product's first day, where validation quarantines it.

    Attributes:
        name: The name of the source, and of its contract.
        table: The table, also `schema.table`.
        day_column: Column with the time at which a row became known (ISO-8601 text or a timestamp).
        connection: The name of the database's connection; `database` is the environment's own.
        query: A SELECT statement whose rows are read in the place of a table's; it can also say when a row became
            known, where no column does: `SELECT *, at + interval '7 days' AS known_at FROM outcomes`.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`). A time that its clock skips, in
            spring, is quarantined.
    """

    name: str
    table: str = ""
    day_column: str = "known_at"
    connection: str = field(default="database", kw_only=True)
    query: str = field(default="", kw_only=True)
    zone: str = field(default="UTC", kw_only=True)

    def __post_init__(self) -> None:
        if bool(self.table) == bool(self.query):
            raise ProductError(f"source {self.name}: write either table= or query=, whose rows are read")
        checked_zone(self.zone, f"source {self.name}")


@dataclass(frozen=True)
class Files:
    """Files of a folder or an `s3://` prefix: CSV with a header, JSON lines or Parquet, compressed or not.

    With `{day}` in the pattern the rows of a file are those of that day. Otherwise a row belongs to the UTC day on
    which it became known: the time in `day_column`, plus `known_after`. Two sources may read the same files: the rows,
    and their labels, which become known later.

    Without `day_column` and without `{day}` the rows have no time: all belong to the product's first day.

    Attributes:
        name: The name of the source, and of its contract.
        pattern: Path within the connection's folder; may hold `{day}` (2026-03-01) or `{month}` (2026-03), and `*` for
            any text, where several files make a day.
        connection: The name of the folder's connection; `landing` is the environment's landing zone.
        format: `csv`, `jsonl` or `parquet`; by default that of the suffix, without `.gz`, `.zst` or `.bz2`.
        day_column: Column with the time of a row; with another zone than UTC by default the contract's `known_at`.
        known_after: How long after that time a row becomes known, where no column says so. The source then has the
            columns `event_time` and `known_at`, unless the files have columns of these names.
        zone: The zone of times without an offset, as an IANA name (`Europe/Berlin`). A time that its clock skips, in
            spring, is quarantined. Day and month of a file's name are those of the zone: two files make a UTC day.
        header_line: The line of a CSV's header, from 1; lines before it are left out.
        delimiter: The character between two values of a CSV; by default a comma, and a tab in `.tsv`.
        encoding: Of a text file.
        optional: Whether a day, or a month, may have no file; it then has no rows.
        marker: Path of a file that says that the files of a day or a month are whole, as `{day}.done`.
        settled: How long files must be unchanged to count as whole.
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

    def __post_init__(self) -> None:
        self.form()

    @property
    def by_day(self) -> bool:
        """Whether each day has files of its own."""
        return "{day}" in self.pattern

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
        )  # fmt: skip


@dataclass(frozen=True)
class HttpEndpoint:
    """The JSON objects of a day from an HTTP API: GET `{address}{path}?day=YYYY-MM-DD`, then its further pages.

    A secret in LOOPLINE_CONNECTION_<NAME>_TOKEN is sent as a bearer token. A `Link` header with rel="next" is followed.

    Attributes:
        name: The name of the source, and of its contract.
        path: The path below the connection's address.
        connection: The name of the API's connection; `bureau` is the environment's own.
        day_parameter: The parameter that names the day.
        rows_field: The field of the answer with the array of objects; empty if the answer is the array.
        next_field: The field of the answer with the address or the cursor of the next page.
        cursor_parameter: The parameter that takes a cursor.
        key_header: The header that takes the secret, where it is not a bearer token (`X-Api-Key`).
    """

    name: str
    path: str
    connection: str = field(default="bureau", kw_only=True)
    day_parameter: str = field(default="day", kw_only=True)
    rows_field: str = field(default="", kw_only=True)
    next_field: str = field(default="", kw_only=True)
    cursor_parameter: str = field(default="cursor", kw_only=True)
    key_header: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class StreamTopic:
    """JSON messages of a stream, in the order of their arrival; a UTC day has the messages that arrived on it.

    Attributes:
        name: The name of the source, and of its contract.
        topic: The Kafka topic, or the file `<topic>.jsonl` of a tailed folder.
        arrival_field: The field with the time of arrival, in a tailed file; Kafka has a time of its own.
        connection: The name of the stream's connection; `stream` is the environment's own.
    """

    name: str
    topic: str
    arrival_field: str = "known_at"
    connection: str = "stream"


Source = DatabaseTable | Files | HttpEndpoint | StreamTopic


@dataclass(frozen=True)
class Spine:
    """The rows to be decided.

    Attributes:
        source: The source whose valid rows are the spine.
        row_id: Column that identifies a row; unique over all time.
        as_of: Column with the time of the decision: nothing known later may be used.
        passthrough: Columns kept beside the features, never given to a model (protected attributes, amounts at stake).
        sequence: Integer column that orders events of the same microsecond; `None` where ties do not matter.
    """

    source: str
    row_id: str
    as_of: str = "event_time"
    passthrough: tuple[str, ...] = ()
    sequence: str | None = None


@dataclass(frozen=True)
class Label:
    """The rule by which a row turned out good or bad.

    A row is positive when the label source has an event for the row with `column` at least `at_least` and an event time
    within `horizon` of the decision. The label is mature `horizon + delay` after the decision. A row without any event
    in the label source is unobserved: neither good nor bad, and left out of training.

    Attributes:
        source: The source with the label events.
        row_id: The column of the label source that identifies the spine row.
        column: Numeric or boolean column that is compared.
        at_least: The lowest value that makes the row positive (a boolean counts as 0 or 1).
        horizon: How long after the decision an event still counts.
        delay: How long after the horizon the last event may still arrive.
        meaning: The rule in one sentence, for people.
    """

    source: str
    row_id: str
    column: str
    at_least: float
    horizon: timedelta
    delay: timedelta
    meaning: str

    @property
    def maturity(self) -> timedelta:
        """How long after the decision the label is final."""
        return self.horizon + self.delay
