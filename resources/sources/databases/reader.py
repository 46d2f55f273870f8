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
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from resources.slots import Slot, days_of, named
from resources.sources.databases.addresses import for_reading, is_mysql
from resources.sources.databases.days import DatabaseRows, choice_of, first_and_last, printed
from resources.sources.databases.delivery import changed, parted, slots_of
from resources.sources.databases.errors import code_of, is_refusal, quotes_no_value
from resources.sources.readers import (
    Closing,
    DayRows,
    SourceBroken,
    SourceUnavailable,
    as_text,
    text_table,
)

_DRIVERS = {"mysql": "pymysql", "mariadb": "pymysql", "postgresql": "psycopg2-binary"}
_ROWS_AT_A_TIME = 10_000


class DatabaseReader(Closing):
    """Rows by their day column (ISO-8601 text or a timestamp), with the same queries for a range of days."""

    def __init__(self, url: str, wanted: DatabaseRows) -> None:
        self._url, self._wanted = url, wanted

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of consecutive days, or hours, of which the whole days are asked for.

        Raises:
            SourceUnavailable: The database does not answer.
            SourceBroken: It has no such table or column, refuses, returns rows of other days, or holds a value that
                cannot be read.
        """
        with self._explain_refusals(self._asked(days[0])), _engine(self._url) as engine, engine.connect() as connection:
            _speak_utc(connection)
            relation = self._relation(connection)
            rows = self._rows(connection, relation, days_of(days))
        yield from parted(days, rows, self._wanted)

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
            return self._texts(connection, first_and_last(connection, relation, most), where)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`."""
        return changed(self, self._wanted, recorded)

    def _relation(self, connection: sa.Connection) -> sa.FromClause:
        if not self._wanted.query:
            schema, _, table = self._wanted.table.rpartition(".")
            own = sa.MetaData()
            # Without the tables to which its keys refer: the role may have no right to them.
            return sa.Table(table, own, schema=schema or None, autoload_with=connection, resolve_fks=False)
        query = self._wanted.query.strip().rstrip(";").replace(":", r"\:")  # a colon is no parameter
        empty = connection.execute(sa.text(f"SELECT * FROM ({query}) AS rows_of_query WHERE 1 = 0"))
        columns = [sa.column(name, _time_of_mysql(connection, code)) for name, code, *_ in empty.cursor.description]
        return sa.text(f"SELECT * FROM ({query}) AS rows_of_query").columns(*columns).subquery("rows_of_day")

    def _rows(self, connection: sa.Connection, relation: sa.FromClause, asked: Sequence[date]) -> pa.Table:
        """The rows that may belong to the days, each once."""
        column = relation.c[self._wanted.day_column]
        choice = choice_of(connection, column, asked, self._wanted)
        chosen = sa.select(*(printed(connection, c, is_day=c is column) for c in relation.c))
        keys = list(relation.primary_key.columns) if isinstance(relation, sa.Table) else []
        found = self._texts(connection, chosen.where(choice.within).order_by(column, *keys), self._asked(asked[0]))
        self._check_days(asked, found[self._wanted.day_column], choice.window)
        odd = self._texts(connection, chosen.where(choice.odd).order_by(*keys), self._asked(asked[0]))
        rows = pa.concat_tables([found, odd])
        if keys:
            return rows
        # The order of rows without a key is the database's: a rerun must not differ.
        return rows.sort_by([(name, "ascending", "at_start") for name in rows.column_names])

    def _texts(self, connection: sa.Connection, query: sa.Select[Any], where: str) -> pa.Table:
        """The rows as text, fetched a part at a time: the driver holds no more of them.

        An error here may quote a value, and the value may be personal: it is not passed on.
        """
        try:
            found = connection.execute(query, execution_options={"yield_per": _ROWS_AT_A_TIME})
            names = list(found.keys())
            parts = [text_table(names, [tuple(map(as_text, row)) for row in part]) for part in found.partitions()]
            return pa.concat_tables([text_table(names, []), *parts])
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

    def _check_days(self, asked: Sequence[date], texts: pa.ChunkedArray, window: tuple[date, date]) -> None:
        """Refuses rows of days for which the database was not asked: its clock or order is another than this one's."""
        for day in pc.unique(slots_of(texts, self._wanted, None, asked[0])).to_pylist():
            if not window[0] <= day <= window[1]:
                raise SourceBroken(
                    f"{self._where(asked[0])} returned a row of {day}, and was asked for {window[0]} to {window[1]}; "
                    f"check the type of column '{self._wanted.day_column}' and the time zone of the connection"
                )

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
            if is_refusal(error):
                raise self._refused(where, error) from error
            raise SourceUnavailable(
                f"{where}: the database does not answer ({error.orig}); run it again later"
            ) from error
        except sa.exc.SQLAlchemyError as error:
            raise self._refused(where, error) from error

    def _refused(self, where: str, error: sa.exc.SQLAlchemyError) -> SourceBroken:
        why = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        return SourceBroken(
            f"{where}: {self._wanted.label} cannot be read ({why}); ask the owner of the database for the right to "
            f"read it, and check its address"
        )

    def _where(self, day: date) -> str:
        return f"{self._asked(day)}: {self._wanted.label}"

    def _asked(self, day: Slot) -> str:
        return f"source {self._wanted.source}, {named(day)}"


def _speak_utc(connection: sa.Connection) -> None:
    """Makes the session show and compare times in UTC, whatever its role or server has set."""
    statements: Mapping[str, Sequence[str]] = {
        "postgresql": ("SET TIME ZONE 'UTC'", "SET DateStyle = 'ISO, YMD'", "SET IntervalStyle = 'iso_8601'"),
        **dict.fromkeys(("mysql", "mariadb"), ("SET time_zone = '+00:00'",)),
    }
    for statement in statements.get(connection.dialect.name, ()):
        connection.execute(sa.text(statement))


def _time_of_mysql(connection: sa.Connection, code: Any) -> sa.types.TypeEngine[Any] | None:
    """The type of a query's column, where MySQL says that it has times; its TIMESTAMP alone is a moment.

    Args:
        code: The type, as the protocol numbers it.
    """
    if not is_mysql(connection.dialect.name):
        return None
    times: Mapping[int, sa.types.TypeEngine[Any]] = {7: sa.TIMESTAMP(), 10: sa.Date(), 12: sa.DateTime()}
    return times.get(code)


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(for_reading(url))
    try:
        yield engine
    finally:
        engine.dispose()
