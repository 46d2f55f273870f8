"""The reader of a table of a database.

Belongs here: the rows of days by one query, and what a database's refusal means. Does not belong here: what may be told
of an error (`database_errors.py`), the meaning of columns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from resources.sources.database_errors import code_of, quotes_no_value
from resources.sources.readers import Closing, DayRows, SourceBroken, SourceUnavailable, as_text, text_table


class DatabaseReader(Closing):
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
            return [tuple(map(as_text, row)) for row in connection.execute(query)]
        except sa.exc.DBAPIError as error:
            if quotes_no_value(error):
                raise
            kind = code_of(error.orig)
        except ValueError as error:  # of a driver that reads a value as its column's type
            kind = type(error).__name__
        # Outside of the handlers: a traceback would show their errors too.
        raise SourceBroken(
            f"{where} holds a value that cannot be read ({kind}; its text is withheld, since it may quote personal "
            f"data); ask the owner of the database to fix it, then run the day again"
        )

    def _parted(self, days: Sequence[date], rows: list[tuple[str | None, ...]], names: list[str]) -> Iterator[DayRows]:
        at = names.index(self._column)
        by_day: dict[str, list[tuple[str | None, ...]]] = {}
        for row in rows:
            by_day.setdefault(str(row[at])[:10], []).append(row)
        for day in days:
            found = by_day.get(day.isoformat(), [])
            yield DayRows(day, text_table(names, found), origin={"table": self._table, "rows": len(found)})


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(_for_reading(url))
    try:
        yield engine
    finally:
        engine.dispose()


def _for_reading(url: str) -> sa.URL:
    """The address by which a SQLite file stays as it is: none is created, and no log of another's writes is applied."""
    parsed = sa.make_url(url)
    file = parsed.database or ":memory:"
    if parsed.get_backend_name() != "sqlite" or file.startswith((":memory:", "file:")):
        return parsed
    # Without a log, closing the last connection removes what opening created beside the file; read-only it stays.
    mode = "ro" if Path(f"{file}-wal").exists() else "rw"
    return parsed.set(database=f"file:{quote(file)}", query={**parsed.query, "mode": mode, "uri": "true"})


def _moment(day: date, column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.DateTime):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return day.isoformat()
