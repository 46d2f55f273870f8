"""The connections of one Redis online store.

Belongs here: the two clients, their timeouts, and the pause after a failure. Does not belong here: the commands that
the clients send (`store.py`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from resources.online_store.errors import StoreUnavailable

_TIMEOUT_SECONDS = 0.25
_REST_SECONDS = 1.0


class RedisClients:
    """A client for decisions, which waits at most a quarter of a second, and a patient one for loads.

    One slow answer costs one decision: the next quick call is tried. When that one fails too, the store rests for a
    second, in which every quick call fails at once: a decision then takes its fallback without waiting.

    Attributes:
        quick: The client for decisions.
        patient: The client for loads.
    """

    def __init__(self, url: str, *, label: str) -> None:
        """Clients of a server, which connect on their first call.

        Args:
            label: How messages name the store.
        """
        self._label = label
        once = Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,))
        self.quick: Any = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=once
        )
        self.patient: Any = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=3)
        self._resting_until = 0.0
        self._failed_at: float | None = None
        self._lock = threading.Lock()

    @contextmanager
    def failures(self, *, quick: bool = False) -> Iterator[None]:
        """Turns the errors of Redis into those of the store.

        Args:
            quick: Whether the block asks the quick client.

        Raises:
            StoreUnavailable: Redis does not answer, or failed a quick call a moment ago.
        """
        began = time.monotonic()
        if quick and began < self._resting_until:
            raise StoreUnavailable(f"{self._label}: Redis failed a moment ago; not asked again yet")
        try:
            yield
        except redis.exceptions.RedisError as error:
            if quick:
                self._note_failure(began)
            raise StoreUnavailable(f"{self._label} cannot be used: {error}") from error
        if quick and self._failed_at is not None:
            with self._lock:
                self._failed_at = None

    def _note_failure(self, began: float) -> None:
        """Rests if a call fails that began after an earlier failure.

        Calls that were under way together fail together over one slow answer, and count as one failure.
        """
        with self._lock:
            now = time.monotonic()
            if self._failed_at is None:
                self._failed_at = now
            elif began >= self._failed_at:
                self._failed_at, self._resting_until = now, now + _REST_SECONDS

    def close(self) -> None:
        """Closes both clients."""
        self.quick.close()
        self.patient.close()
