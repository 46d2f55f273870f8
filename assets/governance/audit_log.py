"""The audit log in a file: append-only, each entry chained to the one before.

Belongs here: appending durably to a file, reading back, verifying the chain. Does not belong here: the form of an entry
(`audit_entries.py`), the log of an environment with many machines (`audit_database.py`), the actions themselves.

The file is JSON lines. The chain alone does not show that its end was cut off: note the last hash (`head`) elsewhere,
and pass it to `verify`.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from assets.governance.audit_entries import (
    START,
    AuditEntry,
    AuditLogDamaged,
    AuditLogError,
    LastEntry,
    checked_texts,
    in_order,
    line_after,
    read_line,
    verified,
)
from resources.durable_files import sync_folder
from resources.locks import exclusive

_CHUNK = 64 * 1024
_REPAIRED = "audit_log_repaired"

__all__ = ["AuditEntry", "AuditLog", "AuditLogDamaged", "AuditLogError"]


@dataclass(frozen=True)
class AuditLog:
    """One log, one file; any number of processes may append."""

    path: Path

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
        """Writes an entry; it is on disk when this returns.

        A crash may leave an incomplete last line, which was never acknowledged: the line is cut off, and an entry
        records the repair.

        Raises:
            AuditLogError: A name or the reason is empty, the time has no time zone, or a detail is no JSON value.
            AuditLogDamaged: The last entry does not match its hash.
        """
        texts = checked_texts(actor=actor, action=action, product=product, version=version, reason=reason, at=at)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(str(self.path.parent), self.path.name), self.path.open("a+b", buffering=0) as file:
            last = _last_entry(file, self.path)
            torn = _cut_torn_tail(file)
            if torn:
                note = {"actor": "audit log", "action": _REPAIRED, "product": product, "version": ""}
                last = _write(
                    file, last, {**note, "reason": f"{torn} bytes of an incomplete entry were cut off"}, at, {}
                )
            return _write(file, last, texts, at, dict(details or {}))

    def entries(self, *, last: LastEntry = "whole") -> Iterator[AuditEntry]:
        """Every entry in order, each verified against the one before; none when there is no log yet.

        Raises:
            AuditLogDamaged: A line was changed, removed, inserted or moved, or is incomplete.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            lines = (line for line in file if last == "whole" or line.endswith(b"\n"))
            yield from in_order(lines, str(self.path))

    def head(self) -> str:
        """Hash of the last entry, which covers all entries; zeros for an empty log. Note it outside the log."""
        if not self.path.exists():
            return START
        with self.path.open("rb", buffering=0) as file:
            last = _last_entry(file, self.path)
        return last.hash if last else START

    def verify(self, *, known: str | None = None) -> int:
        """Verifies the whole log and returns its number of entries.

        Args:
            known: A head that was noted earlier; it must still be in the chain.

        Raises:
            AuditLogDamaged: A line was altered, or the known head is gone: the end was cut off.
        """
        return verified(self.entries(), known, str(self.path))


def _write(
    file: FileIO, last: AuditEntry | None, texts: Mapping[str, str], at: datetime, details: Mapping[str, Any]
) -> AuditEntry:
    line = line_after(last, texts, at, details)
    size = file.seek(0, os.SEEK_END)
    try:
        written = 0
        while written < len(line):
            written += file.write(line[written:])
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), size)
        raise
    if size == 0:
        sync_folder(Path(str(file.name)).parent)
    return read_line(line, str(file.name))


def _last_entry(file: FileIO, path: Path) -> AuditEntry | None:
    """The last complete entry, found from the end."""
    end = _end_of_complete(file)
    if end == 0:
        return None
    start, tail = end, b""
    while start > 0 and b"\n" not in tail[:-1]:
        step = min(_CHUNK, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    return read_line(tail[tail.rfind(b"\n", 0, -1) + 1 :], f"{path} last line")


def _end_of_complete(file: FileIO) -> int:
    """The position after the last line end."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        step = min(_CHUNK, end)
        file.seek(end - step)
        at = file.read(step).rfind(b"\n")
        if at >= 0:
            return end - step + at + 1
        end -= step
    return 0


def _cut_torn_tail(file: FileIO) -> int:
    """Cuts off an incomplete last line and returns its number of bytes."""
    end, size = _end_of_complete(file), file.seek(0, os.SEEK_END)
    if size > end:
        os.ftruncate(file.fileno(), end)
    return size - end
