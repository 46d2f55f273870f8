"""Digests of the files of a table's Delta log, by which a damaged log is found before it is used.

Belongs here: recording the digest of each log file beside the log, and comparing. Does not belong here: the log itself
(`delta.py`), data files, which carry checksums of their own (`parquet.py`).

Delta has no checksum over a log entry: a flipped bit in the name of an action loses rows without a word. The digests
are lines of one file in the table's folder. An entry without a line, of a writer that died after its commit or of older
code, is not judged; the next commit records it. S3 keeps checksums of its objects by itself.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from resources.lake.errors import DamagedLog

FILE = "_log_digests"
_LOG = "_delta_log"
_ENTRY = re.compile(r"\d{20}\.(json|checkpoint\.parquet)")
_LINE = re.compile(r"([0-9a-f]{64}) (\S+)")


class LogDigests:
    """The digests of the logs of tables in a folder of this machine."""

    def __init__(self) -> None:
        # What was compared already, with size and time of change.
        self._compared: dict[Path, tuple[int, int]] = {}

    def record(self, folder: Path) -> None:
        """Appends the digests of the table's log files that have none yet."""
        known = _recorded(folder)
        lines = [f"{_digest(entry)} {entry.name}\n" for entry in _entries(folder) if entry.name not in known]
        if lines:
            # One write at the end of the file: lines of two writers do not mix.
            descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(descriptor, "".join(lines).encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def forget(self, folder: Path) -> None:
        """Removes the digests, of a log that was removed by hand and is begun again."""
        (folder / FILE).unlink(missing_ok=True)

    def check(self, table: str, folder: Path) -> None:
        """Compares every log file with its digest, once for each state of the file.

        Raises:
            DamagedLog: A log file is not what was written, or is gone.
        """
        there = {entry.name: entry for entry in _entries(folder)}
        if not there:
            return  # a table without a log does not exist, which whoever opens it says
        for name, digest in _recorded(folder).items():
            entry = there.get(name)
            if entry is None:
                raise DamagedLog(_sentence(table, folder, name, "is missing"))
            stat = entry.stat()
            state = stat.st_size, stat.st_mtime_ns
            if self._compared.get(entry) == state:
                continue
            if _digest(entry) != digest:
                raise DamagedLog(_sentence(table, folder, name, "is not what was written: its digest differs"))
            self._compared[entry] = state


def _recorded(folder: Path) -> dict[str, str]:
    """By the name of a log file its digest; a line that a crash cut short counts as none."""
    path = folder / FILE
    text = path.read_text(errors="replace") if path.exists() else ""
    found = [match for line in text.splitlines() if (match := _LINE.fullmatch(line))]
    return {match[2]: match[1] for match in found}


def _entries(folder: Path) -> Iterator[Path]:
    log = folder / _LOG
    names = sorted(os.listdir(log)) if log.is_dir() else []
    return (log / name for name in names if _ENTRY.fullmatch(name))


def _digest(entry: Path) -> str:
    return hashlib.sha256(entry.read_bytes()).hexdigest()


def _sentence(table: str, folder: Path, name: str, what: str) -> str:
    return (
        f"table {table}: the entry {name} of its log {what}. Restore {folder / _LOG / name} from a backup, or remove "
        f"{folder} and make the table again: loopline run {table.partition('/')[0]}"
    )
