"""The connections of one Redis online store.

Belongs here: the two clients and their timeouts. Does not belong here: the commands that the clients send (`store.py`),
when a server that failed is asked again (`breaker.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from resources.online_store.errors import StoreUnavailable
from resources.online_store.redis.breaker import Breaker

_TIMEOUT_SECONDS = 0.25


class RedisClients:
    """A client for decisions, which waits at most a quarter of a second, and a patient one for loads.

    While the breaker is open, every quick call fails at once: a decision then takes its fallback without waiting.

    Attributes:
        breaker: Stops the quick calls to a server that failed.
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
        self.breaker = Breaker()

    @contextmanager
    def failures(self, *, quick: bool = False) -> Iterator[None]:
        """Turns the errors of Redis into those of the store.

        Args:
            quick: Whether the block asks the quick client.

        Raises:
            StoreUnavailable: Redis does not answer, or failed a quick call a moment ago.
        """
        began = self.breaker.admit() if quick else 0.0
        if began is None:
            raise StoreUnavailable(f"{self._label}: Redis failed a moment ago; not asked again yet")
        try:
            yield
        except redis.exceptions.RedisError as error:
            if quick:
                self.breaker.failed(began)
            raise StoreUnavailable(f"{self._label} cannot be used: {error}") from error
        if quick:
            self.breaker.succeeded()

    def close(self) -> None:
        """Closes both clients."""
        self.quick.close()
        self.patient.close()
