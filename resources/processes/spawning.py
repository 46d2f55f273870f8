"""Starting a detached process.

Belongs here: a process in a session of its own, with its output in a file, that hears signals. Does not belong here:
the record of the processes (`table.py`).
"""

import contextlib
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from resources.errors import LooplineError


class ProcessError(LooplineError):
    """A process could not be started, died, or did not answer in time; the message has the end of its log."""


def spawn(command: Sequence[str], *, log: Path, variables: Mapping[str, str], folder: Path) -> psutil.Process:
    """Starts a process that outlives this one.

    Raises:
        ProcessError: The program cannot be run.
    """
    with log.open("ab") as output, heard_signals(), warnings.catch_warnings():
        # Python warns when the handle of a running child is dropped. This child is meant to keep running.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(variables),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessError(f"cannot run {command[0]}: {error}") from error
        process = psutil.Process(child.pid)
        del child
    return process


@contextlib.contextmanager
def heard_signals() -> Iterator[None]:
    """A child that is started within the block does not ignore SIGINT and SIGTERM, even if this process does.

    A process that a script starts in the background ignores SIGINT, and Dagster then ignores SIGTERM as well. A child
    inherits ignored signals but not handlers, so during the block an empty handler replaces each ignored signal. Only
    the main thread may set handlers.
    """
    alone = threading.current_thread() is threading.main_thread()
    asking = (signal.SIGINT, signal.SIGTERM) if alone else ()
    ignored = [number for number in asking if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
