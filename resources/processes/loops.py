"""A loop that a failure does not end: the one way in which threads and processes repeat their work.

Belongs here: repeating a step, surviving its failures, telling how the loop fares. Does not belong here: the work
(`assets.serving.live`, `assets.serving.log`, `pipelines.services.stream_follower`), readiness and metrics.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from resources.errors import LooplineError

_LOG = logging.getLogger("loopline.loops")
_RETRY_SECONDS = 5.0


@dataclass(frozen=True)
class LoopHealth:
    """How a loop fares.

    Attributes:
        failures: How many steps failed since the start.
        problem: The failure of the last step; `None` when it succeeded.
        failing_seconds: How long no step has succeeded, since the first of the failed steps; 0 when the last succeeded.
        ended: The thread of the loop is gone although nobody stopped it.
    """

    name: str
    failures: int
    problem: str | None
    failing_seconds: float
    ended: bool


class Loop:
    """Repeats a step until `stop`; a step that fails is logged once for each problem, counted, and tried again.

    Args:
        name: Names the thread, the log lines and the metric.
        step: One step; returns for how many seconds to pause before the next one.
        retry: Seconds to pause after a step that failed.
    """

    def __init__(self, name: str, step: Callable[[], float], *, retry: float = _RETRY_SECONDS) -> None:
        self.name = name
        self._step, self._retry = step, retry
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._problem: str | None = None
        self._failing_since = 0.0

    def start(self) -> None:
        """Runs the loop in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name=self.name, daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Runs the loop in this thread, until `stop` is called."""
        while not self._stop.is_set():
            self._stop.wait(self._once())

    def stop(self) -> None:
        """Ends the loop after the present step; does not wait for it."""
        self._stop.set()

    def join(self) -> None:
        """Waits until the loop's thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def health(self) -> LoopHealth:
        """How the loop fares now; safe to call from any thread."""
        problem, since, thread = self._problem, self._failing_since, self._thread
        ended = thread is not None and not thread.is_alive() and not self._stop.is_set()
        failing = 0.0 if problem is None else time.monotonic() - since
        return LoopHealth(self.name, self._failures, problem, failing, ended)

    def _once(self) -> float:
        try:
            pause = self._step()
        except Exception as error:  # noqa: BLE001 - a loop must outlive a fault of the code in its step
            self._failed(error)
            return self._retry
        if self._problem is not None:
            _LOG.warning("%s works again", self.name)
            self._problem = None
        return pause

    def _failed(self, error: Exception) -> None:
        problem = described(error)
        if self._problem is None:
            self._failing_since = time.monotonic()
        if problem != self._problem:
            _LOG.error("%s failed and goes on in %g s: %s", self.name, self._retry, problem)
        self._failures += 1
        self._problem = problem


def described(error: BaseException) -> str:
    """An error for the log: our errors and those of the system by their message, any other by type and traceback.

    The message of an unforeseen error is left out: it may hold personal data.
    """
    if isinstance(error, (LooplineError, OSError)):
        return f"{type(error).__name__}: {error}"
    places = "".join(traceback.format_tb(error.__traceback__, limit=-8))
    return f"unexpected error {type(error).__name__}\n{places}"
