"""A disk with a cache: what no sync has reached is lost at a crash, wholly or in parts.

Belongs here: files as the decision log writes them, and what is left of them after a power cut. Does not belong here:
the log, the judgement.

A write changes sectors in the cache; a sync brings those of its file to the disk, in no order. A power cut may come
before, after, or in the midst of that: then any of the sectors are on the disk and the others are not. Three faults can
be switched on. A sync may *fail*: it says so, and has brought some sectors to the disk. A write may be *short*: it
tells how much it took. A sync may *lie*: it says that all is on the disk while nothing is; no log can answer for that,
but it must still be readable, and lose nothing that an honest sync had brought to the disk before.
"""

import errno
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from assets.serving.log.file import DiskFile

_SECTOR = 512
_PARTS = (0.0, 0.3, 0.7, 1.0)
"""Of the sectors in the cache, what part a power cut may find on the disk."""


@dataclass(frozen=True)
class _Write:
    at: int
    data: bytes


@dataclass(frozen=True)
class _Cut:
    length: int


@dataclass
class _Platter:
    """One file as the disk has it, and what the cache has beyond that, in the order in which it came."""

    image: bytearray = field(default_factory=bytearray)
    cached: list[_Write | _Cut] = field(default_factory=list)

    def after_power_cut(self, chance: Random, part: float) -> bytes:
        """What is on the disk when of the cached sectors a part got there."""
        return bytes(_written(self.image, self.cached, lambda: chance.random() < part))


@dataclass
class CachedDisk:
    """All files of a log. Its rates are chances: that a sync fails or lies, that a write is short.

    Attributes:
        before_each: Called before each change, by the thread that makes it.
    """

    folder: Path
    chance: Random
    failing: float = 0.0
    short: float = 0.0
    lying: float = 0.0
    before_each: Callable[[], None] = lambda: None
    _files: dict[Path, _Platter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, path: Path) -> "CachedFile":
        """Opens a file of the disk; the operating system's has what the processes see: disk and cache."""
        with self._lock:
            return CachedFile(path, self, self._files.setdefault(path, _Platter()))

    def on_disk(self) -> bytes:
        """What every power cut leaves."""
        with self._lock:
            return b"".join(bytes(platter.image) for platter in self._files.values())

    def after_power_cut(self, place: Path) -> None:
        """Writes what would be left now to another folder, as the machine finds it when it is on again."""
        with self._lock:
            part = self.chance.choice(_PARTS)
            left = {path: platter.after_power_cut(self.chance, part) for path, platter in self._files.items()}
        for path, data in left.items():
            target = place / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


class CachedFile(DiskFile):
    """An open file of the disk."""

    def __init__(self, path: Path, disk: CachedDisk, platter: _Platter) -> None:
        super().__init__(path)
        self._disk, self._platter = disk, platter

    def write(self, data: bytes, at: int) -> int:
        """Writes to the cache, all or a part."""
        self._disk.before_each()
        with self._disk._lock:
            if self._disk.chance.random() < self._disk.short:
                data = data[: self._disk.chance.randrange(1, len(data) + 1)]
            written = super().write(data, at)
            self._platter.cached.append(_Write(at, data[:written]))
            return written

    def cut(self, length: int) -> None:
        """Cuts in the cache."""
        self._disk.before_each()
        with self._disk._lock:
            super().cut(length)
            self._platter.cached.append(_Cut(length))

    def sync(self) -> None:
        """Brings the cache to the disk."""
        disk, platter = self._disk, self._platter
        disk.before_each()
        with disk._lock:
            if disk.chance.random() < disk.lying:
                return
            if disk.chance.random() < disk.failing:
                part = disk.chance.choice(_PARTS)
                platter.image = _written(platter.image, platter.cached, lambda: disk.chance.random() < part)
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            platter.image = _written(platter.image, platter.cached, lambda: True)
            platter.cached.clear()


def _written(image: bytearray, cached: Sequence[_Write | _Cut], arrives: Callable[[], bool]) -> bytearray:
    """The image after those of the cached changes that arrive, each write sector by sector."""
    found = bytearray(image)
    for change in cached:
        if isinstance(change, _Cut):
            if arrives():
                del found[change.length :]
            continue
        start = change.at
        end = change.at + len(change.data)
        while start < end:
            stop = min(end, (start // _SECTOR + 1) * _SECTOR)
            if arrives():
                found.extend(bytes(max(0, stop - len(found))))
                found[start:stop] = change.data[start - change.at : stop - change.at]
            start = stop
    return found
