"""The marks of repeated requests in Redis, where several processes answer the same callers.

Belongs here: claiming a request among all processes, and telling them its decision. Does not belong here: the requests
of this process (`repeats.py`), a mark (`marks.py`).

The process that claims a mark has a while to decide; if it dies, another one may claim it after that. While Redis does
not answer, each process knows its own requests alone, and nobody waits for Redis.
"""

import asyncio
import logging
import time
from typing import cast

import redis.asyncio
import redis.exceptions

from assets.serving.earlier.marks import Mark, OtherBody

_LOG = logging.getLogger("loopline.service")
_PREFIX = "loopline:repeats:"
_KEPT_SECONDS = 24 * 3600
_CLAIM_SECONDS = 15
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 0.25
_REST_SECONDS = 5.0
_PENDING = b"-"


class SharedMarks:
    """The marks that all processes know.

    Args:
        url: The Redis of the online store.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._resting_until = 0.0

    async def earlier(self, mark: Mark) -> str | None:
        """The id of the decision that the request got in another process; `None` if this one shall decide it.

        Raises:
            OtherBody: The key was used for another body.
        """
        while time.monotonic() >= self._resting_until:
            try:
                if await self._redis.set(_name(mark), _value(mark, _PENDING), nx=True, ex=_CLAIM_SECONDS):
                    return None
                found = cast(bytes | None, await self._redis.get(_name(mark)))
            except (redis.exceptions.RedisError, OSError) as error:
                self._rest(error)
                return None
            if found is None:  # it expired, or was given up
                continue
            body, _, decision_id = found.partition(b":")
            if body != mark.body.hex().encode():
                raise OtherBody.of_key()
            if decision_id != _PENDING:
                return decision_id.decode()
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def end(self, mark: Mark, decision_id: str | None) -> None:
        """Tells the decision of a request; `None` if it got none, and anybody may decide the next one like it."""
        if time.monotonic() < self._resting_until:
            return
        try:
            if decision_id is None:
                await self._redis.delete(_name(mark))
            else:
                await self._redis.set(_name(mark), _value(mark, decision_id.encode()), ex=_KEPT_SECONDS)
        except (redis.exceptions.RedisError, OSError) as error:
            self._rest(error)

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    def _rest(self, error: Exception) -> None:
        self._resting_until = time.monotonic() + _REST_SECONDS
        _LOG.warning("Redis does not answer, other processes' requests are not known meanwhile: %s", error)


def _name(mark: Mark) -> str:
    return _PREFIX + mark.key.hex()


def _value(mark: Mark, what: bytes) -> bytes:
    return mark.body.hex().encode() + b":" + what
