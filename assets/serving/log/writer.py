"""Writing the decision log: every decision is on disk before it is answered.

Belongs here: appending, with one sync for all waiting decisions. Does not belong here: a file (`file.py`), reading
(`decision_log.py`), the fields of a decision (`decision.py`).
"""

import errno
import json
import logging
import os
import queue
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assets.serving.decision import Decision
from assets.serving.log.file import DiskFile, LogFile, LoggedEnd, Opener, is_at
from resources.durable_files import LARGEST_WRITE
from resources.errors import LooplineError
from resources.naming import checked_name
from resources.processes.loops import Loop

_LOG = logging.getLogger("loopline.decisions")
_OPEN_FILES = 16
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PROBE = 2**18
_PROBE_SECONDS = 1.0
_Task = Literal["write", "end"]


class DecisionLogError(LooplineError):
    """The log cannot be written or read; the message names the file and the line."""


class DiskFull(DecisionLogError):
    """The log's disk, quota or largest file is full; the message names the file."""


@dataclass(frozen=True)
class _Line:
    path: Path
    data: bytes
    logged: "Future[None]"


class DecisionLog:
    """Appends decisions; one object per process.

    A thread takes all waiting decisions, writes them, syncs once, and only then completes their futures. When a write
    fails, the file is cut back to its last logged line, opened again and tried once more; then the futures raise.

    A caller for whose thread nobody waits may write its decision itself: to wake the thread and be woken by it takes
    longer than a fast disk does.

    Args:
        opener: Opens a file of the log; its folder exists.
    """

    def __init__(self, folder: Path, *, opener: Opener = DiskFile) -> None:
        self._folder = folder
        self._opener = opener
        self._process = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._waiting: deque[_Line] = deque()
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        # Held by whoever writes; the files and their ends belong to its holder.
        self._writing = threading.Lock()
        self._open: dict[Path, LogFile] = {}
        self._ends: dict[Path, LoggedEnd] = {}
        self._full = False
        self._probed_at = 0.0
        self.loop = Loop("decision-log", self._turn, retry=0.0)
        self.loop.start()

    def append(self, decision: Decision, *, wake: bool = True) -> "Future[None]":
        """Queues a decision for writing.

        Args:
            wake: Has the thread write it; without, the caller must call `write`.

        Returns:
            A future that is done when the decision is on disk, and raises DecisionLogError when it could not be
            written. It cannot be cancelled.
        """
        folder = self._folder / checked_name(decision.product, "product") / decision.decided_at.date().isoformat()
        data = json.dumps(decision.to_record(), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        return self.put(folder, data, wake=wake)

    def put(self, folder: Path, data: bytes, *, wake: bool = True) -> "Future[None]":
        """Queues a line, with its break, for this process's file of a folder; takes and returns what `append` does."""
        line = _Line(path=folder / f"{self._process}.jsonl", data=data, logged=Future())
        # A caller that stops waiting must not cancel the future: the thread will still complete it.
        line.logged.set_running_or_notify_cancel()
        self._waiting.append(line)
        if wake:
            self._tasks.put("write")
        return line.logged

    def write(self) -> None:
        """Writes in this thread what waits; where another one is writing, the log's thread does so afterwards."""
        if not self._writing.acquire(blocking=False):
            self._tasks.put("write")
            return
        try:
            self._write_waiting()
            is_over = not self._waiting and not any(file.lacks_space for file in self._open.values())
        finally:
            self._writing.release()
        if not is_over:
            self._tasks.put("write")

    @property
    def is_full(self) -> bool:
        """Whether the last decision found no space, and there is still none.

        A service that is not ready gets no requests, so nothing else would show that there is space again: while it was
        full, this writes a small file once a second, and removes it.
        """
        if self._full and time.monotonic() >= self._probed_at + _PROBE_SECONDS:
            self._probed_at = time.monotonic()
            self._full = not _has_space(self._folder)
        return self._full

    def close(self) -> None:
        """Writes the decisions that still wait, then ends the thread."""
        self._tasks.put("end")
        self.loop.join()

    def _turn(self) -> float:
        """Waits for decisions, and writes those that wait."""
        tasks = {self._tasks.get()}
        while not self._tasks.empty():
            tasks.add(self._tasks.get())
        with self._writing:
            try:
                self._write_waiting()
                for file in self._open.values():
                    file.allocate()
            finally:
                if self._waiting:
                    self._tasks.put("end" if "end" in tasks else "write")
                elif "end" in tasks:
                    self.loop.stop()
                    self._close_but(())
        return 0.0

    def _write_waiting(self) -> None:
        """Writes lines that wait, as many as one write may have; whatever fails, none is left without an end."""
        lines = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_WRITE))]
        try:
            batch: dict[Path, list[_Line]] = {}
            for line in lines:
                batch.setdefault(line.path, []).append(line)
            for path, of_path in batch.items():
                self._append(path, of_path)
            if len(self._open) + len(self._ends) > _OPEN_FILES:
                self._close_but(batch)
        finally:
            for line in (line for line in lines if not line.logged.done()):
                line.logged.set_exception(DecisionLogError(f"decision log {line.path} could not be written; see above"))

    def _append(self, path: Path, lines: list[_Line]) -> None:
        data = b"".join(line.data for line in lines)
        try:
            self._written(path, data)
        except OSError as error:
            is_full = error.errno in _FULL
            remedy = "free space on its disk" if is_full else "repair its disk or folder"
            kind = DiskFull if is_full else DecisionLogError
            failure = kind(f"decision log {path} cannot be written: {error}; {remedy}")
            self._full = is_full
            _LOG.error("%s", failure)
            for line in lines:
                line.logged.set_exception(failure)
            return
        self._full = False
        for line in lines:
            line.logged.set_result(None)

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

    def _locked(self, path: Path) -> LogFile:
        """The file, open and locked; opened again if an erasure replaced it, or if somebody cut or removed it."""
        while True:
            file = self._open.get(path)
            if file is None:
                file = self._open[path] = LogFile(path, self._ends.get(path), opener=self._opener)
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
            file.drop()

    def _close_but(self, used: Collection[Path]) -> None:
        for path in [path for path in self._open if path not in used]:
            self._open.pop(path).close()
        for path in [path for path in self._ends if path not in used]:
            self._ends.pop(path)


def _has_space(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            return probe.write(bytes(_PROBE)) == _PROBE
    except OSError:
        return False
