"""Writing the decision log: every decision is on disk before it is answered.

Belongs here: appending, with one sync for all waiting decisions. Does not belong here: reading (`decision_log.py`), the
fields of a decision (`decision.py`).
"""

import fcntl
import json
import logging
import os
import queue
import uuid
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
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
    fails, the file is cut back to its last complete line and the futures raise.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._waiting: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._open: dict[Path, _File] = {}
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
        if len(self._open) > _OPEN_FILES or last:
            self._close_but(() if last else batch)

    def _append(self, path: Path, lines: list[_Line]) -> None:
        try:
            file = self._locked(path)
            try:
                file.append(b"".join(line.data for line in lines))
            finally:
                file.unlock()
        except OSError as error:
            failure = DecisionLogError(f"decision log {path} cannot be written: {error}; repair its disk or folder")
            _LOG.error("%s", failure)
            for line in lines:
                line.logged.set_exception(failure)
            return
        for line in lines:
            line.logged.set_result(None)
        file.allocate()

    def _locked(self, path: Path) -> "_File":
        """The file, open and locked; opened again if an erasure replaced it."""
        while True:
            file = self._open.get(path)
            if file is None:
                file = self._open[path] = _File(path)
            file.lock()
            if is_at(file.descriptor, path):
                return file
            self._open.pop(path)
            os.close(file.descriptor)

    def _close_but(self, used: Collection[Path]) -> None:
        for path in [path for path in self._open if path not in used]:
            self._open.pop(path).close()


class _File:
    """An open file with allocated space after its last line.

    The space is zero bytes that are on disk already. A line written over them leaves the file's length unchanged, so
    its sync need not wait for the file system's journal: on a busy machine slow syncs become four times rarer.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
        sync_folder(path.parent)
        self._path = path
        self._length = os.fstat(self.descriptor).st_size
        self._size = self._length

    def lock(self) -> None:
        """Locks out an erasure, which would replace the file."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Lets an erasure replace the file."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def append(self, data: bytes) -> None:
        """Writes complete lines and syncs; on a failure the file is as before."""
        try:
            self._write(data, self._length)
        except OSError:
            self._cut()
            raise
        self._length += len(data)
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
        """Cuts the allocated space off and closes."""
        self._cut()
        os.close(self.descriptor)

    def _write(self, data: bytes, at: int) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self.descriptor, data[written:], at + written)
        os.fdatasync(self.descriptor)

    def _cut(self) -> None:
        os.ftruncate(self.descriptor, self._length)
        self._size = self._length


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        at_path = os.stat(path)
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (at_path.st_dev, at_path.st_ino) == (opened.st_dev, opened.st_ino)
