"""The reader of a table, or of a query, of a DuckDB file.

Belongs here: the rows of days by one query in DuckDB's own SQL, and what a refusal means. Does not belong here: the
days of rows (`delivery.py`), other databases (`reader.py`).

DuckDB's SQLAlchemy dialect cannot describe a table under SQLAlchemy 2.1, so DuckDB is asked directly. It prints every
value as text itself, without loss: a HUGEINT, a DECIMAL and a time that is infinite have no exact type elsewhere. The
file is opened for reading alone: while another process writes to it, DuckDB lets no one else in.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from resources.slots import Slot, days_of, named
from resources.sources.databases.days import BEGINS_WITH_A_DAY, DatabaseRows
from resources.sources.databases.delivery import changed, parted
from resources.sources.readers import Closing, DayRows, SourceBroken, SourceUnavailable, in_one_order
from resources.sources.times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE

if TYPE_CHECKING:
    import duckdb

_ONE = timedelta(days=1)
_TIMES = ("DATE", "TIMESTAMP")
"""How the types of times begin; a TIME has no day."""
_NESTED = ("STRUCT", "MAP", "UNION")
_QUOTE_NO_VALUE = ("CatalogException", "BinderException", "ParserException", "PermissionException", "IOException")
_BUSY = ("lock", "does not exist")
"""What an error says of a file to which another process writes, and of one that is not there yet."""


class DuckDBReader(Closing):
    """Rows by their day column, with one query for a range of days."""

    def __init__(self, url: str, wanted: DatabaseRows) -> None:
        self._file, self._wanted = sa.make_url(url).database or "", wanted

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of consecutive days, or hours, of which the whole days are asked for.

        Raises:
            SourceUnavailable: The file is not there, or another process writes to it.
            SourceBroken: It is no DuckDB file, has no such table or column, or holds a value that cannot be read.
        """
        where, wanted = f"source {self._wanted.source}, {named(days[0])}", self._wanted
        with self._explain_refusals(where), self._opened() as connection:
            types = self._types(connection)
            if wanted.day_column not in types:
                raise SourceBroken(
                    f"{where}: {wanted.label} has no column '{wanted.day_column}'; its schema changed: agree on it "
                    f"with the owner and edit the contract"
                )
            condition, bounds = _may_be_of(wanted, types[wanted.day_column], days_of(days))
            rows = self._texts(connection, types, f" WHERE {condition}", bounds)
        yield from parted(days, in_one_order(rows, wanted.day_column), wanted)

    def sample(self, most: int) -> pa.Table:
        """At most so many rows of any days, all columns as text; of more rows half are the first, half the last ones.

        Raises:
            SourceUnavailable, SourceBroken: As `read`.
        """
        with self._explain_refusals(f"source {self._wanted.source}"), self._opened() as connection:
            types = self._types(connection)
            ((count,),) = connection.execute(f"SELECT count(*) FROM {self._relation}").fetchall()
            if count <= most:
                return self._texts(connection, types, "", [])
            halves = (f" LIMIT {most - most // 2}", f" LIMIT {most // 2} OFFSET {count - most // 2}")
            return pa.concat_tables([self._texts(connection, types, half, []) for half in halves])

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`."""
        return changed(self, self._wanted, recorded)

    @property
    def _relation(self) -> str:
        if self._wanted.query:
            return f"({self._wanted.query.strip().rstrip(';')}) AS rows_of_query"
        schema, _, table = self._wanted.table.rpartition(".")
        return ".".join(_quoted(name) for name in (schema, table) if name)

    def _types(self, connection: "duckdb.DuckDBPyConnection") -> dict[str, str]:
        """The type of each column."""
        described = connection.execute(f"DESCRIBE SELECT * FROM {self._relation}").fetchall()
        return {str(row[0]): str(row[1]) for row in described}

    def _texts(
        self, connection: "duckdb.DuckDBPyConnection", types: Mapping[str, str], which: str, bounds: Sequence[Any]
    ) -> pa.Table:
        """Rows as text, as DuckDB prints their values; of nested ones as JSON."""
        columns = ", ".join(f"{_printed(name, kind)} AS {_quoted(name)}" for name, kind in types.items())
        found = connection.sql(f"SELECT {columns} FROM {self._relation}{which}", params=list(bounds))
        return found.to_arrow_table().cast(pa.schema([(name, pa.string()) for name in types]))

    @contextmanager
    def _opened(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        # Who reads no DuckDB file does not wait for the import.
        import duckdb

        # Nothing is fetched from elsewhere because a query names it.
        config: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}
        with duckdb.connect(self._file, read_only=True, config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    @contextmanager
    def _explain_refusals(self, where: str) -> Iterator[None]:
        """Turns a refusal of DuckDB into the error that says what to do."""
        import duckdb

        label = self._wanted.label
        try:
            yield
        except duckdb.Error as error:
            kind, told = type(error).__name__, _first_line(error)
            if isinstance(error, duckdb.IOException) and any(text in told for text in _BUSY):
                raise SourceUnavailable(
                    f"{where}: the database cannot be opened ({told}); run it again when the file is there and nobody "
                    f"writes to it"
                ) from error
            if kind in _QUOTE_NO_VALUE:
                raise SourceBroken(
                    f"{where}: {label} cannot be read ({told}); check table=, query= and the connection's address"
                ) from error
            raise SourceBroken(
                f"{where}: {label} holds a value that cannot be read ({kind}; its text is withheld, since it may quote "
                f"personal data); ask the owner of the database to fix it, then run the day again"
            ) from None  # a traceback would show the error too


def _may_be_of(wanted: DatabaseRows, kind: str, asked: Sequence[date]) -> tuple[str, list[Any]]:
    """The condition of the rows that may be of the days, and its values."""
    column, after = _quoted(wanted.day_column), wanted.known_after or timedelta(0)
    # A zone or an offset moves a day by one at most, a part of a day in `known_after` by one more.
    first, end = asked[0] - after - 2 * _ONE, asked[-1] - after + 3 * _ONE
    if kind.startswith(_TIMES):
        within, bounds = f"({column} >= ? AND {column} < ?)", [_midnight(day, kind) for day in (first, end)]
        if wanted.first_day not in asked:
            return within, bounds
        plausible = [_midnight(day, kind) for day in (FIRST_PLAUSIBLE, LAST_PLAUSIBLE + _ONE)]
        return f"({within} OR {column} IS NULL OR {column} < ? OR {column} >= ?)", [*bounds, *plausible]
    text = f"CAST({column} AS VARCHAR)"
    sorts = f"regexp_matches({text}, '{BEGINS_WITH_A_DAY}')"
    return f"({text} IS NULL OR NOT {sorts} OR ({text} >= ? AND {text} < ?))", [first.isoformat(), end.isoformat()]


def _midnight(day: date, kind: str) -> date | datetime:
    if kind == "DATE":
        return day
    return datetime(day.year, day.month, day.day, tzinfo=UTC if "WITH TIME ZONE" in kind else None)


def _printed(name: str, kind: str) -> str:
    column = _quoted(name)
    if kind.startswith(_NESTED) or kind.endswith("]"):
        column = f"to_json({column})"
    return f"CAST({column} AS VARCHAR)"


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
