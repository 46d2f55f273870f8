"""The identity of a process, by which another process can tell whether it still runs.

Belongs here: the place, pid and start of a process, and the verdict on whether it still runs. Does not belong here:
starting and stopping processes (`table.py`), what a process works on (`resources.dagster`).
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil

HEARTBEAT_SECONDS = 15.0
"""A process at work shows at this interval that it is alive."""

SILENCE = timedelta(seconds=90)
"""A process at another place counts as dead after this time without a heartbeat."""

# The system derives the start of a process from the clock, which may be adjusted meanwhile.
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told apart from every other process of this and other machines.

    Attributes:
        place: The boot of the machine and its namespace of pids. Within one place a pid is looked up; a container or
            another machine is another place.
        pid: The process id.
        started: When the process was created, seconds since 1970; a pid is reused.
    """

    place: str
    pid: int
    started: float

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        """The identity of the calling process."""
        return cls(this_place(), os.getpid(), psutil.Process().create_time())

    def is_dead(self, heartbeat: datetime, now: datetime) -> bool:
        """Whether the process has ended: at this place by its pid, at another place by its last heartbeat.

        Args:
            heartbeat: When the process last showed that it was alive.
        """
        if self.place != this_place():
            return now - heartbeat > SILENCE
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < _CLOCK_SECONDS
            # A zombie executes nothing; it waits for its parent to collect its exit status.
            return not same or found.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def this_place() -> str:
    """The place of the calling process; `unknown` parts where the system does not tell them."""
    return f"{_boot()}/{_pid_namespace()}"


def _boot() -> str:
    file = Path("/proc/sys/kernel/random/boot_id")
    # Without /proc the time of the boot serves; it is rounded because it is derived from the clock.
    return file.read_text(encoding="ascii").strip() if file.exists() else f"boot-{round(psutil.boot_time(), -1):.0f}"


def _pid_namespace() -> str:
    link = Path("/proc/self/ns/pid")
    return str(link.readlink()) if link.is_symlink() else "pid:[only]"
