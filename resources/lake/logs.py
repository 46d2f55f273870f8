"""The entries of the tables' Delta logs: which there are, and the content of one.

Belongs here: a log in a folder of this machine, and one on S3. Does not belong here: what an entry says (`delta.py`),
when an open table is used again (`open_tables.py`).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from resources.lake.log_digests import LogDigests
from resources.sources.objects import Objects

LogState = Mapping[str, tuple[int | str, ...]]
"""Entries of a log by name, each with what is another one as soon as the entry is written again."""
_VERSION = re.compile(r"(\d{20})\..+")
_FOLDER = "_delta_log"


def entry_name(version: int) -> str:
    """The name of the entry that made a version."""
    return f"{version:020}.json"


def version_of(name: str) -> int:
    """The version that an entry or a checkpoint belongs to."""
    match = _VERSION.fullmatch(name)
    assert match is not None
    return int(match[1])


class Log(Protocol):
    """The logs of the tables at one place.

    Attributes:
        guards_itself: Whether the place keeps checksums of its own, so that what was read once needs no check again.
    """

    guards_itself: bool

    def state(self, table: str, since: int = 0) -> LogState:
        """The entries and checkpoints of a table's log; empty for a table without a log.

        Args:
            since: Those of older versions may be left out.

        Raises:
            DamagedLog: An entry is not what was written, or is gone.
            OSError: The place does not answer.
        """
        ...

    def exists(self, table: str) -> bool:
        """Whether the table's log has any entry; none is checked."""
        ...

    def entry(self, table: str, version: int) -> bytes | None:
        """The entry that made a version; `None` if there is none."""
        ...


class FolderLog:
    """Logs in a folder of this machine, each compared with the digests of its entries."""

    guards_itself = False

    def __init__(self, root: str, digests: LogDigests) -> None:
        self._root, self._digests = Path(root), digests

    def state(self, table: str, since: int = 0) -> LogState:
        """See `Log.state`; the entries of all versions."""
        return self._digests.check(table, self._root / table)

    def exists(self, table: str) -> bool:
        """See `Log.exists`."""
        try:
            with os.scandir(self._root / table / _FOLDER) as entries:
                return any(_VERSION.fullmatch(entry.name) for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def entry(self, table: str, version: int) -> bytes | None:
        """See `Log.entry`."""
        try:
            return (self._root / table / _FOLDER / entry_name(version)).read_bytes()
        except FileNotFoundError:
            return None


class S3Log:
    """Logs on S3, whose listings show every write that was acknowledged before."""

    guards_itself = True

    def __init__(self, root: str, objects: Objects) -> None:
        self._root, self._objects = root, objects

    def state(self, table: str, since: int = 0) -> LogState:
        """See `Log.state`; one request for a thousand entries, and exactly those from the version on."""
        folder = f"{self._root}/{table}/{_FOLDER}/"
        found = self._objects.listed(folder, behind=f"{folder}{since:020}")
        names = {path.removeprefix(folder): info for path, info in found.items()}
        return {name: (info.tag, info.changed) for name, info in names.items() if _VERSION.fullmatch(name)}

    def exists(self, table: str) -> bool:
        """See `Log.exists`; one request."""
        folder = f"{self._root}/{table}/{_FOLDER}/"
        # The digits of versions come before the other names there.
        first = self._objects.listed(folder, most=1)
        return any(_VERSION.fullmatch(path.removeprefix(folder)) for path in first)

    def entry(self, table: str, version: int) -> bytes | None:
        """See `Log.entry`; one request."""
        return self._objects.read(f"{self._root}/{table}/{_FOLDER}/{entry_name(version)}")
