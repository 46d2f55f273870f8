"""The audit log in PostgreSQL: one chain for all machines of an environment, which no container takes with it.

Belongs here: appending in one transaction, reading back, verifying the chain, and the choice between file and database.
Does not belong here: the form of an entry (`audit_entries.py`), the log in a file (`audit_log.py`).

A row holds the line that a file would hold, so that the chain of both is the same. The database refuses to change or
remove a row; the chain shows it where somebody did so with the owner's rights.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from assets.governance.audit_entries import (
    START,
    AuditEntry,
    AuditLogError,
    LastEntry,
    checked_texts,
    in_order,
    line_after,
    read_line,
    verified,
)
from assets.governance.audit_log import AuditLog
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


class Audit(Protocol):
    """An audit log, in a file or in a database."""

    def append(
        self,
        *,
        actor: str,
        action: str,
        product: str,
        version: str,
        reason: str,
        at: datetime,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """Writes an entry; it is durable when this returns."""
        ...

    def entries(self, *, last: LastEntry = "whole") -> Iterator[AuditEntry]:
        """Every entry in order, each verified against the one before."""
        ...

    def head(self) -> str:
        """Hash of the last entry; zeros for an empty log."""
        ...

    def verify(self, *, known: str | None = None) -> int:
        """Verifies the whole log and returns its number of entries."""
        ...


def open_audit(records: str) -> Audit:
    """The audit log among the records of an environment; nothing is opened before its first use.

    Args:
        records: `Environment.records`: a folder, `postgresql+psycopg2://…`, or empty where neither is set.
    """
    return AuditLog(Path(records) / "log.jsonl") if records and "://" not in records else DatabaseAuditLog(records)


@dataclass(frozen=True)
class DatabaseAuditLog:
    """One log, one table; any number of processes on any machines may append."""

    address: str

    def append(
        self,
        *,
        actor: str,
        action: str,
        product: str,
        version: str,
        reason: str,
        at: datetime,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """Writes an entry; it is committed when this returns.

        Raises:
            AuditLogError: A name or the reason is empty, the time has no time zone, a detail is no JSON value, or the
                database cannot be used.
            AuditLogDamaged: The last entry does not match its hash.
        """
        texts = checked_texts(actor=actor, action=action, product=product, version=version, reason=reason, at=at)
        with self._connected() as connection, connection.begin():
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            if not _is_made(connection):
                for statement in _MAKE:
                    connection.execute(sa.text(statement))
            last = _last(connection, self._where)
            line = line_after(last, texts, at, dict(details or {}))
            entry = read_line(line, self._where)
            connection.execute(
                sa.text("INSERT INTO loopline_audit (number, line) VALUES (:number, :line)"),
                {"number": entry.number, "line": line.decode()},
            )
        return entry

    def entries(self, *, last: LastEntry = "whole") -> Iterator[AuditEntry]:
        """Every entry in order, each verified against the one before; none when there is no log yet.

        A transaction writes an entry whole or not at all, so `last` makes no difference here.

        Raises:
            AuditLogDamaged: An entry was changed, removed, inserted or moved.
            AuditLogError: The database cannot be used.
        """
        with self._connected() as connection:
            if _is_made(connection):
                rows = connection.execute(sa.text("SELECT line FROM loopline_audit ORDER BY number"))
                yield from in_order((line.encode() for (line,) in rows), self._where)

    def head(self) -> str:
        """Hash of the last entry; zeros for an empty log. It covers all entries: note it elsewhere."""
        with self._connected() as connection:
            last = _last(connection, self._where) if _is_made(connection) else None
        return last.hash if last else START

    def verify(self, *, known: str | None = None) -> int:
        """Verifies the whole log and returns its number of entries.

        Args:
            known: A head that was noted earlier; it must still be in the chain.

        Raises:
            AuditLogDamaged: An entry was altered, or the known head is gone: the end was cut off.
        """
        return verified(self.entries(), known, self._where)

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
