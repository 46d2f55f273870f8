"""Data files of a table that no version to be kept refers to.

Belongs here: which versions are kept, the life of each file by the table's log, finding and removing files. Does not
belong here: which versions models pin (`pipelines.operations.data.vacuum`), writing files (`lake.py`).

A killed writer leaves files that no commit names, and each replaced day leaves the files of its old versions. The log
itself is never touched: it is the record of what every day was made from.
"""

import json
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow.fs as pafs

from resources.lake.errors import LakeError
from resources.lake.lake import Lake

_LOG = "_delta_log"
UNDER_WAY = timedelta(days=1)
"""A file that no commit names may belong to a run that is under way, and is left alone for so long."""


@dataclass(frozen=True)
class Vacuum:
    """What can be removed of a table.

    Attributes:
        replaced: Files of versions that are not kept, relative to the table's folder.
        abandoned: Files that no commit names.
        bytes: Their size.
        kept: The versions that stay readable, in order.
    """

    table: str
    replaced: tuple[str, ...]
    abandoned: tuple[str, ...]
    bytes: int
    kept: tuple[int, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """All files that can be removed."""
        return self.replaced + self.abandoned


@dataclass(frozen=True)
class _Life:
    """The versions that have a file: from one on, and before another one; `None` if the newest has it too."""

    added: int
    removed: int | None = None


def vacuum_of(lake: Lake, table: str, *, pinned: Collection[int], now: datetime, retention: timedelta) -> Vacuum:
    """The files of a table that no kept version refers to; nothing is removed.

    Kept are the newest version, every version that was the newest at some time within the retention, and the pinned
    ones.

    Raises:
        MissingTable: The table does not exist.
        LakeError: The log is incomplete, so that nobody knows which version has which file.
    """
    files, root = lake.storage(table)
    # Files first: one that is committed meanwhile is in the log that is read afterwards.
    there = _data_files(files, root)
    times, lives = _read_log(files, root, table, lake.version(table))
    kept = kept_versions(times, pinned=pinned, since=(now - retention).timestamp() * 1000)
    replaced = [path for path in there if path in lives and not _is_kept(lives[path], kept)]
    old = (now - UNDER_WAY).timestamp()
    abandoned = [path for path, info in there.items() if path not in lives and info.mtime_ns / 1e9 < old]
    size = sum(there[path].size for path in (*replaced, *abandoned))
    return Vacuum(table, tuple(sorted(replaced)), tuple(sorted(abandoned)), size, kept)


def remove_files(lake: Lake, found: Vacuum) -> None:
    """Removes the files; an interrupted removal leaves whole versions as they are, and is gone on with by another."""
    files, root = lake.storage(found.table)
    for path in found.files:
        files.delete_file(f"{root}/{path}")


def kept_versions(times: Mapping[int, int], *, pinned: Iterable[int], since: float) -> tuple[int, ...]:
    """The versions that stay readable, in order.

    Args:
        times: The time of each version's commit, milliseconds since 1970.
        since: The beginning of the retention, likewise.
    """
    ordered = sorted(times)
    # A version is the newest until the next one is committed.
    recent = [
        v for v, after in zip(ordered, [*ordered[1:], None], strict=True) if after is None or times[after] >= since
    ]
    return tuple(sorted({*recent, *(version for version in pinned if version in times)}))


def _is_kept(life: _Life, kept: tuple[int, ...]) -> bool:
    """Whether one of the kept versions, which are in order, has the file."""
    place = bisect_left(kept, life.added)
    return place < len(kept) and (life.removed is None or kept[place] < life.removed)


def _data_files(files: pafs.FileSystem, root: str) -> dict[str, pafs.FileInfo]:
    """The Parquet files below the table's folder, by their path within it, without those of the log."""
    infos = files.get_file_info(pafs.FileSelector(root, recursive=True))
    found = {info.path.removeprefix(f"{root}/"): info for info in infos if info.type is pafs.FileType.File}
    return {path: info for path, info in found.items() if path.endswith(".parquet") and not path.startswith(_LOG)}


def _read_log(files: pafs.FileSystem, root: str, table: str, newest: int) -> tuple[dict[int, int], dict[str, _Life]]:
    """The time of each version, and the life of each file that a commit names."""
    times: dict[int, int] = {}
    lives: dict[str, _Life] = {}
    for version in range(newest + 1):
        for action in _actions(files, f"{root}/{_LOG}/{version:020}.json", table):
            if "commitInfo" in action:
                times[version] = int(action["commitInfo"]["timestamp"])
            elif "add" in action:
                lives[action["add"]["path"]] = _Life(version)
            elif "remove" in action:
                path = action["remove"]["path"]
                lives[path] = _Life(lives[path].added if path in lives else 0, version)
        if version not in times:
            raise LakeError(
                f"table {table}: the log does not say when version {version} was committed; nothing was removed"
            )
    return times, lives


def _actions(files: pafs.FileSystem, path: str, table: str) -> list[dict[str, Any]]:
    try:
        with files.open_input_stream(path) as entry:
            return [json.loads(line) for line in entry.read().splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise LakeError(
            f"table {table}: its log lacks {path.rpartition('/')[2]}, so nobody knows which files its versions have; "
            f"nothing was removed: restore the log from a backup"
        ) from error
