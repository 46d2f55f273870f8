"""The log of posted rows: each is on disk before it is acknowledged, and counts once.

Belongs here: the layout of the files, which ids are known, what a second row of an id is. Does not belong here: the
content of a row (`assets.serving.requests.posted`), appending (`writer.py`), reading days for the lake
(`resources.sources.posted`).

Files are `<folder>/<product>/<source>/<UTC day of the row>/<process>.jsonl`, one JSON object per line. Several
processes may share the folder: a lock in it keeps two of them from taking the same id at a time. A process holds about
200 bytes of memory for each row that was ever posted.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from assets.bundle.contract import PostedRules, SourceRules
from assets.serving.log.writer import DecisionLog, DecisionLogError
from assets.serving.requests.posted import PostedRow
from resources.durable_files import make_folder, whole_lines
from resources.errors import LooplineError
from resources.locks import exclusive
from resources.moments import EPOCH
from resources.naming import checked_name, is_day

Result = Literal["added", "revised", "known"]
_SECONDS = 4.0
_TICK = timedelta(microseconds=1)
ERASURE = "erasure"
"""The file beside the days of a source that names its last erasure: another name, other files."""
_RECENT = timedelta(days=2)
"""Older days are read once: no process writes a row of the past, where only the service says when it became known."""


class Conflict(LooplineError):
    """The row contradicts one of the same id that was posted before; the message names both."""


@dataclass(frozen=True)
class Kept:
    """A row that is on disk.

    Attributes:
        revision: 0 for the first row of its id, 1 for its first correction, ….
        result: Whether it is new, a correction, or was posted before.
    """

    known_at: datetime
    revision: int
    result: Result


class PostedLog:
    """Keeps posted rows; one object per process.

    Args:
        any_time: Whether a row may say itself when it became known, and so be of any day.
    """

    def __init__(self, folder: Path, log: DecisionLog, *, any_time: bool) -> None:
        self._folder, self._log, self._any_time = folder, log, any_time
        self._lock = threading.Lock()
        self._known: dict[Path, _Known] = {}

    def keep(
        self, product: str, source: str, rules: SourceRules, posted: PostedRules, row: PostedRow, now: datetime
    ) -> Kept:
        """Keeps a row, unless its id was posted with the same content before.

        A row that repeats any earlier content of its id is that earlier one, sent again: it is no correction back.

        Raises:
            Conflict: The id was posted with another content, and the contract has no corrections; or the row says that
                it became known before the row that it corrects.
            DecisionLogError, TimeoutError, LockError: It could not be written, or not in time. It may be on disk all
                the same: posted again, it counts once.
        """
        folder = self._folder / checked_name(product, "product") / checked_name(source, "source")
        make_folder(folder)
        # A body is the same whatever columns a later contract adds.
        content, key = _digest(row.columns), _digest(row.id)
        with self._lock, exclusive(str(folder), "posted", wait=timedelta(seconds=_SECONDS)):
            known = self._known.setdefault(folder, _Known(folder, rules, posted))
            known.read_on(date.min if self._any_time else now.date() - _RECENT)
            before = known.of(key)
            for revision, (earlier, micros) in enumerate(before):
                if earlier == content:
                    return Kept(EPOCH + micros * _TICK, revision, "known")
            known_at = self._known_at(posted, row, before, now)
            line = _line(rules, row, known_at)
            path = folder / known_at.date().isoformat()
            self._log.put(path, line).result(_SECONDS)
            return Kept(known_at, len(before), "revised" if before else "added")

    def count(self, product: str, source: str, rules: SourceRules, posted: PostedRules, row_id: str) -> int:
        """How many different contents of an id were kept, by any process.

        Raises:
            DecisionLogError: A file is damaged.
        """
        folder = self._folder / checked_name(product, "product") / checked_name(source, "source")
        with self._lock:
            if not folder.is_dir():
                return 0
            known = self._known.setdefault(folder, _Known(folder, rules, posted))
            known.read_on(date.min if self._any_time else datetime.now(UTC).date() - _RECENT)
            return len(known.of(_digest(row_id)))

    @staticmethod
    def _known_at(
        posted: PostedRules, row: PostedRow, before: tuple[tuple[bytes, int], ...], now: datetime
    ) -> datetime:
        """When the row became known: after the row that it corrects."""
        if not before:
            return row.known_at or now
        last = EPOCH + before[-1][1] * _TICK
        if not posted.corrections:
            raise Conflict(
                f"this id was posted with another content, known at {last.isoformat()}, and the contract of the source "
                f"has no corrections; post another id, or write corrections: true in the contract"
            )
        if row.known_at is not None and row.known_at <= last:
            raise Conflict(
                f"this id was posted with another content, known at {last.isoformat()}: a correction becomes known "
                f"later; leave known_at out"
            )
        return row.known_at or max(now, last + _TICK)


class _Known:
    """What was posted to one source, by any process.

    Ids and contents are held as digests: they may be personal, and may be long.
    """

    def __init__(self, folder: Path, rules: SourceRules, posted: PostedRules) -> None:
        self._folder, self._id, self._known_at = folder, posted.id, rules.known_at
        # Both times of a review are those of the post, so they do not tell two reviews apart.
        self._stamped = {rules.known_at} | ({rules.event_time} if posted.route == "reviews" else set())
        self._erasure: bytes | None = None
        self._read: dict[Path, tuple[int, int]] = {}
        self._rows: dict[bytes, tuple[tuple[bytes, int], ...]] = {}

    def of(self, key: bytes) -> tuple[tuple[bytes, int], ...]:
        """The contents of an id, each with its time in microseconds since 1970, in the order of their times."""
        return self._rows.get(key, ())

    def read_on(self, since: date) -> None:
        """Reads what was written since it was last read; the first time of all days, then of recent ones.

        After an erasure, and where a file was replaced by hand, all is read anew. An erasure says so itself: its files
        may get the numbers of files that an erasure before it removed.
        """
        erasure = _last_erasure(self._folder)
        days = [path for path in self._folder.iterdir() if is_day(path.name)]
        recent = [path for path in days if date.fromisoformat(path.name) >= since]
        replaced = (_number(path) != number for path, (number, _) in self._read.items() if path.parent in recent)
        if erasure != self._erasure or any(replaced):
            self._erasure, self._read, self._rows = erasure, {}, {}
        try:
            for path in sorted(file for day in (recent if self._read else days) for file in day.glob("*.jsonl")):
                for line in self._new_lines(path):
                    self._add(path, line)
        except (DecisionLogError, OSError):
            self._read, self._rows = {}, {}  # a part of what was posted is not all: the next post reads all anew
            raise

    def _new_lines(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            number, at = self._read.get(path, (os.fstat(file.fileno()).st_ino, 0))
            file.seek(at)
            data = file.read()
        # What follows the first zero byte may still be written, or be what a power cut left: it is read again.
        zero = data.find(b"\0")
        self._read[path] = (number, at + data.rfind(b"\n", 0, len(data) if zero < 0 else zero) + 1)
        yield from whole_lines(data)[0]

    def _add(self, path: Path, line: bytes) -> None:
        try:
            row = json.loads(line)
            key, moment = _digest(str(row[self._id])), datetime.fromisoformat(row[self._known_at])
        except (ValueError, KeyError, TypeError) as error:
            raise DecisionLogError(f"posted rows {path}: a line is no row ({error!r}); restore the file") from error
        said = {name: value for name, value in row.items() if value is not None and name not in self._stamped}
        added, rows = (_digest(said), (moment - EPOCH) // _TICK), self._rows.get(key, ())
        if added not in rows:
            self._rows[key] = tuple(sorted((*rows, added), key=lambda one: one[1]))


def _number(path: Path) -> int | None:
    """The number by which the file system knows a file; None where it is gone."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _last_erasure(folder: Path) -> bytes | None:
    """The name of a source's last erasure; None where nobody was erased."""
    try:
        return (folder / ERASURE).read_bytes()
    except FileNotFoundError:
        return None


def _line(rules: SourceRules, row: PostedRow, known_at: datetime) -> bytes:
    """The row as it is kept: every column of the contract, so that a day of it has them all."""
    moment = known_at.astimezone(UTC).isoformat()
    kept = {rules.event_time: moment, **row.columns, rules.known_at: moment}
    return json.dumps({name: kept.get(name) for name in rules.columns}, separators=(",", ":")).encode() + b"\n"


def _digest(value: Mapping[str, object] | str) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
