"""The audit log in a file: append-only, each entry chained to the one before.

Belongs here: appending durably to a file, reading back. Does not belong here: the form of an entry
(`audit_entries.py`), what all logs do (`audit.py`), the log of an environment with many machines
(`audit_database.py`), the actions themselves.

The file is JSON lines. The chain alone does not show that its end was cut off: note the last hash (`head`) elsewhere,
and pass it to `verify`.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from assets.governance.audit import Audit
from assets.governance.audit_entries import (
    AuditEntry,
    AuditLogDamaged,
    AuditLogError,
    LastEntry,
    in_order,
    is_complete,
    line_after,
    read_line,
)
from resources.durable_files import make_folder, sync_folder
from resources.locks import exclusive

_CHUNK = 64 * 1024
_REPAIRED = "audit_log_repaired"

__all__ = ["AuditEntry", "AuditLog", "AuditLogDamaged", "AuditLogError"]


@dataclass(frozen=True)
class AuditLog(Audit):
    """One log, one file; any number of processes may append."""

    path: Path
    anchors: str = field(default="", compare=False)

    def _append(self, texts: Mapping[str, str], at: datetime, details: Mapping[str, Any]) -> AuditEntry:
        """See `Audit._append`.

        A crash may leave an incomplete last line, which was never acknowledged: the line is cut off, and an entry
        records the repair.
        """
        make_folder(self.path.parent)
        with exclusive(str(self.path.parent), self.path.name), self.path.open("a+b", buffering=0) as file:
            last = _last_entry(file, self.path)
            torn = _cut_torn_tail(file)
            if torn:
                note = {"actor": "audit log", "action": _REPAIRED, "product": texts["product"], "version": ""}
                last = _write(
                    file, last, {**note, "reason": f"{torn} bytes of an incomplete entry were cut off"}, at, {}
                )
            return _write(file, last, texts, at, details)

    def entries(self, *, last: LastEntry = "whole") -> Iterator[AuditEntry]:
        """See `Audit.entries`."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            lines = (line for line in file if last == "whole" or is_complete(line))
            yield from in_order(lines, str(self.path))

    def _last(self) -> AuditEntry | None:
        if not self.path.exists():
            return None
        with self.path.open("rb", buffering=0) as file:
            return _last_entry(file, self.path)

    @property
    def _where(self) -> str:
        return str(self.path)


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
    return None if end == 0 else read_line(_line_before(file, end), f"{path} last line")


def _line_before(file: FileIO, end: int) -> bytes:
    """The line that ends at a position."""
    start, tail = end, b""
    while start > 0 and b"\n" not in tail[:-1]:
        step = min(_CHUNK, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    return tail[tail.rfind(b"\n", 0, -1) + 1 :]


def _end_of_complete(file: FileIO) -> int:
    """The position after the last complete line; only the last line, which was written alone, may lack something."""
    end = _last_line_end(file)
    last = _line_before(file, end) if end else b""
    return end if not last or is_complete(last) else end - len(last)


def _last_line_end(file: FileIO) -> int:
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
