"""Entries of the audit log: who did what, to which model, and why; each chained to the one before.

Belongs here: an entry, how it is written as one line, and how a line is read back and verified. Does not belong here:
where the lines are kept (`audit_log.py`, `audit_database.py`).

An entry holds the hash of its predecessor and its own (SHA-256 of its canonical JSON), so that no entry can be changed,
removed, inserted or moved without breaking every later hash.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from resources.errors import LooplineError

START = "0" * 64
"""The hash that the first entry names as its predecessor's."""


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
        product, version: Object of the action; version may be empty.
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


def checked_texts(
    *, actor: str, action: str, product: str, version: str, reason: str, at: datetime
) -> Mapping[str, str]:
    """The texts of an entry.

    Raises:
        AuditLogError: A name or the reason is empty, or the time has no time zone.
    """
    texts = {"actor": actor, "action": action, "product": product, "reason": reason}
    empty = [name for name, text in texts.items() if not text.strip()]
    if empty:
        raise AuditLogError(f"audit entry '{action}' of {product or 'no product'}: give {', '.join(empty)}")
    if at.tzinfo is None:
        raise AuditLogError(f"audit entry '{action}' of {product}: the time has no time zone; give it in UTC")
    return {**texts, "version": version}


def line_after(last: AuditEntry | None, texts: Mapping[str, str], at: datetime, details: Mapping[str, Any]) -> bytes:
    """The line of the entry that follows `last`, with its line end.

    Raises:
        AuditLogError: A detail is no JSON value.
    """
    record = {
        **texts,
        "number": last.number + 1 if last else 1,
        "at": at.astimezone(UTC).isoformat(),
        "details": dict(details),
        "previous": last.hash if last else START,
    }
    return _canonical({**record, "hash": _hash(record)}) + b"\n"


def is_complete(line: bytes) -> bool:
    """Whether nothing of it is lacking: where a power cut kept a part off the disk, there are zero bytes."""
    return line.endswith(b"\n") and b"\0" not in line


def read_line(line: bytes, where: str) -> AuditEntry:
    """The entry of a line.

    Args:
        where: How messages name the line.

    Raises:
        AuditLogDamaged: The line is incomplete, is no entry, or does not match its hash.
    """
    if not is_complete(line):
        raise AuditLogDamaged(f"{where}: incomplete, after a crash; where it is the last, the next append repairs it")
    try:
        record = json.loads(line)
        entry = AuditEntry(**{**record, "at": datetime.fromisoformat(record["at"])})
    except (ValueError, TypeError, KeyError) as error:
        raise AuditLogDamaged(f"{where}: not an entry: {error!r}") from error
    hashed = {**asdict(entry), "at": record["at"]}
    del hashed["hash"]
    if _hash(hashed) != entry.hash:
        raise AuditLogDamaged(f"{where}: its content does not match its hash; it was changed")
    if _canonical({**hashed, "hash": entry.hash}) + b"\n" != line:
        raise AuditLogDamaged(f"{where}: it says the same in other bytes than were written; it was changed")
    return entry


LastEntry = Literal["whole", "skipped"]
"""How a reader takes the log's last entry: it must be whole, or an incomplete one, never acknowledged, is skipped."""


def in_order(lines: Iterable[bytes], where: str) -> Iterator[AuditEntry]:
    """The entries of all lines, each verified against the one before.

    Raises:
        AuditLogDamaged: A line was changed, removed, inserted or moved, or is incomplete.
    """
    previous = START
    for number, line in enumerate(lines, start=1):
        entry = read_line(line, f"{where} line {number}")
        if entry.previous != previous or entry.number != number:
            raise AuditLogDamaged(f"{where} line {number}: it does not follow the line before it")
        previous = entry.hash
        yield entry


def verified(entries: Iterable[AuditEntry], known: str | None, where: str) -> int:
    """The number of entries; all are read.

    Args:
        known: A head that was noted earlier; it must be among them.

    Raises:
        AuditLogDamaged: An entry was altered, or the known head is gone: the end was cut off.
    """
    hashes = [START, *(entry.hash for entry in entries)]
    if known is not None and known not in hashes:
        raise AuditLogDamaged(f"{where}: the entry {known[:12]}… is gone; the log was cut off before it")
    return len(hashes) - 1


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(record)).hexdigest()


def _canonical(record: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AuditLogError(f"audit entry '{record.get('action')}': details are no JSON values: {error}") from error
    return text.encode()
