"""What every audit log does, wherever its lines are kept.

Belongs here: checking an entry before it is appended, verifying the whole chain. Does not belong here: the form of an
entry (`audit_entries.py`), the log in a file (`audit_log.py`), the log in PostgreSQL (`audit_database.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from assets.governance.anchors import note_head
from assets.governance.audit_entries import START, AuditEntry, LastEntry, checked_texts, verified


class Audit(ABC):
    """An audit log, in a file or in a database; any number of processes may append."""

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
        """Writes an entry; it is durable when this returns. Its hash is noted among the anchors too.

        An anchor that cannot be written is told in the log `loopline.audit`: the next entry's covers both.

        Raises:
            AuditLogError: A name or the reason is empty, the time has no time zone, a detail is no JSON value, or the
                log cannot be used.
            AuditLogDamaged: The last entry does not match its hash.
        """
        texts = checked_texts(actor=actor, action=action, product=product, version=version, reason=reason, at=at)
        entry = self._append(texts, at, dict(details or {}))
        note_head(self.anchors, entry)
        return entry

    def head(self) -> str:
        """Hash of the last entry, which covers all entries; zeros for an empty log. Note it outside the log."""
        last = self._last()
        return last.hash if last else START

    def last(self) -> AuditEntry | None:
        """The last complete entry; `None` for an empty log."""
        return self._last()

    def verify(self, *, known: str | None = None) -> int:
        """Verifies the whole log and returns its number of entries.

        Args:
            known: A head that was noted earlier; it must still be in the chain.

        Raises:
            AuditLogDamaged: An entry was altered, or the known head is gone: the end was cut off.
        """
        return verified(self.entries(), known, self._where)

    @property
    @abstractmethod
    def anchors(self) -> str:
        """Folder or `s3://` prefix where heads are noted; empty for none."""

    @abstractmethod
    def entries(self, *, last: LastEntry = "whole") -> Iterator[AuditEntry]:
        """Every entry in order, each verified against the one before; none when there is no log yet.

        Raises:
            AuditLogDamaged: An entry was changed, removed, inserted or moved, or is incomplete.
            AuditLogError: The log cannot be used.
        """

    @property
    @abstractmethod
    def _where(self) -> str:
        """How messages name the log."""

    @abstractmethod
    def _append(self, texts: Mapping[str, str], at: datetime, details: Mapping[str, Any]) -> AuditEntry:
        """Writes the entry that follows the last one; it is durable when this returns."""

    @abstractmethod
    def _last(self) -> AuditEntry | None:
        """The last complete entry; None for an empty log."""
