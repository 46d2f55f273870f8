"""The decision log: every decision, on disk before it is answered.

Belongs here: appending with one fsync for all that wait, reading a day back, finding one decision, erasing a subject.
Does not belong here: what a decision is (`decision.py`), moving old files elsewhere.

Files are `<folder>/<product>/<UTC day of the decision>/<process>.jsonl`, one JSON object a line. Only the process
that made a file appends to it; an erasure replaces the file under a lock, and the writer then goes on in the new one.
"""

import fcntl
import json
import logging
import os
import queue
import tempfile
import threading
import uuid
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.naming import checked_name
from assets.serving.decision import Decision, NoDecision, checked_id, day_of

_LOG = logging.getLogger("loopline.decisions")
_LARGEST_BATCH = 500
_OPEN_FILES = 16
_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("decision_id", pa.string()), ("product", pa.string()), ("role", pa.string()), ("row_id", pa.string()),
        ("bundle", pa.string()), ("digest", pa.string()), ("as_of", _TIME), ("decided_at", _TIME),
        ("score", pa.float64()), ("outcome", pa.string()), ("threshold", pa.float64()), ("fallback", pa.string()),
        ("reasons", pa.string()), ("inputs", pa.string()), ("features", pa.string()), ("keys", pa.string()),
        ("store_version", pa.string()), ("problem", pa.string()), ("shadow_of", pa.string()),
        ("erased", pa.bool_()),
    ]
)  # fmt: skip
_JSON_COLUMNS = ("reasons", "inputs", "features", "keys")


class DecisionLogError(RuntimeError):
    """The log cannot be written or read; the message names the file and the line."""


@dataclass(frozen=True)
class _Line:
    path: Path
    data: bytes
    kept: "Future[None]"


class DecisionLog:
    """Appends decisions; one object a process.

    A thread takes all decisions that wait, writes them, syncs once, and only then says that they are kept. When a write
    fails, the file is cut back to its last whole line and everybody who waited is told.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._waiting: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._open: dict[Path, int] = {}
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    def append(self, decision: Decision) -> "Future[None]":
        """Hands a decision over; the future is done when it is on disk.

        Returns:
            A future that raises DecisionLogError when the decision could not be kept.
        """
        day = decision.decided_at.date().isoformat()
        path = self._folder / checked_name(decision.product, "product") / day / f"{self._process}.jsonl"
        data = json.dumps(decision.to_record(), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        line = _Line(path=path, data=data, kept=Future())
        self._waiting.put(line)
        return line.kept

    def close(self) -> None:
        """Writes what still waits, then ends the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            taken = [self._waiting.get()]
            while len(taken) < _LARGEST_BATCH and not self._waiting.empty():
                taken.append(self._waiting.get())
            last = None in taken
            batch: dict[Path, list[_Line]] = {}
            for line in taken:
                if line is not None:
                    batch.setdefault(line.path, []).append(line)
            for path, lines in batch.items():
                self._keep(path, lines)
            if len(self._open) > _OPEN_FILES or last:
                self._close_but(() if last else batch)

    def _keep(self, path: Path, lines: list["_Line"]) -> None:
        try:
            with self._locked(path) as file:
                _append(file, b"".join(line.data for line in lines))
        except OSError as error:
            failure = DecisionLogError(f"decision log {path} cannot be written: {error}; mend its disk or folder")
            _LOG.error("%s", failure)
            for line in lines:
                line.kept.set_exception(failure)
            return
        for line in lines:
            line.kept.set_result(None)

    @contextmanager
    def _locked(self, path: Path) -> Iterator[int]:
        """The file, open and locked; opened anew when an erasure put another in its place."""
        while True:
            file = self._open.get(path)
            if file is None:
                file = self._open[path] = _opened(path)
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if _is_at(file, path):
                    yield file
                    return
                self._open.pop(path)
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)
            os.close(file)

    def _close_but(self, used: Collection[Path]) -> None:
        for path in [path for path in self._open if path not in used]:
            os.close(self._open.pop(path))


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o640)
    _sync_folder(path.parent)
    return file


