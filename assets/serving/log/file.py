"""One file of the decision log: its space, its last logged line, and what others may do to it.

Belongs here: opening, locking, appending with a sync, cutting back, replacing. Does not belong here: which decisions
are written together, and trying again (`writer.py`).
"""

import contextlib
import fcntl
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from resources.durable_files import make_folder, replace_file, sync_folder, whole_lines

_LOG = logging.getLogger("loopline.decisions")
_SPACE = 2**20
_MODE = 0o640
_READ = 2**16


@dataclass(frozen=True)
class LoggedEnd:
    """How far a file was logged: no line after that was ever promised to a caller."""

    device: int
    number: int
    length: int


class OpenFile(Protocol):
    """How an open file is changed; every change may raise OSError.

    Attributes:
        descriptor: By it the file is read, locked and compared with the one at its path.
    """

    descriptor: int

    def write(self, data: bytes, at: int) -> int:
        """Writes at an offset; returns how many of the bytes were taken."""
        ...

    def sync(self) -> None:
        """Returns once all that was written is on disk."""
        ...

    def cut(self, length: int) -> None:
        """Removes what follows that many bytes."""
        ...

    def close(self) -> None:
        """Closes the descriptor."""
        ...


class DiskFile:
    """A file of the operating system, opened for reading and writing; made where there is none."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR, _MODE)

    def write(self, data: bytes, at: int) -> int:
        """As `OpenFile` says; so the other methods."""
        return os.pwrite(self.descriptor, data, at)

    def sync(self) -> None:
        """Its length is on disk too where a write has changed it; its times need not be."""
        os.fdatasync(self.descriptor)

    def cut(self, length: int) -> None:
        """Removes what follows that many bytes."""
        os.ftruncate(self.descriptor, length)

    def close(self) -> None:
        """Closes the descriptor."""
        os.close(self.descriptor)


Opener = Callable[[Path], OpenFile]


class LogFile:
    """An open file with allocated space after its last line.

    The space is zero bytes that are on disk already. A line written over them leaves the file's length unchanged, so
    its sync need not wait for the file system's journal: on a busy machine slow syncs become four times rarer.
    """

    def __init__(self, path: Path, end: LoggedEnd | None = None, *, opener: Opener = DiskFile) -> None:
        """Opens the file, new or not.

        Args:
            end: How far it was logged when it was last open. It is cut there, or after its last whole line where it is
                another file by now or this is unknown.
        """
        make_folder(path.parent)
        self._file = opener(path)
        self._path = path
        try:
            sync_folder(path.parent)
            found = os.fstat(self.descriptor)
            is_same = end is not None and (end.device, end.number) == (found.st_dev, found.st_ino)
            logged = min(found.st_size, end.length) if end is not None and is_same else found.st_size
            length = _whole_length(self.descriptor, logged)
            self.end = LoggedEnd(found.st_dev, found.st_ino, length)
            self._size = found.st_size
            if self._size > length:
                self._cut()
        except OSError:
            self.drop()
            raise

    @property
    def descriptor(self) -> int:
        """By which the file is compared with the one at its path."""
        return self._file.descriptor

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

    @property
    def lacks_space(self) -> bool:
        """Whether little allocated space is left."""
        return self._size - self._length <= _SPACE // 4

    def allocate(self) -> None:
        """Writes zero bytes ahead when little space is left; appending works without them, but is slower."""
        if not self.lacks_space:
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
        self.drop()

    def drop(self) -> None:
        """Closes the file as it is; a failure is logged, since nothing can be done about it."""
        try:
            self._file.close()
        except OSError as error:
            _LOG.warning("decision log %s: its handle cannot be closed: %s", self._path, error)

    def _write(self, data: bytes, at: int) -> None:
        written = 0
        while written < len(data):
            written += self._file.write(data[written:], at + written)
        self._file.sync()

    def _cut(self) -> None:
        self._file.cut(self._length)
        self._size = self._length


def rewrite(path: Path, change: Callable[[int, bytes], bytes | None]) -> int:
    """Replaces a file by one with its changed lines; returns how many lines changed. Its writer goes on in the new one.

    Args:
        change: Gives for each whole line, without its end, what takes its place, or `None` for nothing. The first
            argument is the number of the line, from 1.
    """
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not is_at(file.fileno(), path):  # it was replaced before it was locked
            return rewrite(path, change)
        lines, _ = whole_lines(file.read())
        changed = [change(number, line) for number, line in enumerate(lines, start=1)]
        if changed != lines:
            replace_file(path, b"".join(line + b"\n" for line in changed if line is not None), mode=_MODE)
    return sum(before != after for before, after in zip(lines, changed, strict=True))


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


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        at_path = os.stat(path)
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (at_path.st_dev, at_path.st_ino) == (opened.st_dev, opened.st_ino)
