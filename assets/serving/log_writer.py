"""The decision log, written: every decision is on disk before it is answered.

Belongs here: appending, with one sync for all that wait. Does not belong here: reading (`decision_log.py`), what a
decision is (`decision.py`).
"""

import fcntl
import json
import logging
import os
import queue
import threading
import uuid
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from assets.serving.decision import Decision
from resources.durable_files import sync_folder
from resources.errors import LooplineError
from resources.naming import checked_name

_LOG = logging.getLogger("loopline.decisions")
_LARGEST_BATCH = 500
_OPEN_FILES = 16
_ROOM = 2**20


class DecisionLogError(LooplineError):
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
        self._open: dict[Path, _File] = {}
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    def append(self, decision: Decision) -> "Future[None]":
        """Hands a decision over; the future is done when it is on disk. It cannot be cancelled.

        Returns:
            A future that raises DecisionLogError when the decision could not be kept.
        """
        day = decision.decided_at.date().isoformat()
        path = self._folder / checked_name(decision.product, "product") / day / f"{self._process}.jsonl"
        data = json.dumps(decision.to_record(), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        line = _Line(path=path, data=data, kept=Future())
        # Whoever stops waiting must not take the future from the thread that will answer it.
        line.kept.set_running_or_notify_cancel()
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

    def _keep(self, path: Path, lines: list[_Line]) -> None:
        try:
            file = self._locked(path)
            try:
                file.append(b"".join(line.data for line in lines))
            finally:
                file.unlock()
        except OSError as error:
            failure = DecisionLogError(f"decision log {path} cannot be written: {error}; mend its disk or folder")
            _LOG.error("%s", failure)
            for line in lines:
                line.kept.set_exception(failure)
            return
        for line in lines:
            line.kept.set_result(None)
        file.make_room()

    def _locked(self, path: Path) -> "_File":
        """The file, open and locked; opened anew when an erasure put another in its place."""
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
    """An open file with room after its last line.

    The room is zero bytes that are on disk already. A line written over them changes no length, so that its sync need
    not wait for the file system's journal: beside busy processes the slowest syncs are a quarter as many.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
        sync_folder(path.parent)
        self._path = path
        self._length = os.fstat(self.descriptor).st_size
        self._size = self._length

    def lock(self) -> None:
        """Keeps an erasure from replacing the file meanwhile."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Lets an erasure replace the file."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def append(self, data: bytes) -> None:
        """Writes whole lines and syncs; on a failure nothing of them stays."""
        try:
            self._write(data, self._length)
        except OSError:
            self._cut()
            raise
        self._length += len(data)
        self._size = max(self._size, self._length)

    def make_room(self) -> None:
        """Writes zero bytes ahead when little room is left. Without room lines are kept all the same, only slower."""
        if self._size - self._length > _ROOM // 4:
            return
        try:
            self._write(bytes(_ROOM), self._length)
            self._size = self._length + _ROOM
        except OSError as error:
            _LOG.warning("decision log %s: no room could be made in advance: %s", self._path, error)
            self._size = self._length

    def close(self) -> None:
        """Gives the room back and closes."""
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
    """Whether the open file is the one that has the path now."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
