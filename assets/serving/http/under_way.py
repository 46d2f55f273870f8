"""The requests of all connections that are not answered yet.

Belongs here: how many are within the server's layers at a time, how many wait for it, and whose turn is next. Does not
belong here: refusing one (`connection.py`), deciding.

The answers of many requests become ready at once, when the disk has synced them. If as many began at once, the server's
layers would take so long over them that refusals had to wait. So few are begun at a time, and a burst waits here, where
waiting costs nothing.

A decision is taken while it can be expected within the latency budget of its product: the decisions under way, itself
included, times the seconds between two answers must not exceed half of the budget. The other half is for what no
average tells: a slow sync, a busy neighbour. The seconds between two answers are measured while as many decisions are
under way as threads decide: only then do they say how fast the service is, and not how often it is asked. A few are
taken whatever was measured: so many clients, each with one request at a time, are refused by no machine.

A queue that stands and one that goes away by itself look alike at their ends. So a burst is taken too, as that of a
moment in which a new bundle is loaded: what is more than can be expected in time waits if threads were idle a moment
ago. Under an overload they never are (Maurer, "Fail at scale", ACM Queue 2015; Nichols and Jacobson, "Controlling queue
delay", ACM Queue 2012).

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
THREADS = 4
"""Threads that decide: with fewer decisions under way, one more waits for none of them."""
ALWAYS_TAKEN = 8
"""Decisions under way up to which one more is taken, however slow the service is."""
MOST_IN_BURST, BURST_SECONDS = 96, 2.0
"""Decisions under way up to which one more is taken while threads were idle so few seconds ago."""
BUDGET_SECONDS = 1.0
"""The latency budget where nothing declares one: while no product is live, every decision is a quick refusal."""

_DECISIONS = "/decide"

_PART = 0.5
_FIRST_PACE = 0.002
_WEIGHT = 1 / 32


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
    """As many as can be expected to be answered within a part of the latency budget, and a burst.

    Args:
        budget: The budget of a decision, in seconds.
        clock: Seconds on a clock that measures short times.
        burst: Seconds after which threads that were idle say nothing any more.
    """

    def __init__(self, budget: Callable[[], float], clock: Callable[[], float], burst: float = BURST_SECONDS) -> None:
        self._budget, self._clock, self._burst = budget, clock, burst
        self._pace = _FIRST_PACE
        self._last: float | None = None
        self._idle = clock()

    def expected(self, under_way: int) -> float:
        """Seconds until one more decision would be answered."""
        return (under_way + 1) * self._pace

    def admits(self, under_way: int) -> bool:
        """See `Admits.admits`."""
        now = self._clock()
        if under_way < THREADS:
            self._idle = now
        if under_way < ALWAYS_TAKEN or self.expected(under_way) <= _PART * self._budget():
            return True
        return under_way < MOST_IN_BURST and now - self._idle <= self._burst

    def ended(self, under_way: int, *, answered: bool) -> None:
        """See `Admits.ended`."""
        now, last = self._clock(), self._last
        if under_way <= THREADS:
            self._idle = now
        # With fewer that go on, the time until the next answer may say how soon it was asked for.
        self._last = now if under_way >= THREADS else None
        if last is not None and answered:
            # A pause of seconds, of a disk for example, is not remembered for longer than any late answer.
            self._pace += _WEIGHT * (min(now - last, self._budget()) - self._pace)


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
        clock, burst: As for `ByTime`.
    """

    def __init__(
        self,
        budget: Callable[[], float] = lambda: BUDGET_SECONDS,
        *,
        clock: Callable[[], float] = time.perf_counter,
        burst: float = BURST_SECONDS,
    ) -> None:
        self._by_time = ByTime(budget, clock, burst)
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