def _append(file: int, data: bytes) -> None:
    before = os.fstat(file).st_size
    try:
        written = 0
        while written < len(data):
            written += os.write(file, data[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise


def _is_at(file: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(file)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class DayLog:
    """A day's decisions.

    Attributes:
        decisions: In the order of their files and lines.
        torn: Files whose last line was cut short when its process was killed; that decision was never answered.
    """

    decisions: tuple[Decision, ...]
    torn: tuple[Path, ...]

    def table(self) -> pa.Table:
        """The decisions as a table; `reasons`, `inputs`, `features` and `keys` are JSON texts."""
        rows = [_row(decision) for decision in self.decisions]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)


def days(folder: Path, product: str) -> tuple[date, ...]:
    """The UTC days that have decisions, ascending."""
    try:
        names = os.listdir(folder / checked_name(product, "product"))
    except FileNotFoundError:
        return ()
    return tuple(sorted(date.fromisoformat(name) for name in names))


def scan_day(folder: Path, product: str, day: date) -> DayLog:
    """Everything that was recorded on a UTC day, shadows included.

    Raises:
        DecisionLogError: A line that is not the last of its file is no decision.
    """
    decisions: list[Decision] = []
    torn: list[Path] = []
    for path in _files(folder, product, day):
        lines = path.read_bytes().split(b"\n")
        if lines.pop():
            torn.append(path)
            _LOG.warning("decision log %s ends in a line cut short; it was never answered and is left out", path)
        for number, line in enumerate(lines, start=1):
            decisions.append(_parsed(path, number, line))
    return DayLog(decisions=tuple(decisions), torn=tuple(torn))


def read_day(folder: Path, product: str, day: date, *, shadow: bool = False) -> pa.Table:
    """The decisions of a UTC day, one row each; empty when there are none.

    Args:
        shadow: The shadow's decisions instead of those that were answered.

    Raises:
        DecisionLogError: A line that is not the last of its file is no decision.
    """
    scanned = scan_day(folder, product, day)
    wanted = tuple(decision for decision in scanned.decisions if (decision.role == "shadow") is shadow)
    return DayLog(decisions=wanted, torn=scanned.torn).table()


def find_decision(folder: Path, decision_id: str) -> Decision:
    """The decision of that id, of whatever product.

    Raises:
        NoDecision: The id is none, or nothing was recorded under it.
        DecisionLogError: Its line is damaged.
    """
    needle = f'"decision_id":"{checked_id(decision_id)}"'.encode()
    day = day_of(decision_id)
    products = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    for product in products:
        for path in _files(folder, product, day):
            for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
                if needle in line:
                    return _parsed(path, number, line)
    raise NoDecision(f"decision {decision_id} is not in {folder}; by its id it was made on {day.isoformat()} (UTC)")


def erase(folder: Path, product: str, key_column: str, key: str | int) -> int:
    """Removes keys, inputs and features from every decision on an entity; returns how many decisions it changed.

    Id, bundle, outcome and score stay, so that counts and the audit trail still add up. The caller's service may go on
    writing meanwhile.

    Raises:
        DecisionLogError: A line that is not the last of its file is no decision.
    """
    changed = 0
    for day in days(folder, product):
        for path in _files(folder, product, day):
            changed += _erase_in(path, key_column, str(key))
    return changed


def _erase_in(path: Path, key_column: str, key: str) -> int:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _is_at(file.fileno(), path):
            return _erase_in(path, key_column, key)
        lines = file.read().split(b"\n")[:-1]
        kept = [
            _erased(_parsed(path, number, line), line, key_column, key) for number, line in enumerate(lines, start=1)
        ]
        if kept != lines:
            _replace(path, b"".join(line + b"\n" for line in kept))
    return sum(before != after for before, after in zip(lines, kept, strict=True))


def _erased(decision: Decision, line: bytes, key_column: str, key: str) -> bytes:
    if str(decision.keys.get(key_column)) != key:
        return line
    record = decision.to_record() | {"keys": {}, "inputs": {}, "features": {}, "erased": True}
    return json.dumps(record, separators=(",", ":")).encode()


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".erasing.")
    with os.fdopen(descriptor, "wb") as fresh:
        fresh.write(data)
        fresh.flush()
        os.fsync(fresh.fileno())
    os.chmod(name, 0o640)
    os.replace(name, path)
    _sync_folder(path.parent)


def _files(folder: Path, product: str, day: date) -> list[Path]:
    return sorted((folder / checked_name(product, "product") / day.isoformat()).glob("*.jsonl"))


def _parsed(path: Path, number: int, line: bytes) -> Decision:
    try:
        record: dict[str, Any] = json.loads(line)
        return Decision.from_record(record)
    except (ValueError, TypeError) as error:
        raise DecisionLogError(
            f"decision log {path}, line {number}: {error}; restore the file from a backup"
        ) from error


def _row(decision: Decision) -> dict[str, object]:
    record = decision.to_record()
    texts = {name: json.dumps(record[name]) for name in _JSON_COLUMNS}
    times = {"as_of": decision.as_of, "decided_at": decision.decided_at}
    return record | texts | times | {"row_id": str(decision.row_id)}
