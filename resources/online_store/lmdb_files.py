"""The files of one LMDB online store: opening them, and detecting that they were replaced.

Belongs here: the environment and its transactions, and the errors of LMDB. Does not belong here: the reads and
writes of a transaction (`lmdb_store.py`).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from resources.online_store.errors import StoreError, StoreUnavailable

_MAP_BYTES = 64 * 2**30
_READERS = 512


class LmdbFiles:
    """One folder of LMDB files.

    LMDB maps the files, so a removed file would still be read. Every transaction therefore compares the file on disk
    with the one that was opened, and opens it again if the folder was replaced.
    """

    def __init__(self, folder: Path, *, label: str, product: str) -> None:
        """The files of a folder, which need not exist yet.

        Args:
            label: How messages name the store.
        """
        self._folder, self._label, self._product = folder, label, product
        self._file = folder / "data.mdb"
        self._lock = threading.Lock()
        self._opened: lmdb.Environment | None = None
        self._identity: tuple[int, int] | None = None

    def exist(self) -> bool:
        """Whether the store was ever filled."""
        return self._file.exists()

    def make_folder(self) -> None:
        """Makes the folder into which the store is filled."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def environment(self, *, create: bool = False) -> lmdb.Environment:
        """The open environment of the files that are on disk now.

        Raises:
            StoreUnavailable: There are no files, and `create` is false.
        """
        try:
            status = os.stat(self._file)
            identity = (status.st_dev, status.st_ino)
        except OSError as error:
            if not create:
                self._forget()
                raise StoreUnavailable(
                    f"{self._label} is not there: {error}; load it: loopline load {self._product}"
                ) from error
            identity = None
        opened = self._opened
        if opened is not None and identity == self._identity:
            return opened
        return self._open()

    def _open(self) -> lmdb.Environment:
        with self._lock:
            # The old environment closes itself once no transaction of another thread uses it.
            self._opened = None
            opened = lmdb.open(str(self._folder), map_size=_MAP_BYTES, max_readers=_READERS, create=False)
            opened.reader_check()
            status = os.stat(self._file)
            self._identity = (status.st_dev, status.st_ino)
            self._opened = opened
            return opened

    def _forget(self) -> None:
        with self._lock:
            self._opened = None

    @contextmanager
    def writing(self, *, create: bool = True) -> Iterator[lmdb.Transaction]:
        """A transaction that is committed when the block ends without an error.

        Raises:
            StoreUnavailable: There are no files, and `create` is false.
        """
        with self.environment(create=create).begin(write=True) as txn:
            yield txn

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turns the errors of LMDB into those of the store.

        Raises:
            StoreError: The map is full.
            StoreUnavailable: The files cannot be used.
        """
        try:
            yield
        except lmdb.MapFullError as error:
            raise StoreError(
                f"{self._label} is full ({_MAP_BYTES >> 30} GiB); give it less history or use Redis"
            ) from error
        except lmdb.Error as error:
            raise StoreUnavailable(f"{self._label} cannot be used: {error}") from error

    def close(self) -> None:
        """Closes the environment."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
