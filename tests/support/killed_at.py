"""A command of `loopline` in a process that dies at a named boundary of its writes.

Belongs here: the boundaries, and running a command to one of them or to its end. Does not belong here: moments by the
clock (`killing.py`), what must hold after a kill (the tests).

Each command has a process of its own, forked from one that has loaded the libraries: it begins at once. Before and
after a write the process kills itself with SIGKILL. Within a write a timer of the kernel ends it, at any machine
instruction, with a signal that nothing handles.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import dagster as dg
import pyarrow.parquet as pq

from pipelines.cli.app import main
from resources.dagster.executor import PatientPools
from resources.lake.delta import DeltaLogs
from resources.lake.lake import Lake
from resources.lake.log_digests import LogDigests
from resources.online_store.lmdb.store import LmdbStore
from tests.integration.demo_home import Answer

Place = Literal["before", "within", "after"]

_WITHIN_SECONDS = 0.004
"""A write of a few rows takes about as long."""
_WRITES: tuple[tuple[Any, str, str], ...] = (
    (pq, "write_table", "data file"),
    (Lake, "commit_files", "commit"),
    (DeltaLogs, "_committed", "log entry"),
    (LogDigests, "record", "digests of the log"),
    (LmdbStore, "put_events", "events in the store"),
    (LmdbStore, "publish", "publication of the store"),
    (PatientPools, "claim", "slot of a pool"),
    (PatientPools, "free_step", "end of a slot"),
    (dg.DagsterInstance, "handle_new_event", "record of an event"),
)
_RECORDED = ("ASSET_MATERIALIZATION", "STEP_SUCCESS", "PIPELINE_SUCCESS")
"""Of the events, those that say what is made."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.loaded_libraries"])


@dataclass(frozen=True)
class Boundary:
    """A place in the writes of a command.

    Attributes:
        number: How many writes of the same kind came before it.
    """

    place: Place
    write: str
    number: int

    def __str__(self) -> str:
        return f"{self.place} {self.write} {self.number}"


@dataclass(frozen=True)
class Attempt:
    """A command under way.

    Attributes:
        folder: Where its output goes.
    """

    process: ForkServerProcess
    folder: Path

    def ended(self, seconds: float = 600.0) -> Answer:
        """What it did; a status below 0 is the signal that ended it.

        Raises:
            AssertionError: It has not ended within the seconds.
        """
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise AssertionError(f"it did not end in {seconds:.0f} s: {self.read('err')}")
        told = json.loads(self.read("out")) if self.process.exitcode in (0, 1) and self.read("out") else {}
        return Answer(self.process.exitcode, told, self.read("err"))

    def boundaries(self) -> list[Boundary]:
        """The boundaries that it passed, in their order."""
        return [Boundary(*one) for one in json.loads(self.read("passed"))]

    def read(self, name: str) -> str:
        file = self.folder / name
        return file.read_text(encoding="utf-8") if file.exists() else ""


def begun(
    arguments: Sequence[str], variables: dict[str, str], folder: Path, kill: Boundary | None = None, seed: str = ""
) -> Attempt:
    """Starts the command; of Loopline its environment says `variables` alone.

    Args:
        folder: For its output; made if it is not there.
        kill: Where it dies; `None` for nowhere.
        seed: For the moment within a write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    delay = random.Random(f"{seed} {kill}").uniform(1e-5, _WITHIN_SECONDS)
    process = _processes.Process(target=_run, args=([*arguments], variables, folder, kill, delay))
    process.start()
    return Attempt(process, folder)


def _run(arguments: list[str], variables: dict[str, str], folder: Path, kill: Boundary | None, delay: float) -> None:
    for name in list(os.environ):
        if name.startswith(("LOOPLINE_", "DAGSTER_")):
            del os.environ[name]
    os.environ |= variables
    for stream, name in ((1, "out"), (2, "err")):
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, stream)
    passed: list[Boundary] = []
    _trace(passed, kill, delay)
    sys.argv = ["loopline", *arguments]
    try:
        main()
    finally:
        (folder / "passed").write_text(json.dumps([(one.place, one.write, one.number) for one in passed]))


def _trace(passed: list[Boundary], kill: Boundary | None, delay: float) -> None:
    """Notes every boundary, and dies at the wanted one."""
    counts, lock = Counter[tuple[Place, str]](), Lock()

    def visit(place: Place, write: str) -> None:
        with lock:
            here = Boundary(place, write, counts[place, write])
            counts[place, write] += 1
            passed.append(here)
        if here == kill and place == "within":
            signal.setitimer(signal.ITIMER_REAL, delay)  # SIGALRM has no handler
        elif here == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name, write in _WRITES:
        setattr(owner, name, _visited(getattr(owner, name), write, visit))


def _visited(write: Callable[..., Any], name: str, visit: Callable[[Place, str], None]) -> Callable[..., Any]:
    def visited(*arguments: Any, **named: Any) -> Any:
        if name == "record of an event" and not _is_told(arguments[1]):
            return write(*arguments, **named)
        visit("before", name)
        visit("within", name)
        done = write(*arguments, **named)
        visit("after", name)
        return done

    return visited


def _is_told(event: dg.EventLogEntry) -> bool:
    return event.dagster_event is not None and event.dagster_event.event_type_value in _RECORDED
