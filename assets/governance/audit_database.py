"""The audit log in PostgreSQL: one chain for all machines of an environment, which no container takes with it.

Belongs here: appending in one transaction, reading back, the choice between file and database. Does not belong here:
the form of an entry (`audit_entries.py`), what all logs do (`audit.py`), the log in a file (`audit_log.py`).

A row holds the line that a file would hold, so that the chain of both is the same. The database refuses to change or
remove a row; the chain shows it where somebody did so with the owner's rights.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from assets.governance.audit import Audit
from assets.governance.audit_entries import AuditEntry, AuditLogError, LastEntry, in_order, line_after, read_line
from assets.governance.audit_log import AuditLog
from resources.environments import Environment
from resources.postgres import engine_of, is_postgres, place_of, reason_of

_LOCK = 7_026_815_331
"""The advisory lock under which an entry is appended."""
_MAKE = (
    "CREATE TABLE IF NOT EXISTS loopline_audit (number bigint PRIMARY KEY, line text NOT NULL)",
    """CREATE OR REPLACE FUNCTION loopline_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'loopline_audit is append-only'; END $$""",
    """CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loopline_audit
    FOR EACH STATEMENT EXECUTE FUNCTION loopline_audit_is_append_only()""",
)


def audit_of(environment: Environment) -> Audit:
    """The audit log of an environment, whose heads are noted at its anchors."""
    return open_audit(environment.records, environment.audit_anchors)


def open_audit(records: str, anchors: str = "") -> Audit:
    """The audit log among the records of an environment; nothing is opened before its first use.

    Args:
        records: `Environment.records`: a folder, `postgresql+psycopg2://…`, or empty where neither is set.
        anchors: `Environment.audit_anchors`; empty for none.
    """
    if records and "://" not in records:
        return AuditLog(Path(records) / "log.jsonl", anchors)
    return DatabaseAuditLog(records, anchors)


@dataclass(frozen=True)
class DatabaseAuditLog(Audit):
    """One log, one table; any number of processes on any machines may append."""

    address: str
    anchors: str = field(default="", compare=False)

    def _append(self, texts: Mapping[str, str], at: datetime, details: Mapping[str, Any]) -> AuditEntry:
        with self._connected() as connection, connection.begin():
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            if not _is_made(connection):
                for statement in _MAKE:
                    connection.execute(sa.text(statement))
            last = _last(connection, self._where)
            line = line_after(last, texts, at, details)
            entry = read_line(line, self._where)
            connection.execute(
                sa.text("INSERT INTO loopline_audit (number, line) VALUES (:number, :line)"),
                {"number": entry.number, "line": line.decode()},
            )
        return entry

    def entries(self, *, last: LastEntry = "whole") -> Iterator[AuditEntry]:
        """See `Audit.entries`. A transaction writes an entry whole or not at all: `last` makes no difference here."""
        with self._connected() as connection:
            if _is_made(connection):
                rows = connection.execute(sa.text("SELECT line FROM loopline_audit ORDER BY number"))
                yield from in_order((line.encode() for (line,) in rows), self._where)

    def _last(self) -> AuditEntry | None:
        with self._connected() as connection:
            return _last(connection, self._where) if _is_made(connection) else None

    @property
    def _where(self) -> str:
        return f"audit log in PostgreSQL at {place_of(self.address) if is_postgres(self.address) else 'no address'}"

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if not is_postgres(self.address):
            raise AuditLogError(
                "the audit log has no place: set LOOPLINE_RECORDS to postgresql+psycopg2://user:password@host/db, "
                "or the variables LOOPLINE_DAGSTER_DB_… of Dagster's storage"
            )
        try:
            with engine_of(self.address).connect() as connection:
                yield connection
        except OperationalError as error:
            raise AuditLogError(
                f"{self._where} cannot be used: {reason_of(error)}; start it, or correct LOOPLINE_RECORDS"
            ) from error


def _is_made(connection: sa.Connection) -> bool:
    return connection.execute(sa.text("SELECT to_regclass('loopline_audit')")).scalar() is not None


def _last(connection: sa.Connection, where: str) -> AuditEntry | None:
    line = connection.execute(sa.text("SELECT line FROM loopline_audit ORDER BY number DESC LIMIT 1")).scalar()
    return None if line is None else read_line(line.encode(), f"{where} last line")
