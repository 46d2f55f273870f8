"""A server that speaks MySQL's protocol, within a test.

Belongs here: the protocol (of a wheel), how statements reach SQLite, which holds the rows, and how a TIMESTAMP is shown
in the session's zone. Does not belong here: what a test asks.

SQLite keeps any text in a column of any type, so also a zero date. A statement is translated from MySQL's language, as
it arrived; what the server cannot translate it refuses.
"""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mysql_mimic import ColumnType, IdentityProvider, MysqlServer, NativePasswordAuthPlugin, ResultColumn, Session, User
from mysql_mimic.errors import SQLSTATES, MysqlError
from mysql_mimic.variables import GlobalVariables, SessionVariables
from sqlglot import exp

NO_TABLE, NO_RIGHT, WRONG_VALUE = 1146, 1142, 1292
SQLSTATES.update({NO_TABLE: b"42S02", NO_RIGHT: b"42000", WRONG_VALUE: b"22007"})
_ZONE = "+13:00"
"""The zone of a session that sets none."""
_KINDS = {
    "datetime": ColumnType.DATETIME, "timestamp": ColumnType.TIMESTAMP, "date": ColumnType.DATE,
    "bigint": ColumnType.LONGLONG, "int": ColumnType.LONG, "tinyint": ColumnType.TINY, "double": ColumnType.DOUBLE,
    "decimal": ColumnType.NEWDECIMAL,
}  # fmt: skip


@dataclass
class MySQL:
    """A server with a database `shop`.

    Attributes:
        columns: Of each table its columns and their types, as MySQL prints them, `PRIMARY KEY` of the key.
        views: Those of the tables that are views.
        refusals: The error that a table answers with: its number and its text.
        sent: How many rows it has sent.
    """

    port: int = 0
    columns: dict[str, Mapping[str, str]] = field(default_factory=dict)
    views: set[str] = field(default_factory=set)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    sent: int = 0
    rows: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:", check_same_thread=False))

    @property
    def url(self) -> str:
        """Its address; it names no driver, as addresses often do not."""
        return f"mysql://reader:a-secret@127.0.0.1:{self.port}/shop"

    def fill(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], *, is_view: bool = False
    ) -> None:
        """Makes a table anew; a view of it has the same rows and no key."""
        self.columns[table] = columns
        if is_view:
            self.views.add(table)
        names, marks = (", ".join(texts) for texts in (map(_quoted, columns), "?" * len(columns)))
        self.rows.execute(f"DROP TABLE IF EXISTS {_quoted(table)}")
        self.rows.execute(f"CREATE TABLE {_quoted(table)} ({names})")
        self.rows.executemany(f"INSERT INTO {_quoted(table)} VALUES ({marks})", rows)


class _Session(Session):
    """Answers statements with the rows of a `MySQL`."""

    def __init__(self, server: MySQL) -> None:
        variables = GlobalVariables()
        variables.set("sql_mode", "STRICT_TRANS_TABLES")
        variables.set("time_zone", _ZONE)
        super().__init__(SessionVariables(variables))
        self._server = server

    async def handle_query(self, sql: str, attrs: dict[str, str]) -> Any:
        described = re.fullmatch(r"(SHOW CREATE TABLE|DESCRIBE) (?:`shop`\.)?`(.*)`", sql.strip())
        if described is None:
            return await super().handle_query(sql, attrs)
        name = described[2].replace("``", "`")
        if name not in self._server.columns:
            raise MysqlError(f"Table 'shop.{name}' doesn't exist", NO_TABLE)
        columns = self._server.columns[name]
        if described[1] == "DESCRIBE":
            rows = [(column, kind, "YES", "", None, "") for column, kind in columns.items()]
            return rows, ["Field", "Type", "Null", "Key", "Default", "Extra"]
        if name in self._server.views:
            return [(name, f"CREATE ALGORITHM=UNDEFINED VIEW `{name}` AS select 1")], ["View", "Create View"]
        lines = [f"  `{column}` {kind.removesuffix(' PRIMARY KEY')}" for column, kind in columns.items()]
        lines += [f"  PRIMARY KEY (`{column}`)" for column, kind in columns.items() if kind.endswith(" PRIMARY KEY")]
        described_columns = ",\n".join(lines)
        ddl = f"CREATE TABLE `{name}` (\n{described_columns}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        return [(name, ddl)], ["Table", "Create Table"]

    async def query(self, expression: exp.Expression, sql: str, attrs: dict[str, str]) -> Any:
        for table in expression.find_all(exp.Table):
            if table.name in self._server.refusals:
                code, text = self._server.refusals[table.name]
                raise MysqlError(text, code)
            table.set("db", None)
        kinds = {name: kind for columns in self._server.columns.values() for name, kind in columns.items()}
        shown = expression.transform(self._shown, kinds)
        self._server.rows.create_function("SHOWN", 1, self._moved)
        self._server.rows.create_function("REGEXP", 2, _matches)
        found = self._server.rows.execute(shown.sql(dialect="sqlite"))
        selects = [None] * len(found.description) if expression.is_star else list(expression.selects)
        columns = [
            ResultColumn(name, _kind(select, kinds.get(name, "")))
            for (name, *_), select in zip(found.description, selects, strict=True)
        ]
        return self._counted(found), columns

    async def _counted(self, found: sqlite3.Cursor) -> Any:
        for row in found:
            self._server.sent += 1
            yield row

    def _shown(self, node: exp.Expression, kinds: Mapping[str, str]) -> exp.Expression:
        """A TIMESTAMP, which is kept in UTC, in the session's zone."""
        if isinstance(node, exp.Column) and kinds.get(node.name, "").startswith("timestamp"):
            return exp.Anonymous(this="SHOWN", expressions=[node.copy()])
        return node

    def _moved(self, text: str | None) -> str | None:
        if text is None or text.startswith("0000"):
            return text
        offset = self.timezone().utcoffset(None)
        return str(datetime.fromisoformat(text) + offset)


class _Reader(IdentityProvider):
    async def get_user(self, username: str) -> User | None:
        secret = NativePasswordAuthPlugin.create_auth_string("a-secret")
        known = User("reader", auth_string=secret, auth_plugin=NativePasswordAuthPlugin.name)
        return known if username == "reader" else None


def _kind(select: exp.Expression | None, kind: str) -> ColumnType:
    """The type of a column of a result."""
    select = select.unalias() if select is not None else None
    if isinstance(select, exp.Count):
        return ColumnType.LONGLONG
    is_text = not (select is None or isinstance(select, exp.Column))
    return ColumnType.VAR_STRING if is_text else _KINDS.get(re.split(r"\W", kind)[0], ColumnType.VAR_STRING)


def _matches(form: str, text: str | None) -> bool:
    return text is not None and re.search(form, text) is not None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def mysql_server() -> Iterator[MySQL]:
    """A server on loopback that runs within the block."""
    own, loop, ready = MySQL(), asyncio.new_event_loop(), threading.Event()
    server = MysqlServer(lambda: _Session(own), identity_provider=_Reader())

    async def serve() -> None:
        await server.start_server(host="127.0.0.1", port=0)
        own.port = server.sockets()[0].getsockname()[1]
        ready.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()
        server.close()
        open_ones = asyncio.all_tasks(loop)
        for task in open_ones:
            task.cancel()
        if open_ones:
            loop.run_until_complete(asyncio.wait(open_ones))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield own
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        own.rows.close()
