"""A recorded process: whether it still runs, what it started, and the end of its log.

Belongs here: what the system tells of processes. Does not belong here: starting, recording and ending them
(`table.py`), who listens on a port (`ports.py`).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from resources.processes.identity import ProcessIdentity

MARK = "LOOPLINE_PROCESS"
"""The environment variable by which a process and its descendants are found."""
NOT_STARTED = 0
"""A process is recorded before it is started: if its starter is killed in between, it is found by its mark."""
_TAIL_LINES = 25
_TAIL_BYTES = 20_000
# The system derives the start of a process from the clock, which may be adjusted meanwhile.
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class ServiceProcess:
    """A process that was started here.

    Attributes:
        pid: The process id; 0 if its starter was killed before it recorded it.
        started: When the process was created, seconds since 1970 according to the system. Together with the pid it
            identifies the process, because a pid is reused.
        mark: Value of LOOPLINE_PROCESS in the process's environment, which its descendants inherit.
        port: The loopback port that it listens on, if it listens.
        log: File with its standard output and error.
        scratch: Folder for the temporary files of the process and its descendants; removed when it is stopped.
        owner: The command for whose duration the process was started; `None` if it was started to stay.
    """

    name: str
    pid: int
    started: float
    mark: str
    port: int | None
    log: Path
    scratch: Path | None = None
    owner: ProcessIdentity | None = None


def is_alive(process: ServiceProcess) -> bool:
    """Whether the process that was started still runs; another process that got its pid later does not count."""
    return _leader(process) is not None


def command_lines(process: ServiceProcess) -> tuple[str, ...]:
    """The command line of each running process that the process or its descendants started."""
    leader, found = _leader(process), []
    for member in [] if leader is None else _descendants(leader):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends while it is asked; a zombie has no command line
            found.append(" ".join(member.cmdline()))
    return tuple(found)


def command_line(process: ServiceProcess) -> tuple[str, ...]:
    """The process's own command line; empty once it has ended."""
    leader = _leader(process)
    return () if leader is None else tuple(leader.cmdline())


def log_tail(process: ServiceProcess) -> str:
    """The last lines of the process's log; empty without a log."""
    if not process.log.exists():
        return ""
    with process.log.open("rb") as file:
        file.seek(max(0, process.log.stat().st_size - _TAIL_BYTES))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:])


def _leader(process: ServiceProcess) -> psutil.Process | None:
    if process.pid == NOT_STARTED:
        return None
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return None
    return found if same and runs(found) else None


def runs(process: psutil.Process) -> bool:
    """Whether a process executes; a zombie does not, it waits for its parent to collect its exit status."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_of(processes: Sequence[ServiceProcess]) -> list[psutil.Process]:
    """The processes and their descendants that still run, including descendants of processes that have ended."""
    leaders = [leader for process in processes if (leader := _leader(process)) is not None]
    found = [member for leader in leaders for member in (leader, *_descendants(leader))]
    marks = {process.mark for process in processes}
    found += [other for other in psutil.process_iter() if _mark_of(other) in marks]
    return [member for member in dict.fromkeys(found) if runs(member)]


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        # A process of another user, or one that is ending, was not started here.
        return None
