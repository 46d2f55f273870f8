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
import time
from collections.abc import Mapping
from pathlib import Path

from resources.lake.errors import DamagedLog

FILE = "_log_digests"
_LOG = "_delta_log"
_ENTRY = re.compile(r"\d{20}\.(json|checkpoint\.parquet)")
_TICK_NS, _NEVER = 20_000_000, -1
_LINE = re.compile(r"([0-9a-f]{64}) (\S+)")


LogState = Mapping[str, tuple[int, int]]
"""The files of a log by name, each with its size and the time of its last change in nanoseconds."""


class LogDigests:
    """The digests of the logs of tables in a folder of this machine.

    Args:
        trusting: Whether a file that was compared is taken to be as it was for as long as nothing was added to its log
            or removed from it. By default every file is looked at each time, which takes longer with every commit.
    """

    def __init__(self, *, trusting: bool = False) -> None:
        self._trusting = trusting
        self._listed: dict[Path, tuple[int, LogState]] = {}
        self._compared: dict[Path, tuple[LogState, Mapping[str, str]]] = {}
        self._read: dict[Path, tuple[tuple[int, int], Mapping[str, str]]] = {}

    def record(self, folder: Path) -> None:
        """Appends the digests of the table's log files that have none yet."""
        known = self._recorded(folder)
        lines = [f"{_digest(folder, name)} {name}\n" for name in sorted(self._state(folder)) if name not in known]
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

    def check(self, table: str, folder: Path) -> LogState:
        """Compares every log file with its digest, once for each state of the file.

        Returns:
            The state of the log: as long as it is the same, so is the log. Empty for a table without a log.

        Raises:
            DamagedLog: A log file is not what was written, or is gone.
        """
        state = self._state(folder)
        if not state:
            return state  # a table without a log does not exist, which whoever opens it says
        digests = self._recorded(folder)
        compared, by = self._compared.get(folder, ({}, {}))
        if state == compared and digests is by:
            return state
        for name, digest in digests.items():
            if name not in state:
                raise DamagedLog(_sentence(table, folder, name, "is missing"))
            known = compared.get(name) == state[name] and by.get(name) == digest
            if not known and _digest(folder, name) != digest:
                raise DamagedLog(_sentence(table, folder, name, "is not what was written: its digest differs"))
        self._compared[folder] = state, digests
        return state

    def _recorded(self, folder: Path) -> Mapping[str, str]:
        """By the name of a log file its digest; a line that a crash cut short counts as none."""
        path = folder / FILE
        try:
            found = path.stat()
        except FileNotFoundError:
            return {}
        state = found.st_size, found.st_mtime_ns
        read = self._read.get(folder)
        if read is None or read[0] != state:
            lines = path.read_text(errors="replace").splitlines()
            matches = [match for line in lines if (match := _LINE.fullmatch(line))]
            read = self._read[folder] = state, {match[2]: match[1] for match in matches}
        return read[1]

    def _state(self, folder: Path) -> LogState:
        if not self._trusting:
            return _state(folder, {})
        try:
            changed = (folder / _LOG).stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        before = self._listed.get(folder)
        if before is not None and before[0] == changed:
            return before[1]
        found = _state(folder, {} if before is None else before[1])
        # The time of a change is that of the last tick of the system's clock: within one, more may follow unseen.
        is_over = time.time_ns() - changed > _TICK_NS
        self._listed[folder] = changed if is_over else _NEVER, found
        return found


def _state(folder: Path, known: LogState) -> LogState:
    """The entries of a log; one that is known is not looked at again."""
    try:
        with os.scandir(folder / _LOG) as entries:
            names = [entry for entry in entries if _ENTRY.fullmatch(entry.name)]
            stats = {entry.name: entry.stat() for entry in names if entry.name not in known}
    except FileNotFoundError:
        return {}
    found = {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
    return {entry.name: found.get(entry.name) or known[entry.name] for entry in names}


def _digest(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / _LOG / name).read_bytes()).hexdigest()


def _sentence(table: str, folder: Path, name: str, what: str) -> str:
    return (
        f"table {table}: the entry {name} of its log {what}. Restore {folder / _LOG / name} from a backup, or remove "
        f"{folder} and make the table again: loopline run {table.partition('/')[0]}"
    )
