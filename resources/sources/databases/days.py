"""The days of the rows of a table, or of a query, of a database.

Belongs here: which rows are a source's, the conditions by which a database finds those of days, and how a column is
selected. Does not belong here: asking a database (`reader.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from resources.sources.databases.addresses import is_mysql
from resources.sources.times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE

_ONE = timedelta(days=1)
BEGINS_WITH_A_DAY = (
    "^(19(7[1-9]|[89][0-9])|2[01][0-9][0-9])-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|"
    "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))([T ]|$)"
)
"""A text that sorts by its day: one of the years 1971 to 2199 that is in every year's calendar."""

_POSITION = "loopline_position"
"""The column that numbers the rows of a sample; no source has one of that name."""


@dataclass(frozen=True)
class DatabaseRows:
    """Which rows of a database are a source's.

    Attributes:
        table: The table, also `schema.table`; empty where `query` is given.
        query: A SELECT statement whose rows are read in the place of a table's.
        day_column: The column with the time at which a row became known, or of its event with `known_after`.
        zone: The zone of times without an offset.
        times: The columns that hold times.
        first_day: The day of rows that have no readable time.
        known_after: How long after the time in `day_column` a row became known; `None` where the column says it.
        overlap: How many of the last days are asked for again, for rows that were committed late.
    """

    source: str
    table: str
    day_column: str
    query: str = ""
    zone: str = "UTC"
    times: tuple[str, ...] = ()
    first_day: date = date(1970, 1, 2)
    known_after: timedelta | None = None
    overlap: int = 3

    @property
    def label(self) -> str:
        """For messages."""
        return f"table '{self.table}'" if self.table else "its query"


@dataclass(frozen=True)
class Choice:
    """Two conditions that no row satisfies both.

    Attributes:
        within: The rows whose time the database can compare with the days.
        odd: The rows whose time it cannot.
        window: The first and the last day that the time of a row of `within` may have.
    """

    within: sa.ColumnElement[bool]
    odd: sa.ColumnElement[bool]
    window: tuple[date, date]


def choice_of(
    connection: sa.Connection, column: sa.ColumnElement[Any], asked: Sequence[date], wanted: DatabaseRows
) -> Choice:
    """The conditions for the rows that became known on consecutive days."""
    is_first_asked = wanted.first_day in asked
    if wanted.known_after is not None:
        asked = (asked[0] - wanted.known_after - _ONE, asked[-1] - wanted.known_after + _ONE)
    if _is_time(connection, column):
        exact = wanted.zone == "UTC" or _is_moment(connection, column)
        first, last = (asked[0], asked[-1]) if exact else (asked[0] - _ONE, asked[-1] + _ONE)
        low, high, start, end = (
            _bound(day, column) for day in (first, last + _ONE, FIRST_PLAUSIBLE, LAST_PLAUSIBLE + _ONE)
        )
        plausible = sa.and_(column >= start, column < end, *_has_a_day(connection, column))
        odd = sa.or_(column.is_(None), sa.not_(plausible)) if is_first_asked else sa.false()
        window = (first, last) if exact else (first - _ONE, last + _ONE)
        return Choice(sa.and_(column >= low, column < high, *_has_a_day(connection, column)), odd, window)
    # An offset moves a text's day by one at most.
    text = sa.cast(column, sa.String)
    first, last = asked[0] - _ONE, asked[-1] + _ONE
    sorts = text.regexp_match(BEGINS_WITH_A_DAY)
    compared = column if isinstance(column.type, sa.String) else text
    within = sa.and_(compared >= first.isoformat(), compared < (last + _ONE).isoformat(), sorts)
    return Choice(within, sa.or_(column.is_(None), sa.not_(sorts)), (first - _ONE, last + _ONE))


def _is_time(connection: sa.Connection, column: sa.ColumnElement[Any]) -> bool:
    """Whether the database itself holds the column as a time; SQLite has no such type."""
    return isinstance(column.type, (sa.DateTime, sa.Date)) and connection.dialect.name != "sqlite"


def _is_moment(connection: sa.Connection, column: sa.ColumnElement[Any]) -> bool:
    """Whether a time of the column has a zone: MySQL keeps a TIMESTAMP in UTC, and shows it in the session's zone."""
    if is_mysql(connection.dialect.name):
        return isinstance(column.type, sa.TIMESTAMP)
    return bool(getattr(column.type, "timezone", False))


def _has_a_day(connection: sa.Connection, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """Of MySQL's times those that name a day: 2026-00-00 lies between two days there, and is none."""
    return [sa.cast(column, sa.String).not_like("%-00%")] if is_mysql(connection.dialect.name) else []


def printed(connection: sa.Connection, column: sa.ColumnElement[Any], *, is_day: bool) -> sa.ColumnElement[Any]:
    """The column as it is selected: times and JSON as the database prints them, since a driver may not read each."""
    kind = column.type
    if is_day and isinstance(kind, sa.types.NullType):  # of a query, whose types are not known
        return sa.cast(column, sa.String).label(column.name)
    if isinstance(kind, (sa.DateTime, sa.Date, sa.Time)) and connection.dialect.name == "sqlite":
        return sa.type_coerce(column, sa.String).label(column.name)
    if isinstance(kind, (sa.DateTime, sa.Date, sa.Time, sa.JSON)) and connection.dialect.name == "postgresql":
        return sa.cast(column, sa.Text).label(column.name)
    return _printed_by_mysql(column) if is_mysql(connection.dialect.name) else column


def _printed_by_mysql(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The column as MySQL prints it: its driver reads no zero date, and bytes as no text."""
    kind, text = column.type, sa.cast(column, sa.String)
    if isinstance(kind, sa.TIMESTAMP):
        return sa.func.concat(text, "+00:00").label(column.name)
    if isinstance(kind, (sa.DateTime, sa.Date, sa.Time, sa.JSON, mysql.SET)):
        return text.label(column.name)
    if isinstance(kind, mysql.BIT):
        return sa.cast(column, mysql.INTEGER(unsigned=True)).label(column.name)
    if isinstance(kind, sa.types._Binary):
        return sa.func.lower(sa.func.hex(column)).label(column.name)
    return column


def first_and_last(connection: sa.Connection, relation: sa.FromClause, most: int) -> sa.Select[Any]:
    """Selects at most so many rows, of more rows the first and the last ones, in their order."""
    columns = [printed(connection, column, is_day=False) for column in relation.c]
    rows = connection.execute(sa.select(sa.func.count()).select_from(relation)).scalar_one()
    if rows <= most:
        return sa.select(*columns)
    keys = list(relation.primary_key.columns) if isinstance(relation, sa.Table) else []
    position = sa.func.row_number().over(order_by=keys or None).label(_POSITION)
    numbered = sa.select(*columns, position).subquery("numbered_rows")
    at, half = numbered.c[_POSITION], most // 2
    chosen = sa.select(*(column for column in numbered.c if column is not at))
    return chosen.where((at <= half) | (at > rows - half)).order_by(at)


def _bound(day: date, column: sa.ColumnElement[Any]) -> Any:
    """The start of a day, in the type of the column: a moment with a zone is compared with no column without one."""
    if not isinstance(column.type, sa.DateTime):
        return day
    return datetime(day.year, day.month, day.day, tzinfo=UTC if column.type.timezone else None)


def day_at_start(text: str | None) -> date | None:
    """The day with which a text begins; `None` if it begins with none."""
    if text is None or not re.match(BEGINS_WITH_A_DAY, text):
        return None
    return date.fromisoformat(text[:10])
