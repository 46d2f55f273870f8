"""The rates of callers.

Belongs here: a rate as text, counting a caller's requests, and what counts while Redis is away. Does not belong here:
the rate of one key (`keys.py`), the answer 429 (`assets.serving.http.access`).

One process counts in its memory; where the online store is in Redis, several processes count there together. While
Redis does not answer, each counts alone: a caller may then have its rate once for each process, and nobody waits.
"""

import logging
import time
from functools import lru_cache

import redis.exceptions
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from resources.errors import LooplineError

_LOG = logging.getLogger("loopline.access")
_TIMEOUT_SECONDS = 0.1
_REST_SECONDS = 5.0
_LARGEST = 100_000
_PREFIX = "loopline:rates"


class BadRate(LooplineError, ValueError):
    """A text is no rate; the message shows one."""


@lru_cache(maxsize=256)
def rate(text: str) -> RateLimitItem:
    """The rate that a text names: `20/second`, `1000 per minute`.

    Raises:
        BadRate: It names none, or more than 100,000 requests: each of a window's requests is remembered.
    """
    try:
        found = parse(text)
    except ValueError as error:
        raise BadRate(f"rate {text!r} is no rate; write it as 20/second or 1000/minute") from error
    if not 1 <= found.amount <= _LARGEST:
        raise BadRate(f"rate {text!r} has {found.amount} requests; write 1 to {_LARGEST} in a shorter time")
    return found


class Rates:
    """Counts the requests of each caller; one object per process, used within its event loop.

    Args:
        online_store: The environment's address of the online store; only a Redis is used.
    """

    def __init__(self, online_store: str = "") -> None:
        self._alone = MovingWindowRateLimiter(MemoryStorage())
        self._shared: MovingWindowRateLimiter | None = None
        self._resting_until = 0.0
        if online_store.startswith(("redis://", "rediss://")):
            storage = RedisStorage(
                f"async+{online_store}",
                implementation="redispy",
                key_prefix=_PREFIX,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
            )
            self._shared = MovingWindowRateLimiter(storage)

    async def wait_of(self, caller: str, text: str, *, cost: int = 1) -> float:
        """Counts a request; 0 if it is within the caller's rate, else the seconds until the next one is.

        Args:
            text: The rate; empty for no rate.
            cost: How many requests it counts as.
        """
        if not text:
            return 0.0
        item = rate(text)
        if self._shared is not None and time.monotonic() >= self._resting_until:
            try:
                return await _wait(self._shared, item, caller, cost)
            except (redis.exceptions.RedisError, OSError) as error:
                self._resting_until = time.monotonic() + _REST_SECONDS
                _LOG.warning("Redis does not count requests, each process counts alone meanwhile: %s", error)
        return await _wait(self._alone, item, caller, cost)


async def _wait(limiter: MovingWindowRateLimiter, item: RateLimitItem, caller: str, cost: int) -> float:
    # A batch that is larger than the whole rate would never be within it.
    if await limiter.hit(item, caller, cost=min(cost, item.amount)):
        return 0.0
    stats = await limiter.get_window_stats(item, caller)
    return max(stats.reset_time - time.time(), 0.001)
