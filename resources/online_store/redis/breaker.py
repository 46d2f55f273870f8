"""The circuit breaker of an online store on another machine.

Belongs here: when a store is not asked because it failed a moment ago, and when it is asked again. Does not belong
here: connections and their timeouts (`clients.py`).
"""

import threading
import time
from collections.abc import Callable

_REST_SECONDS = 1.0
_PROBE_SECONDS = 2.0


class Breaker:
    """Closed while the store answers, open after two failures in a row, and then tried by one call at a time.

    One slow answer costs one decision: the next call is tried. When that one fails too, the circuit is open for a
    second, in which no call reaches the store. Then one call probes it: if it succeeds, all others may go again; if it
    fails, the next second begins. So an outage costs one decision a second its wait, however many there are.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed_at: float | None = None
        self._open_until: float | None = None
        self._probed_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the store failed, and has not answered since."""
        return self._open_until is not None

    def admit(self) -> float | None:
        """The present moment, if a call may go to the store, which `succeeded` or `failed` must then follow; else None.

        A probe of which nothing was heard for a while does not hold up the next one.
        """
        now = self._clock()
        if self._open_until is None:
            return now
        with self._lock:
            if self._open_until is None:
                return now
            is_probed = self._probed_at is not None and now < self._probed_at + _PROBE_SECONDS
            if now < self._open_until or is_probed:
                return None
            self._probed_at = now
            return now

    def succeeded(self) -> None:
        """A call was answered: the circuit is closed."""
        if self._failed_at is not None:
            with self._lock:
                self._failed_at = self._open_until = self._probed_at = None

    def failed(self, began: float) -> None:
        """A call failed. Calls that were under way together fail together over one slow answer: they count as one.

        Args:
            began: What `admit` returned.
        """
        with self._lock:
            now = self._clock()
            if self._failed_at is None:
                self._failed_at = now
            elif began >= self._failed_at:
                self._failed_at, self._open_until, self._probed_at = now, now + _REST_SECONDS, None
