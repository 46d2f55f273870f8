"""The files of one LMDB online store: opening them, and noticing that they were replaced, cut or damaged.

Belongs here: the environment and its transactions, the checks of the files, and the errors of LMDB. Does not belong
here: what a transaction reads or writes (`store.py`), reading every entry (`check.py`).
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from weakref import WeakSet

import lmdb

from resources.environments import CHECKOUT
from resources.online_store.errors import StoreDamaged, StoreError, StoreUnavailable

_MAP_BYTES = 64 * 2**30
_READERS = 512
_META_PAGES = 2
_SECOND_LOOK = 0.01

_Identity = tuple[int, int]


@dataclass(frozen=True)
class _Opened:
    """An open environment, the file that it maps, and the size of its pages."""

    environment: lmdb.Environment
    identity: _Identity
    page: int

    @property
    def needed(self) -> int:
        """The size of the file with every page that the last commit may refer to. Reads the mapped file."""
        return (int(self.environment.info()["last_pgno"]) + 1) * self.page


@dataclass(frozen=True)
class _Condemned:
    """A damaged file, and its fault. It stays open: another file would otherwise get its inode, and be taken for it."""

    file: BinaryIO
    fault: str

    @property
    def identity(self) -> _Identity:
        status = os.fstat(self.file.fileno())
        return status.st_dev, status.st_ino


# LMDB lets a process open the same files only once, so all stores of a process on the same files share one environment.
_STORES: "WeakSet[LmdbFiles]" = WeakSet()
_OPENING = threading.RLock()


class LmdbFiles:
    """One folder of LMDB files.

    LMDB maps the files. A removed file would still be read, and reading beyond the end of a cut file would kill the
    process. Every transaction therefore first looks at the file on disk: it opens the environment again if the file was
    replaced, and is refused if the file is too short.
    """

    def __init__(self, folder: Path, *, label: str, product: str) -> None:
        """The files of a folder, which need not exist yet.

        Args:
            label: How messages name the store.
        """
        self._folder, self._label, self._product = folder, label, product
        self._file = folder / "data.mdb"
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self._condemned: _Condemned | None = None

    def exist(self) -> bool:
        """Whether the store was ever filled."""
        return self._file.exists()

    def make_folder(self) -> None:
        """Makes the folder into which the store is filled."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def environment(self, *, create: bool = False) -> lmdb.Environment:
        """The open environment of the files that are on disk now.

        Raises:
            StoreUnavailable: There are none, and `create` is false.
            StoreDamaged: The file is too short, or `verify` found it damaged.
        """
        return self._whole(create=create).environment

    def _whole(self, *, create: bool = False) -> _Opened:
        try:
            status = os.stat(self._file)
        except OSError as error:
            if not create:
                self._forget()
                raise StoreUnavailable(
                    f"{self._label} is not there: {error}; load it: loopline load {self._product}"
                ) from error
            return self._open()
        identity, opened, condemned = (status.st_dev, status.st_ino), self._opened, self._condemned
        if condemned is not None and condemned.identity == identity:
            raise self._damaged(condemned.fault)
        if opened is None or opened.identity != identity:
            opened = self._open()
        self._check_length(opened, status.st_size)
        return opened

    def _open(self) -> _Opened:
        """Opens the files; LMDB lets a process open them only once, so threads that come second get the first's."""
        with self._lock:
            known = self._opened
            if known is not None and self._file.exists() and known.identity == self._identity():
                return known
            # The old environment closes itself once no transaction of another thread uses it.
            known = self._opened = None
            with _OPENING:
                self._opened = self._shared() or self._open_first()
                _STORES.add(self)
            return self._opened

    def _shared(self) -> _Opened | None:
        """The environment that another store of this process has on the same file."""
        if not self._file.exists():
            return None
        identity = self._identity()
        known = (store._opened for store in _STORES if store is not self)
        return next((opened for opened in known if opened is not None and opened.identity == identity), None)

    def _open_first(self) -> _Opened:
        environment = lmdb.open(str(self._folder), map_size=_MAP_BYTES, max_readers=_READERS, create=False)
        environment.reader_check()
        return _Opened(environment, self._identity(), int(environment.stat()["psize"]))

    def _identity(self) -> _Identity:
        status = os.stat(self._file)
        return status.st_dev, status.st_ino

    def _check_length(self, opened: _Opened, size: int) -> None:
        """Raises StoreDamaged for a file that is shorter than its pages; only then is the file not read further."""
        if size >= _META_PAGES * opened.page and size >= opened.needed:
            return
        # Another process may have committed since the file was looked at, and be about to extend the file.
        time.sleep(_SECOND_LOOK)
        size = os.stat(self._file).st_size
        if size < _META_PAGES * opened.page or size < opened.needed:
            raise self._damaged(f"{self._file} has {size} bytes, fewer than its pages: it was cut")

    def damage(self) -> str | None:
        """The fault of the files that are on disk now, in a sentence; None for no known fault, and for no files."""
        try:
            with self.failures():
                self._whole()
        except StoreDamaged as error:
            return str(error)
        except StoreUnavailable:
            return None
        return None

    def verify(self) -> None:
        """Reads every entry in another process, which damaged pages may kill; until replaced, damaged files are closed.

        Raises:
            StoreDamaged: The files are damaged.
        """
        if not self.exist():
            return
        command = (sys.executable, "-m", "resources.online_store.lmdb.check", str(self._folder))
        found = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return
        fault = found.stdout.strip() or f"a process that read all of it ended with status {found.returncode}"
        raise self._damaged(self._condemn(f"{self._file} is damaged: {fault}"))

    def _condemn(self, fault: str) -> str:
        """Closes the files that are on disk now for good; returns their fault."""
        if self.exist():
            self._condemned = _Condemned(self._file.open("rb"), fault)
        self._forget()
        return fault

    def remove_damaged(self) -> str | None:
        """Verifies the files and removes damaged ones; returns their fault, None for sound files."""
        fault = self.damage()
        if fault is None:
            try:
                self.verify()
            except StoreDamaged as error:
                fault = str(error)
        if fault is not None:
            self._forget()
            self._condemned = None
            for name in ("data.mdb", "lock.mdb"):
                (self._folder / name).unlink(missing_ok=True)
        return fault

    def _damaged(self, fault: str) -> StoreDamaged:
        return StoreDamaged(f"{self._label}: {fault}; load it again: loopline load {self._product}")

    def _forget(self) -> None:
        with self._lock:
            self._opened = None

    @contextmanager
    def writing(self, *, create: bool = True) -> Iterator[lmdb.Transaction]:
        """A transaction that is committed when the block ends without an error.

        Raises:
            StoreUnavailable: There are no files, and `create` is false.
            StoreDamaged: The files are damaged.
        """
        opened = self._whole(create=create)
        with opened.environment.begin(write=True) as txn:
            yield txn
        self._extend(opened)

    def _extend(self, opened: _Opened) -> None:
        """Extends the file to its last page: LMDB writes no page at the end that the same transaction freed again."""
        needed = opened.needed
        with self._file.open("rb+") as file:
            status = os.fstat(file.fileno())
            if status.st_size < needed and (status.st_dev, status.st_ino) == opened.identity:
                os.posix_fallocate(file.fileno(), needed - 1, 1)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turns the errors of LMDB into those of the store.

        Raises:
            StoreError: The map is full.
            StoreUnavailable: The files cannot be used.
            StoreDamaged: Their pages contradict each other.
        """
        try:
            yield
        except lmdb.MapFullError as error:
            raise StoreError(
                f"{self._label} is full ({_MAP_BYTES >> 30} GiB); give it less history or use Redis"
            ) from error
        except (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.VersionMismatchError) as error:
            raise self._damaged(self._condemn(f"it cannot be used: {error}")) from error
        except lmdb.Error as error:
            raise StoreUnavailable(f"{self._label} cannot be used: {error}") from error

    def close(self) -> None:
        """Closes the environment, unless another store of this process uses it."""
        with self._lock, _OPENING:
            self._condemned = None
            opened, self._opened = self._opened, None
            if opened is not None and not any(store._opened is opened for store in _STORES):
                opened.environment.close()
