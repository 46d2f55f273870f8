"""The requests of all connections that are not answered yet.

Belongs here: how many are within the server's layers at a time, how many wait for it, and whose turn is next. Does not
belong here: refusing one (`connection.py`), deciding.

The answers of many requests become ready at once, when the disk has synced them. If as many began at once, the server's
layers would take so long over them that refusals had to wait. So few are begun at a time, and a burst waits here, where
waiting costs nothing.

A decision is taken while it can be expected within the latency budget of its product: the decisions under way, itself
included, times the seconds between two answers must not exceed half of the budget. The other half is for what no
average tells: a slow sync, a busy neighbour. The seconds between two answers are measured while several decisions are
under way: only then do they say how fast the service is, and not how often it is asked. A few are taken whatever was
measured: so many clients, each with one request at a time, are refused by no machine.

An overload and a stall have queues that look alike. Under an overload a queue never goes away, and who waits in it is
late in vain: so what is more than can be expected in time is refused (Nichols and Jacobson, "Controlling queue delay",
ACM Queue 2012). After a stall, of a disk or of a slow model, the queue goes away by itself: so it may be long. What
tells them apart is whether decisions are asked for faster than the service usually answers them: on average over the
last eight thousand, which minutes of a busy neighbour change little.

All other requests have turns of their own, and wait by their number: they have no budget, some take seconds, and no
decision waits for them.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MOST_BEGUN = 16
"""Requests of a kind that are within the server's layers at a time: more than its threads and the disk keep busy."""
MOST_WAITING = 32
"""Requests other than decisions that wait for their turn."""
ALWAYS_TAKEN = 8
"""Decisions under way up to which one more is taken, however slow the service is."""
MOST_IN_STALL = 128
"""Decisions under way up to which one more is taken while fewer are asked for than the service usually answers."""
BUDGET_SECONDS = 1.0
"""The latency budget where nothing declares one: while no product is live, every decision is a quick refusal."""

_DECISIONS = "/decide"

_PART = 0.5
_FIRST_PACE = 0.002
_BUSY = 4
_PACE_WEIGHT, _USUAL_WEIGHT, _ASKED_WEIGHT = 1 / 32, 1 / 8192, 1 / 64


class Admits(Protocol):
    """Whether one more request of a kind may wait, or begin."""

    def admits(self, under_way: int) -> bool:
        """Whether it may, beside so many that are under way."""
        ...

    def ended(self, under_way: int, *, answered: bool) -> None:
        """Notes that one of so many ended; without an answer if its client is gone."""
        ...


class ByNumber:
    """At most so many are begun or wait."""

    def admits(self, under_way: int) -> bool:
        """See `Admits.admits`."""
        return under_way < MOST_BEGUN + MOST_WAITING

    def ended(self, under_way: int, *, answered: bool) -> None:
        """See `Admits.ended`."""


class ByTime:
    """As many as can be expected to be answered within a part of the latency budget; more while the service stalls.

    Args:
        budget: The budget of a decision, in seconds.
        clock: Seconds on a clock that measures short times.
        most: Decisions under way up to which one more is taken unless the service is overloaded.
    """

    def __init__(self, budget: Callable[[], float], clock: Callable[[], float], most: int = MOST_IN_STALL) -> None:
        self._budget, self._clock, self._most = budget, clock, most
        # Seconds between two answers, of late and usually, and between two decisions that were asked for.
        self._pace, self._usual, self._asked = _FIRST_PACE, _FIRST_PACE, BUDGET_SECONDS
        self._asked_at = clock()
        self._busy_since: float | None = None

    def expected(self, under_way: int) -> float:
        """Seconds until one more decision would be answered."""
        return (under_way + 1) * self._pace

    def admits(self, under_way: int) -> bool:
        """See `Admits.admits`."""
        now = self._clock()
        self._asked += _ASKED_WEIGHT * (min(now - self._asked_at, BUDGET_SECONDS) - self._asked)
        self._asked_at = now
        if under_way < ALWAYS_TAKEN or self.expected(under_way) <= _PART * self._budget():
            return True
        return under_way < self._most and self._asked > self._usual

    def ended(self, under_way: int, *, answered: bool) -> None:
        """See `Admits.ended`."""
        now, since = self._clock(), self._busy_since
        self._busy_since = now if under_way > _BUSY else None
        if since is not None and answered:
            # A pause of seconds, of a disk for example, is not remembered for longer than any late answer.
            seconds = min(now - since, self._budget())
            self._pace += _PACE_WEIGHT * (seconds - self._pace)
            self._usual += _USUAL_WEIGHT * (seconds - self._usual)


class _Turns:
    """The requests of one kind, in their order."""

    def __init__(self, rule: Admits) -> None:
        self.rule = rule
        self._begun: set[RequestResponseCycle] = set()
        self._waiting: deque[tuple[RequestResponseCycle, Callable[[], None]]] = deque()

    def __len__(self) -> int:
        return len(self._begun) + len(self._waiting)

    def admit(self, cycle: RequestResponseCycle, begin: Callable[[], None]) -> bool:
        if not self.rule.admits(len(self)):
            return False
        if len(self._begun) < MOST_BEGUN:
            self._begun.add(cycle)
            begin()
        else:
            self._waiting.append((cycle, begin))
        return True

    def end(self, cycle: RequestResponseCycle) -> None:
        if cycle not in self._begun:
            return
        self.rule.ended(len(self), answered=cycle.response_complete)
        self._begun.remove(cycle)
        while self._waiting and len(self._begun) < MOST_BEGUN:
            following, begin = self._waiting.popleft()
            if not following.disconnected:
                self._begun.add(following)
                begin()


class UnderWay:
    """Lets requests begin in their order; one object for all connections of a server.

    Args:
        budget: The latency budget of a decision, in seconds.
        clock, most: As for `ByTime`.
    """

    def __init__(
        self,
        budget: Callable[[], float] = lambda: BUDGET_SECONDS,
        *,
        clock: Callable[[], float] = time.perf_counter,
        most: int = MOST_IN_STALL,
    ) -> None:
        self._by_time = ByTime(budget, clock, most)
        self._decisions, self._others = _Turns(self._by_time), _Turns(ByNumber())

    def admit(self, cycle: RequestResponseCycle, begin: Callable[[], None]) -> bool:
        """Begins a request, now or when it is its turn; False if it must be refused.

        Args:
            begin: Begins it; it is not called if its client has gone before its turn.
        """
        return self._of(cycle).admit(cycle, begin)

    def end(self, cycle: RequestResponseCycle) -> None:
        """Notes that a request is answered, or its client gone; the next ones begin."""
        self._of(cycle).end(cycle)

    def expected(self) -> float:
        """Seconds until a decision that is asked for now would be answered, by those under way."""
        return self._by_time.expected(len(self._decisions))

    def _of(self, cycle: RequestResponseCycle) -> _Turns:
        return self._decisions if cycle.scope["path"] == _DECISIONS else self._others
