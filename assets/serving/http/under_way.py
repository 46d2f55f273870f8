"""The requests of all connections that are not answered yet.

Belongs here: how many are decided at a time, how many wait, and whose turn is next. Does not belong here: refusing one
(`connection.py`), deciding.

The answers of many requests become ready at once, when the disk has synced them. If as many began at once, the server's
layers would take so long over them that refusals had to wait. So few are decided at a time, and a burst waits here,
where waiting costs nothing.
"""

from collections import deque
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MOST_DECIDED = 16
"""Requests that are within the server's layers at a time: more than its threads and the disk can keep busy with."""
MOST_WAITING = 32


class UnderWay:
    """Lets requests begin in their order; one object for all connections of a server."""

    def __init__(self) -> None:
        self._decided: set[RequestResponseCycle] = set()
        self._waiting: deque[tuple[RequestResponseCycle, Callable[[], None]]] = deque()

    def admit(self, cycle: RequestResponseCycle, begin: Callable[[], None]) -> bool:
        """Begins a request, now or when it is its turn; False if so many wait already that it must be refused.

        Args:
            begin: Begins it; it is not called if its client has gone before its turn.
        """
        if len(self._decided) < MOST_DECIDED:
            self._decided.add(cycle)
            begin()
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append((cycle, begin))
        else:
            return False
        return True

    def end(self, cycle: RequestResponseCycle) -> None:
        """Notes that a request is answered, or its client gone; the next ones begin."""
        self._decided.discard(cycle)
        while self._waiting and len(self._decided) < MOST_DECIDED:
            following, begin = self._waiting.popleft()
            if not following.disconnected:
                self._decided.add(following)
                begin()
