"""Readers of the rows of a day, one for each kind of source system.

Belongs here: the readers of a database, of files and of an HTTP API, each of which returns the rows of a UTC day as
text, exactly as they arrived. Does not belong here: streams (`stream_file.py`, `kafka.py`), the meaning of columns, the
lake.

Every reader returns `DayRows`: all columns as strings, because a raw table holds data as delivered; types are checked
later. A day that cannot be read raises `SourceUnavailable` if a retry may succeed, and `SourceBroken` if a person must
act first.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, Self

import httpx
import pyarrow as pa
import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

from resources.errors import LooplineError
from resources.loopback import is_loopback
from resources.sources.csv_files import NotCsv, NotWhole, read_csv
from resources.sources.database_errors import code_of, quotes_no_value

_NOT_CONFIGURED = (NoCredentialsError, PartialCredentialsError, NoRegionError)
_BYTE_ORDER_MARK = "\ufeff"
SETTLED_SECONDS = 60
"""A file without a line break at its end counts as whole when it has not been changed for so long."""
# Temporary refusals, some of which S3 sends with a status of 4xx.
_SLOW = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "RequestTimeTooSkewed"})


class SourceError(LooplineError):
    """A source did not deliver a day; the message names source, day and remedy."""


class SourceUnavailable(SourceError):
    """The source is down or slow; the same call may succeed later."""


class SourceBroken(SourceError):
    """The day is missing, or breaks the agreed form; a retry does not help."""


@dataclass(frozen=True)
class DayRows:
    """The rows of one day of a source.

    Attributes:
        rows: All columns of type string; the rows in the order in which they arrived.
        malformed: Lines that could not be read as a row, as text.
        origin: Where the rows came from (file, query, offsets), for the commit's metadata.
    """

    day: date
    rows: pa.Table
    malformed: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Reads the rows of days, in order; a context manager, because a reader may hold a connection."""

    def read(self, days: Sequence[date]) -> Iterator[DayRows]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class _Closing:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


class DatabaseReader(_Closing):
    """Rows of a table by their day column (ISO-8601 text or a timestamp), with one query for a range of days."""

    def __init__(self, name: str, url: str, table: str, day_column: str) -> None:
        self._name, self._url, self._table, self._column = name, url, table, day_column

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        try:
            with _engine(self._url) as engine, engine.connect() as connection:
                table = sa.Table(self._table, sa.MetaData(), autoload_with=connection)
                column = table.c[self._column]
                order = [column, *table.primary_key.columns]
                low, high = _moment(days[0], column), _moment(days[-1] + timedelta(days=1), column)
                query = sa.select(table).where(column >= low, column < high).order_by(*order)
                rows = self._rows(connection, query, days[0])
        except sa.exc.NoSuchTableError as error:
            raise SourceBroken(
                f"source {self._name}, day {days[0]}: table '{self._table}' does not exist; ask the owner of the "
                f"database, or fill the sandbox"
            ) from error
        except KeyError as error:
            raise SourceBroken(
                f"source {self._name}, day {days[0]}: table '{self._table}' has no column {error}; its schema changed: "
                f"agree on it with the owner and edit the contract"
            ) from error
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise SourceUnavailable(
                f"source {self._name}, day {days[0]}: the database does not answer ({error.orig}); run it again later"
            ) from error
        except sa.exc.SQLAlchemyError as error:
            why = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise SourceBroken(
                f"source {self._name}, day {days[0]}: table '{self._table}' cannot be read ({why}); ask the owner of "
                f"the database for the right to read it, and check its address"
            ) from error
        yield from self._parted(days, rows, [c.name for c in table.c])

    def _rows(self, connection: sa.Connection, query: sa.Select[Any], day: date) -> list[tuple[str | None, ...]]:
        """The rows as text. An error here may quote a value, and the value may be personal: it is not passed on."""
        where = f"source {self._name}, day {day}: table '{self._table}'"
        try:
            return [tuple(map(_as_text, row)) for row in connection.execute(query)]
        except sa.exc.DBAPIError as error:
            if quotes_no_value(error):
                raise
            kind = code_of(error.orig)
        except ValueError as error:  # of a driver that reads a value as its column's type
            kind = type(error).__name__
        # Outside of the handlers: a traceback would show their errors too.
        raise SourceBroken(
            f"{where} holds a value that cannot be read ({kind}; its text is withheld, since it may quote personal "
            f"data); ask the owner of the database to mend it, then run the day again"
        )

    def _parted(self, days: Sequence[date], rows: list[tuple[str | None, ...]], names: list[str]) -> Iterator[DayRows]:
        at = names.index(self._column)
        by_day: dict[str, list[tuple[str | None, ...]]] = {}
        for row in rows:
            by_day.setdefault(str(row[at])[:10], []).append(row)
        for day in days:
            found = by_day.get(day.isoformat(), [])
            yield DayRows(day, _text_table(names, found), origin={"table": self._table, "rows": len(found)})


