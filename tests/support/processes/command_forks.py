"""A process that has loaded the libraries, and from which commands of `loopline` are forked.

Belongs here: the process, and what a forked command notes of its writes, or where it dies. Does not belong here:
whoever asks for commands (`killed_at.py`).

It reads one command a line, as JSON. Each is forked twice: the first fork waits for the second, which is the command,
and writes down how it ended. Before and after a write the command kills itself with SIGKILL. Within a write a timer of
the kernel ends it, at any machine instruction, with a signal that nothing handles.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

import pipelines.build
import pipelines.operations.loop.backfill
import pipelines.operations.loop.run_loop  # noqa: F401
from assets.validation.rules.expectations import great_expectations
from pipelines.cli.app import main
from resources.dagster.executor import PatientPools
from resources.lake.delta import DeltaLogs
from resources.lake.lake import Lake
from resources.lake.log_digests import LogDigests
from resources.online_store.lmdb.store import LmdbStore
from tests.support.processes.killed_at import Boundary, Place

_WRITES: tuple[tuple[Any, str, str], ...] = (
    (pq, "write_table", "data file"),
    (Lake, "commit_files", "commit"),
    (DeltaLogs, "_committed", "log entry"),
    (LogDigests, "record", "digests of the log"),
    (LmdbStore, "put_events", "events in the store"),
    (LmdbStore, "publish", "publication of the store"),
    (LmdbStore, "_put_blocks", "changes in the store"),
    (LmdbStore, "_publish_update", "publication of changes"),
    (LmdbStore, "settled", "settling of the store"),
    (PatientPools, "claim", "slot of a pool"),
    (PatientPools, "free_step", "end of a slot"),
    (dg.DagsterInstance, "handle_new_event", "record of an event"),
)
_RECORDED = ("ASSET_MATERIALIZATION", "STEP_SUCCESS", "PIPELINE_SUCCESS")
"""Of the events, those that say what is made."""


def serve() -> None:
    """Forks the commands that are asked for, until nobody can ask any more."""
    great_expectations()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the first forks
    for line in sys.stdin:
        asked = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch(asked)


def _watch(asked: dict[str, Any]) -> None:
    """Runs the command in a process of its own, and writes down its pid and how it ended."""
    folder = Path(asked["folder"])
    pid = os.fork()
    if pid == 0:
        _run(asked, folder)
    _, status = os.waitpid(pid, 0)
    (folder / "unfinished").write_text(str(os.waitstatus_to_exitcode(status)))
    (folder / "unfinished").rename(folder / "status")
    os._exit(0)


def _run(asked: dict[str, Any], folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("LOOPLINE_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ |= asked["variables"]
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    passed: list[Boundary] = []
    _trace(passed, Boundary(*asked["kill"]) if asked["kill"] else None, asked["delay"])
    sys.argv = ["loopline", *asked["arguments"]]
    status: object = 70
    try:
        main()
    except SystemExit as end:
        status = end.code
    (folder / "passed").write_text(json.dumps([(one.place, one.write, one.number) for one in passed]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 70)


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


if __name__ == "__main__":
    serve()
