"""The audit log: who did what, to which model, and why; append-only, each entry chained to the one before.

Belongs here: appending durably, reading back, verifying the chain. Does not belong here: the actions themselves.

The file is JSON lines. An entry holds the hash of its predecessor and its own (SHA-256 of its canonical JSON), so that
no entry can be changed, removed, inserted or moved without breaking every later hash. A log that was cut off at the end
is still a valid chain: note the last hash (`head`) elsewhere, and pass it to `verify`.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Literal

from resources.durable_files import sync_folder
from resources.errors import LooplineError
from resources.locks import exclusive

_START = "0" * 64
_CHUNK = 64 * 1024
_REPAIRED = "audit_log_repaired"


class AuditLogError(LooplineError):
    """An entry cannot be written as given; the message names the field."""


class AuditLogDamaged(LooplineError):
    """The log was altered or an entry is incomplete; the message names the line."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One action.

    Attributes:
        number: 1 for the first entry.
        at: Time of the action, UTC.
        actor: A person's name, or the part of the system that acted.
        action: One word: promote, rollback, approve, reject, erase, ….
        product, version: The model that the action concerns; version may be empty.
        reason: The reason, in words.
        details: Further figures or names; JSON values.
        previous: Hash of the entry before; zeros for the first.
        hash: Hash of this entry.
    """

    number: int
    at: datetime
    actor: str
    action: str
    product: str
    version: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    previous: str
    hash: str


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
        texts = {"actor": actor, "action": action, "product": product, "reason": reason}
        empty = [name for name, text in texts.items() if not text.strip()]
        if empty:
            raise AuditLogError(f"audit entry '{action}' of {product or 'no product'}: give {', '.join(empty)}")
        if at.tzinfo is None:
            raise AuditLogError(f"audit entry '{action}' of {product}: the time has no time zone; give it in UTC")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(str(self.path.parent), self.path.name), self.path.open("a+b", buffering=0) as file:
            last = _last_entry(file, self.path)
            torn = _cut_torn_tail(file)
            if torn:
                note = {"actor": "audit log", "action": _REPAIRED, "product": product, "version": ""}
                last = _write(
                    file, last, {**note, "reason": f"{torn} bytes of an incomplete entry were cut off"}, at, {}
                )
            return _write(file, last, {**texts, "version": version}, at, dict(details or {}))

    def entries(self, *, last: Literal["whole", "skipped"] = "whole") -> Iterator[AuditEntry]:
        """Every entry in order, each verified against the one before; none when there is no log yet.

        Args:
            last: What an incomplete last entry is, which was never acknowledged: damage, or left out.

        Raises:
            AuditLogDamaged: A line was changed, removed, inserted or moved, or is incomplete.
        """
        if not self.path.exists():
            return
        previous = _START
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if last == "skipped" and not line.endswith(b"\n"):
                    return
                entry = _read(line, f"{self.path} line {number}")
                if entry.previous != previous or entry.number != number:
                    raise AuditLogDamaged(f"{self.path} line {number}: the entry does not follow the line before it")
                previous = entry.hash
                yield entry

    def head(self) -> str:
        """Hash of the last entry, which covers all entries; zeros for an empty log. Note it outside the log."""
        if not self.path.exists():
            return _START
        with self.path.open("rb", buffering=0) as file:
            last = _last_entry(file, self.path)
        return last.hash if last else _START

    def verify(self, *, known: str | None = None) -> int:
        """Verifies the whole log and returns its number of entries.

        Args:
            known: A head that was noted earlier; it must still be in the chain.

        Raises:
            AuditLogDamaged: A line was altered, or the known head is gone: the end was cut off.
        """
        hashes = [_START, *(entry.hash for entry in self.entries())]
        if known is not None and known not in hashes:
            raise AuditLogDamaged(f"{self.path}: the entry {known[:12]}… is gone; the log was cut off before it")
        return len(hashes) - 1


def _write(
    file: FileIO, last: AuditEntry | None, texts: Mapping[str, str], at: datetime, details: Mapping[str, Any]
) -> AuditEntry:
    record = {
        **texts,
        "number": last.number + 1 if last else 1,
        "at": at.astimezone(UTC).isoformat(),
        "details": dict(details),
        "previous": last.hash if last else _START,
    }
    line = _canonical({**record, "hash": _hash(record)}) + b"\n"
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
    return _read(line, str(file.name))


def _read(line: bytes, where: str) -> AuditEntry:
    if not line.endswith(b"\n"):
        raise AuditLogDamaged(f"{where}: incomplete, after a crash; the next append repairs it")
    try:
        record = json.loads(line)
        entry = AuditEntry(**{**record, "at": datetime.fromisoformat(record["at"])})
    except (ValueError, TypeError, KeyError) as error:
        raise AuditLogDamaged(f"{where}: not an entry: {error!r}") from error
    hashed = {**asdict(entry), "at": record["at"]}
    del hashed["hash"]
    if _hash(hashed) != entry.hash:
        raise AuditLogDamaged(f"{where}: its content does not match its hash; it was changed")
    return entry


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
    return _read(tail[tail.rfind(b"\n", 0, -1) + 1 :], f"{path} last line")


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


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(record)).hexdigest()


def _canonical(record: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AuditLogError(f"audit entry '{record.get('action')}': details are no JSON values: {error}") from error
    return text.encode()
