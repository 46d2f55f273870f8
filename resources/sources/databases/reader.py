"""The reader of a table, or of a query, of a database.

Belongs here: the rows of days by one query, the day of a row whose time is odd, and what a database's refusal means.
Does not belong here: the conditions by which a database finds a day (`days.py`), what may be told of an error
(`errors.py`), the meaning of columns.

The where-clause of a day finds only rows whose time the database can compare. So a second query asks for the others:
rows without a time, with a default date of another system, or with a text that is no time. Each of them belongs to
exactly one day, whatever days are asked for: to the day with which its text begins, or else to the product's first day,
where validation quarantines it with a reason.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa

from resources.sources.databases.days import DatabaseRows, choice_of, day_at_start, first_and_last, printed
from resources.sources.databases.errors import code_of, quotes_no_value
from resources.sources.readers import (
    Closing,
    DayRows,
    SourceBroken,
    SourceUnavailable,
    as_text,
    table_digest,
    text_table,
)
from resources.sources.times import days, table_with_offsets, with_known

_DRIVERS = {"mysql": "pymysql", "mariadb": "pymysql", "duckdb": "duckdb-engine", "postgresql": "psycopg2-binary"}
_Row = tuple[str | None, ...]


class DatabaseReader(Closing):
    """Rows by their day column (ISO-8601 text or a timestamp), with the same queries for a range of days."""

    def __init__(self, url: str, wanted: DatabaseRows) -> None:
        self._url, self._wanted = url, wanted

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The rows of consecutive days.

        Raises:
            SourceUnavailable: The database does not answer.
            SourceBroken: It has no such table or column, refuses, returns rows of other days, or holds a value that
                cannot be read.
        """
        with self._explain_refusals(self._asked(days[0])), _engine(self._url) as engine, engine.connect() as connection:
            _speak_utc(connection)
            relation = self._relation(connection)
            names, rows = self._rows(connection, relation, days)
        yield from self._parted(days, rows, names)

    def sample(self, most: int) -> pa.Table:
        """At most so many rows of any days, all columns as text, whether or not there is a day column.

        Of more rows half are the first, half the last ones, by the primary key or else in the database's own order.

        Raises:
            SourceUnavailable, SourceBroken: As `read`.
        """
        where = f"source {self._wanted.source}"
        with self._explain_refusals(where), _engine(self._url) as engine, engine.connect() as connection:
            _speak_utc(connection)
            relation = self._relation(connection)
            chosen = first_and_last(connection, relation, most)
            return text_table([column.name for column in relation.c], self._texts(connection, chosen, where))

    def changed(self, recorded: Mapping[date, Mapping[str, Any]]) -> frozenset[date]:
        """See `Reader.changed`. Asks for the first day, which has the rows without a time, and for the last days.

        Rows that a transaction committed after its day was read are of the last days.
        """
        last = sorted(recorded)[-self._wanted.overlap :]
        asked = (
            last if self._wanted.first_day in last else [d for d in (self._wanted.first_day, *last) if d in recorded]
        )
        now = [found for day in asked for found in self.read([day])]
        return frozenset(
            found.day
            for found in now
            if recorded[found.day].get("digest", found.origin["digest"]) != found.origin["digest"]
        )

    def _relation(self, connection: sa.Connection) -> sa.FromClause:
        if not self._wanted.query:
            schema, _, table = self._wanted.table.rpartition(".")
            return sa.Table(table, sa.MetaData(), schema=schema or None, autoload_with=connection)
        query = self._wanted.query.strip().rstrip(";").replace(":", r"\:")  # a colon is no parameter
        empty = connection.execute(sa.text(f"SELECT * FROM ({query}) AS rows_of_query WHERE 1 = 0"))
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in empty.keys()]  # noqa: SIM118 - a result, no mapping
        return sa.text(f"SELECT * FROM ({query}) AS rows_of_query").columns(*columns).subquery("rows_of_day")

    def _rows(
        self, connection: sa.Connection, relation: sa.FromClause, asked: Sequence[date]
    ) -> tuple[list[str], list[_Row]]:
        """The rows that may belong to the days, each once."""
        column = relation.c[self._wanted.day_column]
        choice = choice_of(connection, column, asked, self._wanted)
        chosen = sa.select(*(printed(connection, c, is_day=c is column) for c in relation.c))
        keys = list(relation.primary_key.columns) if isinstance(relation, sa.Table) else []
        found = self._texts(connection, chosen.where(choice.within).order_by(column, *keys), self._asked(asked[0]))
        names = [c.name for c in relation.c]
        self._check_days(asked, found, names.index(self._wanted.day_column), choice.window)
        found += self._texts(connection, chosen.where(choice.odd).order_by(*keys), self._asked(asked[0]))
        if not keys:  # the order of rows without a key is the database's: a rerun must not differ
            found.sort(key=lambda row: [(value is not None, value or "") for value in row])
        return names, found

    def _texts(self, connection: sa.Connection, query: sa.Select[Any], where: str) -> list[_Row]:
        """The rows as text. An error here may quote a value, and the value may be personal: it is not passed on."""
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
            f"{where}: {self._wanted.label} holds a value that cannot be read ({kind}; its text is withheld, since it "
            f"may quote personal data); ask the owner of the database to fix it, then run the day again"
        )

    def _check_days(self, asked: Sequence[date], rows: list[_Row], at: int, window: tuple[date, date]) -> None:
        """Refuses rows of days for which the database was not asked: its clock or order is another than this one's."""
        for day in self._days([row[at] for row in rows], None):
            if not window[0] <= day <= window[1]:
                raise SourceBroken(
                    f"{self._where(asked[0])} returned a row of {day}, and was asked for {window[0]} to {window[1]}; "
                    f"check the type of column '{self._wanted.day_column}' and the time zone of the connection"
                )

    def _days(self, texts: Sequence[str | None], after: timedelta | None) -> list[date]:
        """The one day of each row, from the text of its day column, and how long after it the row became known."""
        column = pa.table({"at": pa.array(texts, pa.string())})
        found = days(with_known(column, "at", after, self._wanted.zone)[1]).to_pylist()
        return [day or self._odd_day(text, after) for text, day in zip(texts, found, strict=True)]

    def _odd_day(self, text: str | None, after: timedelta | None) -> date:
        start = day_at_start(text)
        return self._wanted.first_day if start is None else start + (after or timedelta(0))

    def _parted(self, asked: Sequence[date], rows: list[_Row], names: list[str]) -> Iterator[DayRows]:
        at = names.index(self._wanted.day_column)
        by_day: dict[date, list[_Row]] = {}
        for row, day in zip(rows, self._days([row[at] for row in rows], self._wanted.known_after), strict=True):
            by_day.setdefault(day, []).append(row)
        for day in asked:
            table = text_table(names, by_day.get(day, []))
            table = table_with_offsets(table, [self._wanted.day_column, *self._wanted.times], self._wanted.zone)
            table, _ = with_known(table, self._wanted.day_column, self._wanted.known_after, self._wanted.zone)
            origin = {"table": self._wanted.table or "query", "rows": table.num_rows, "digest": table_digest(table)}
            yield DayRows(day, table, origin=origin)

    @contextmanager
    def _explain_refusals(self, where: str) -> Iterator[None]:
        """Turns a refusal of the database into the error that says what to do."""
        label = self._wanted.label
        try:
            yield
        except sa.exc.NoSuchTableError as error:
            raise SourceBroken(
                f"{where}: {label} does not exist; ask the owner of the database, or fill the sandbox"
            ) from error
        except KeyError as error:
            raise SourceBroken(
                f"{where}: {label} has no column {error}; its schema changed: agree on it with the owner and edit the "
                f"contract"
            ) from error
        except ImportError as error:
            kind = re.split(r"[+:]", self._url)[0]
            raise SourceBroken(
                f"{where}: the driver of {kind} is not installed ({error.name or error}); install it (pip install "
                f"{_DRIVERS.get(kind, 'its driver')}) and name it in the address, as in {kind}+driver://"
            ) from error
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise SourceUnavailable(
                f"{where}: the database does not answer ({error.orig}); run it again later"
            ) from error
        except sa.exc.SQLAlchemyError as error:
            why = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise SourceBroken(
                f"{where}: {label} cannot be read ({why}); ask the owner of the database for the right to read it, and "
                f"check its address"
            ) from error

    def _where(self, day: date) -> str:
        return f"{self._asked(day)}: {self._wanted.label}"

    def _asked(self, day: date) -> str:
        return f"source {self._wanted.source}, day {day}"


def _speak_utc(connection: sa.Connection) -> None:
    """Makes the session show and compare times in UTC, whatever its role or server has set."""
    statements: Mapping[str, Sequence[str]] = {
        "postgresql": ("SET TIME ZONE 'UTC'", "SET DateStyle = 'ISO, YMD'", "SET IntervalStyle = 'iso_8601'"),
        "mysql": ("SET time_zone = '+00:00'",),
        "mariadb": ("SET time_zone = '+00:00'",),
    }
    for statement in statements.get(connection.dialect.name, ()):
        connection.execute(sa.text(statement))


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
