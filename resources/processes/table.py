"""Detached processes: started, recorded in a file, found again by another command, stopped with all their children.

Belongs here: the life of a process and the wait for its first answer. Does not belong here: starting it
(`spawning.py`), whether it still runs (`running.py`), the list of services (`pipelines.services.catalog`), the order
of their start (`pipelines.services.lifecycle`).
"""

import contextlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from resources.durable_files import replace_file
from resources.errors import LooplineError, listed
from resources.locks import exclusive
from resources.processes.ended import EndedProcess, append_ended
from resources.processes.identity import ProcessIdentity
from resources.processes.ports import answers
from resources.processes.running import MARK, NOT_STARTED, ServiceProcess, family_of, is_alive, log_tail, runs
from resources.processes.spawning import ProcessError, spawn

_POLL_SECONDS = 0.2


class ProcessTableDamaged(LooplineError):
    """The file that records the processes is not readable; the message names it."""


class ProcessTable:
    """The processes that are recorded in the `services.json` of a folder."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = home / "services.json"

    def all(self) -> tuple[ServiceProcess, ...]:
        """Every recorded process, alive or not, in the order of their start.

        Raises:
            ProcessTableDamaged: The file is damaged.
        """
        if not self._file.exists():
            return ()
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
            return tuple(_process_of(row) for row in rows)
        except (ValueError, TypeError, KeyError) as error:
            raise ProcessTableDamaged(
                f"{self._file} is damaged ({error}): stop the processes it names by hand, then delete it"
            ) from error

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int | None,
        variables: Mapping[str, str],
        folder: Path,
        owner: ProcessIdentity | None = None,
    ) -> ServiceProcess:
        """Starts a process in a session of its own and records it; it outlives this process.

        Args:
            variables: All environment variables of the process.
            folder: The working directory of the process.
            owner: The command for whose duration it is started; once that is gone, the process is left behind.

        Raises:
            ProcessError: The program cannot be run, or a process of that name is alive.
        """
        log = self._home / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            others = [known for known in self.all() if known.name != name]
            former = [known for known in self.all() if known.name == name]
            for known in former:
                if is_alive(known):
                    raise ProcessError(f"{name} is already running as process {known.pid}")
            # Not below the home: the path of a socket may have at most about a hundred characters.
            scratch = Path(tempfile.mkdtemp(prefix="loopline-"))
            process = ServiceProcess(name, NOT_STARTED, 0.0, uuid.uuid4().hex, port, log, scratch, owner)
            self._write([*others, process])
            marked = {**variables, MARK: process.mark, "TMPDIR": str(scratch)}
            try:
                child = spawn(command, log=log, variables=marked, folder=folder)
            except ProcessError:
                scratch.rmdir()
                self._write([*others, *former])
                raise
            _clear_scratch(former)
            process = replace(process, pid=child.pid, started=child.create_time())
            self._write([*others, process])
        return process

    def left_behind(self) -> tuple[ServiceProcess, ...]:
        """The recorded processes that died, and those whose command is gone; their descendants may still run."""
        return tuple(process for process in self.all() if not is_alive(process) or _is_abandoned(process))

    def end(self, *processes: ServiceProcess, why: str = "") -> None:
        """Stops processes that nobody asked to stop, and records that they were ended (`ended.py`).

        Args:
            why: Why each had to be ended; by default that it died, or that its command is gone.

        Raises:
            ProcessError: A process is still alive after it was killed.
        """
        if not processes:
            return
        reasons = {process: why or _reason(process) for process in processes}
        self.stop(*processes)
        now = datetime.now(UTC)
        append_ended(self._home, [EndedProcess(one.name, one.pid, reasons[one], now) for one in processes])

    def keep(self, process: ServiceProcess) -> None:
        """Lets a process stay that was started for a command alone: the end of the command does not stop it."""
        with self._locked():
            self._write([replace(known, owner=None) if known == process else known for known in self.all()])

    def stop(self, *processes: ServiceProcess, grace_seconds: float = 15.0) -> None:
        """Ends the processes and their descendants, and removes their records.

        Sends SIGTERM to all, and kills those that are left after the grace time.

        Raises:
            ProcessError: A process is still alive after it was killed.
        """
        family = family_of(processes)
        _signal(family, psutil.Process.terminate)
        left = _wait_for(family, grace_seconds)
        # A process that the others started while they were being stopped is not in the first list.
        left = list({*left, *family_of(processes)})
        _signal(left, psutil.Process.kill)
        left = _wait_for(left, grace_seconds)
        if left:
            names = ", ".join(process.name for process in processes)
            raise ProcessError(
                f"{names}: processes {listed(sorted(p.pid for p in left))} were killed and are still alive"
            )
        _clear_scratch(processes)
        with self._locked():
            marks = {process.mark for process in processes}
            self._write([known for known in self.all() if known.mark not in marks])

    def _locked(self) -> AbstractContextManager[None]:
        """Within the block no other command changes the records."""
        return exclusive(str(self._home), "services.json")

    def _write(self, processes: Sequence[ServiceProcess]) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        rows = [asdict(process) for process in processes]
        text = json.dumps(rows, indent=1, default=str)
        replace_file(self._file, text.encode(), mode=0o600)


def _process_of(row: Mapping[str, Any]) -> ServiceProcess:
    scratch, owner = row.get("scratch"), row.get("owner")
    return ServiceProcess(
        **{
            **row,
            "log": Path(row["log"]),
            "scratch": Path(scratch) if scratch else None,
            "owner": ProcessIdentity(**owner) if owner else None,
        }
    )


def _is_abandoned(process: ServiceProcess) -> bool:
    """Whether the command for which the process was started is gone."""
    now = datetime.now(UTC)
    return process.owner is not None and process.owner.is_dead(now, now)


def _reason(process: ServiceProcess) -> str:
    if process.pid == NOT_STARTED:
        return "the command that started it was killed meanwhile"
    if not is_alive(process):
        return "it had died, and what it had started was ended"
    owner = process.owner.pid if process.owner else None
    return f"the command for which it was started, process {owner}, is gone"


def _clear_scratch(processes: Iterable[ServiceProcess]) -> None:
    for process in processes:
        if process.scratch is not None and process.scratch.is_dir():
            shutil.rmtree(process.scratch)


def wait_until_answers(url: str, *, timeout_seconds: float, process: ServiceProcess) -> None:
    """Returns once the address answers with success.

    Raises:
        ProcessError: The process died, or did not answer in time; the message has the end of the log.
    """
    deadline = time.monotonic() + timeout_seconds
    while not answers(url):
        if not is_alive(process):
            raise ProcessError(f"{process.name} died before {url} answered.{_end_of_log(process)}")
        if time.monotonic() > deadline:
            raise ProcessError(
                f"{process.name}: {url} did not answer within {timeout_seconds:.0f} s.{_end_of_log(process)}"
            )
        time.sleep(_POLL_SECONDS)


def _end_of_log(process: ServiceProcess) -> str:
    return f" The end of {process.log}:\n{log_tail(process)}"


def _signal(processes: Sequence[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            send(process)


def _wait_for(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until none of the processes runs; returns those that still run when the time is over."""
    deadline = time.monotonic() + seconds
    left = list(processes)
    while left:
        _, left = psutil.wait_procs(left, timeout=_POLL_SECONDS)
        left = [process for process in left if runs(process)]
        if time.monotonic() > deadline:
            break
    return left
