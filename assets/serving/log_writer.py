"""Writing the decision log: every decision is on disk before it is answered.

Belongs here: appending, with one sync for all waiting decisions. Does not belong here: reading (`decision_log.py`), the
fields of a decision (`decision.py`).
"""

import contextlib
import fcntl
import json
import logging
import os
import queue
import uuid
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from assets.serving.decision import Decision
from resources.durable_files import sync_folder
from resources.errors import LooplineError
from resources.naming import checked_name
from resources.processes.loops import Loop

_LOG = logging.getLogger("loopline.decisions")
_LARGEST_BATCH = 500
_OPEN_FILES = 16
_SPACE = 2**20
_READ = 2**16


class DecisionLogError(LooplineError):
    """The log cannot be written or read; the message names the file and the line."""


@dataclass(frozen=True)
class _Line:
    path: Path
    data: bytes
    logged: "Future[None]"


class DecisionLog:
    """Appends decisions; one object per process.

    A thread takes all waiting decisions, writes them, syncs once, and only then completes their futures. When a write
    fails, the file is cut back to its last logged line, opened again and tried once more; then the futures raise.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._waiting: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._open: dict[Path, _File] = {}
        self._ends: dict[Path, _End] = {}
        self.loop = Loop("decision-log", self._turn, retry=0.0)
        self.loop.start()

    def append(self, decision: Decision) -> "Future[None]":
        """Queues a decision for writing.

        Returns:
            A future that is done when the decision is on disk, and raises DecisionLogError when it could not be
            written. It cannot be cancelled.
        """
        day = decision.decided_at.date().isoformat()
        path = self._folder / checked_name(decision.product, "product") / day / f"{self._process}.jsonl"
        data = json.dumps(decision.to_record(), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        line = _Line(path=path, data=data, logged=Future())
        # A caller that stops waiting must not cancel the future: the thread will still complete it.
        line.logged.set_running_or_notify_cancel()
        self._waiting.put(line)
        return line.logged

    def close(self) -> None:
        """Writes the decisions that still wait, then ends the thread."""
        self._waiting.put(None)
        self.loop.join()

    def _turn(self) -> float:
        """Waits for decisions, and writes those that wait; whatever fails, no decision is left without an end."""
        taken = [self._waiting.get()]
        while len(taken) < _LARGEST_BATCH and not self._waiting.empty():
            taken.append(self._waiting.get())
        last = None in taken
        if last:
            self.loop.stop()
        lines = [line for line in taken if line is not None]
        try:
            self._write(lines, last=last)
        finally:
            for line in (line for line in lines if not line.logged.done()):
                line.logged.set_exception(DecisionLogError(f"decision log {line.path} could not be written; see above"))
        return 0.0

    def _write(self, lines: Sequence[_Line], *, last: bool) -> None:
        batch: dict[Path, list[_Line]] = {}
        for line in lines:
            batch.setdefault(line.path, []).append(line)
        for path, of_path in batch.items():
            self._append(path, of_path)
        if len(self._open) + len(self._ends) > _OPEN_FILES or last:
            self._close_but(() if last else batch)

    def _append(self, path: Path, lines: list[_Line]) -> None:
        data = b"".join(line.data for line in lines)
        try:
            self._written(path, data)
        except OSError as error:
            failure = DecisionLogError(f"decision log {path} cannot be written: {error}; repair its disk or folder")
            _LOG.error("%s", failure)
            for line in lines:
                line.logged.set_exception(failure)
            return
        for line in lines:
            line.logged.set_result(None)
        if path in self._open:
            self._open[path].allocate()

    def _written(self, path: Path, data: bytes) -> None:
        """Appends to the open file; where that fails, once more to the file opened anew.

        A handle may be lost for good while the file is well: on a network volume that was away, for example. So no
        handle is used again after a failure.
        """
        is_old = path in self._open
        try:
            self._write_once(path, data)
        except OSError as error:
            self._drop(path)
            if not is_old:
                raise
            _LOG.warning("decision log %s: %s; it is opened again", path, error)
            try:
                self._write_once(path, data)
            except OSError:
                self._drop(path)
                raise

    def _write_once(self, path: Path, data: bytes) -> None:
        file = self._locked(path)
        file.append(data)
        try:
            file.unlock()
        except OSError as error:  # the lines are on disk and must not be written twice; closing unlocks as well
            _LOG.warning("decision log %s: %s; it is opened again", path, error)
            self._drop(path)

    def _locked(self, path: Path) -> "_File":
        """The file, open and locked; opened again if an erasure replaced it, or if somebody cut or removed it."""
        while True:
            file = self._open.get(path)
            if file is None:
                file = self._open[path] = _File(path, self._ends.get(path))
                self._ends.pop(path, None)
            file.lock()
            if is_at(file.descriptor, path) and file.is_whole():
                return file
            self._drop(path)

    def _drop(self, path: Path) -> None:
        """Closes the file as it is; how far it was logged is known until it is opened again."""
        file = self._open.pop(path, None)
        if file is not None:
            self._ends[path] = file.end
            _close(file.descriptor, path)

    def _close_but(self, used: Collection[Path]) -> None:
        for path in [path for path in self._open if path not in used]:
            self._open.pop(path).close()
        for path in [path for path in self._ends if path not in used]:
            self._ends.pop(path)


@dataclass(frozen=True)
class _End:
    """How far a file was logged: no line after that was ever promised to a caller."""

    device: int
    number: int
    length: int


class _File:
    """An open file with allocated space after its last line.

    The space is zero bytes that are on disk already. A line written over them leaves the file's length unchanged, so
    its sync need not wait for the file system's journal: on a busy machine slow syncs become four times rarer.
    """

    def __init__(self, path: Path, end: _End | None = None) -> None:
        """Opens the file, new or not.

        Args:
            end: How far it was logged when it was last open. It is cut there, or after its last whole line where it is
                another file by now or this is unknown.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
        self._path = path
        try:
            sync_folder(path.parent)
            found = os.fstat(self.descriptor)
            is_same = end is not None and (end.device, end.number) == (found.st_dev, found.st_ino)
            logged = min(found.st_size, end.length) if end is not None and is_same else found.st_size
            length = _whole_length(self.descriptor, logged)
            self.end = _End(found.st_dev, found.st_ino, length)
            self._size = found.st_size
            if self._size > length:
                self._cut()
        except OSError:
            _close(self.descriptor, path)
            raise

    @property
    def _length(self) -> int:
        return self.end.length

    def is_whole(self) -> bool:
        """Whether nobody cut it: a line written beyond its end would leave a gap of zero bytes before it."""
        lacking = self._size - os.fstat(self.descriptor).st_size
        if lacking > self._size - self._length:
            _LOG.error("decision log %s was cut by another program; restore its decisions from a backup", self._path)
        return lacking <= 0

    def lock(self) -> None:
        """Locks out an erasure, which would replace the file."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Lets an erasure replace the file."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def append(self, data: bytes) -> None:
        """Writes complete lines and syncs; after a failure the file must be closed, and is as before once reopened."""
        try:
            self._write(data, self._length)
        except OSError:
            with contextlib.suppress(OSError):  # it is cut when it is opened again; the first failure says more
                self._cut()
            raise
        self.end = replace(self.end, length=self._length + len(data))
        self._size = max(self._size, self._length)

    def allocate(self) -> None:
        """Writes zero bytes ahead when little space is left; appending works without them, but is slower."""
        if self._size - self._length > _SPACE // 4:
            return
        try:
            self._write(bytes(_SPACE), self._length)
            self._size = self._length + _SPACE
        except OSError as error:
            _LOG.warning("decision log %s: no space could be allocated in advance: %s", self._path, error)
            self._size = self._length

    def close(self) -> None:
        """Cuts the allocated space off and closes; where it cannot be cut, readers leave that space out."""
        try:
            self._cut()
        except OSError as error:
            _LOG.warning("decision log %s: its allocated space cannot be cut off: %s", self._path, error)
        _close(self.descriptor, self._path)

    def _write(self, data: bytes, at: int) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self.descriptor, data[written:], at + written)
        os.fdatasync(self.descriptor)

    def _cut(self) -> None:
        os.ftruncate(self.descriptor, self._length)
        self._size = self._length


def _whole_length(descriptor: int, size: int) -> int:
    """The length up to the end of the last whole line; allocated space and the rest of a failed write follow it."""
    end = size
    while end > 0:
        start = max(0, end - _READ)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _close(descriptor: int, path: Path) -> None:
    try:
        os.close(descriptor)
    except OSError as error:
        _LOG.warning("decision log %s: its handle cannot be closed: %s", path, error)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        at_path = os.stat(path)
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (at_path.st_dev, at_path.st_ino) == (opened.st_dev, opened.st_ino)