class FilesReader(_Closing):
    """One CSV file with a header for each day, from a folder or an `s3://` prefix of the landing zone."""

    def __init__(self, name: str, landing: str, pattern: str, s3: Any = None) -> None:
        self._name, self._landing, self._pattern, self._s3 = name, landing.rstrip("/"), pattern, s3

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        for day in days:
            yield self._day(day)

    def unfinished(self, day: date) -> str:
        """Why the day's file is not whole yet; empty if it is, or if more of it would not mend it: the run says why."""
        try:
            self._day(day)
        except SourceUnavailable as error:
            return str(error)
        except SourceBroken:
            return ""
        return ""

    def _day(self, day: date) -> DayRows:
        place = f"{self._landing}/{self._pattern.format(day=day.isoformat())}"
        content, changed = self._fetch(day, place)
        return self._parse(day, place, content, settled=time.time() - changed > SETTLED_SECONDS)

    def _fetch(self, day: date, place: str) -> tuple[bytes, float]:
        """The file's content, and when it was last changed: seconds since 1970."""
        missing = SourceBroken(
            f"source {self._name}, day {day}: no file {place}; ask the owner to deliver it, then run the day again"
        )
        if not place.startswith("s3://"):
            if not Path(place).is_file():
                raise missing
            return Path(place).read_bytes(), Path(place).stat().st_mtime
        bucket, _, key = place.removeprefix("s3://").partition("/")
        try:
            answer = self._s3.get_object(Bucket=bucket, Key=key)
            return bytes(answer["Body"].read()), answer["LastModified"].timestamp()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise missing from error
            raise _refused(f"source {self._name}, day {day}: {place}", bucket, error) from error
        except _NOT_CONFIGURED as error:
            raise SourceBroken(
                f"source {self._name}, day {day}: {place}: {error}; set them as boto3 documents"
            ) from error
        except BotoCoreError as error:
            raise SourceUnavailable(
                f"source {self._name}, day {day}: {place}: S3 does not answer ({error}); run the day again later"
            ) from error

    def _parse(self, day: date, place: str, content: bytes, *, settled: bool) -> DayRows:
        try:
            found = read_csv(content, settled=settled)
        except NotWhole as error:
            raise SourceUnavailable(
                f"source {self._name}, day {day}: {place} {error}; it is still being written, or its delivery was cut "
                f"short: the day waits; run it again once the file is whole, or ask the owner to deliver it again"
            ) from error
        except NotCsv as error:
            raise SourceBroken(
                f"source {self._name}, day {day}: {place} {error}; ask the owner to deliver it again, then run the day "
                f"again"
            ) from error
        return DayRows(day, found.table, found.malformed, {"file": place, "bytes": len(content)})


def _refused(where: str, bucket: str, error: ClientError) -> SourceError:
    """The error for a refusal by S3, transient or permanent."""
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code == "NoSuchBucket":
        return SourceBroken(
            f"{where}: there is no bucket {bucket}; set LOOPLINE_LANDING to the bucket of the daily files"
        )
    if status == 429 or status >= 500 or code in _SLOW:
        return SourceUnavailable(f"{where}: S3 answered {code}; run the day again later")
    return SourceBroken(f"{where}: S3 refused it ({code}); ask the owner of bucket {bucket} for the right to read")


class HttpReader(_Closing):
    """One JSON array of objects for each day: GET `{base}{path}?day=YYYY-MM-DD`."""

    def __init__(self, name: str, base: str, path: str, timeout: float = 20.0) -> None:
        self._name, self._path = name, path
        self._client = httpx.Client(base_url=base, timeout=timeout, trust_env=not is_loopback(base))

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        for day in days:
            yield self._day(day)

    def _day(self, day: date) -> DayRows:
        where = f"source {self._name}, day {day}: {self._client.base_url}{self._path}"
        try:
            answer = self._client.get(self._path, params={"day": day.isoformat()})
        except httpx.TransportError as error:
            raise SourceUnavailable(f"{where} does not answer ({error}); start it, then run the day again") from error
        except httpx.DecodingError as error:
            raise SourceBroken(f"{where} sent an answer that cannot be decoded ({error}); ask its owner") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise SourceUnavailable(f"{where} answered {answer.status_code}; run the day again once it works")
        if answer.status_code != 200:
            # Without the body: it may quote a row.
            raise SourceBroken(f"{where} answered {answer.status_code} {answer.reason_phrase}; ask its owner")
        try:
            items = json_value(answer.content)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise SourceBroken(f"{where} did not answer with a JSON array of objects; ask its owner")
            rows = objects_table(items)
        except (ValueError, RecursionError) as error:
            if answer.content.strip().startswith(b"[") and not answer.content.rstrip().endswith(b"]"):
                raise SourceUnavailable(
                    f"{where} sent an answer that ends within a row; the day waits: run it again later"
                ) from error
            raise SourceBroken(f"{where} did not answer with JSON ({error}); ask its owner") from error
        return DayRows(day, rows, origin={"url": str(answer.url), "rows": len(items)})

    def __exit__(self, *exception: object) -> None:
        self._client.close()


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _moment(day: date, column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.DateTime):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return day.isoformat()


def _as_text(value: Any) -> str | None:
    """A value as text, as its source would print it; numbers without loss."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _text_table(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def message_text(content: bytes) -> str:
    """A message as text; a byte that is not UTF-8 becomes `\\xe4`, which JSON does not have, so it is no row."""
    return content.decode("utf-8", errors="backslashreplace")


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a text; `None` if it is not an object, names a key twice, or is not text that UTF-8 can hold.

    Numbers with a point or an exponent stay text, because a float would change their digits.
    """
    try:
        item = json_value(text.removeprefix(_BYTE_ORDER_MARK))
        if "\\u" in text:  # may be half a surrogate pair, which cannot be stored
            json.dumps(item, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return item if isinstance(item, dict) else None


def json_value(text: str | bytes) -> Any:
    """A JSON text as a value, its numbers with a point or an exponent as text.

    Raises:
        ValueError: It is not JSON, or an object names a key twice.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_float=str, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted({name for name, count in Counter(name for name, _ in pairs).items() if count > 1})
        raise ValueError(f"an object names {', '.join(map(repr, twice))} more than once")
    return found


def objects_table(items: Sequence[dict[str, Any]]) -> pa.Table:
    """JSON objects as a table of text; a key that an object lacks is null in its row."""
    names = list(dict.fromkeys(name for item in items for name in item))
    return _text_table(names, [[_as_text(item.get(name)) for name in names] for item in items])
