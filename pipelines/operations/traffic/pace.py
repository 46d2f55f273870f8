"""The schedule of open-loop traffic.

Belongs here: which requests leave at a moment, as pure functions of the clock. Does not belong here: clocks, waiting,
sending (`drive.py`).

Open loop: a request has its time, whatever became of earlier ones, as customers come who know nothing of each other. A
request that cannot leave at its time is held back for good. Sent later, it would come in a bunch with others, and the
service would meet a load that nobody asked for.
"""

import math
from dataclasses import dataclass

from resources.errors import LooplineError

MOST_A_SECOND = 500.0
"""Above this rate the client itself, one process, would be measured."""
_LATE_SECONDS = 0.02
_ROUNDING = 1e-9


class BadPace(LooplineError):
    """The traffic cannot have such a rate, length or number of requests in flight; the message says what it can."""


@dataclass(frozen=True)
class Departures:
    """The requests whose time has come.

    Attributes:
        first: The number of the first request that leaves.
        leave: How many leave now.
        held_back: How many, all before these, never leave.
        next: The number of the first request whose time has not come.
    """

    first: int
    leave: int
    held_back: int
    next: int


@dataclass(frozen=True)
class Pace:
    """Requests at even distances.

    Attributes:
        rate: Requests a second.
        seconds: Length of the traffic; the first request leaves at its beginning.
        most_in_flight: The most requests that wait for their answers at once.
    """

    rate: float
    seconds: float
    most_in_flight: int

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= MOST_A_SECOND:
            raise BadPace(f"rate {self.rate:g}: write requests a second, above 0 and at most {MOST_A_SECOND:g}")
        if not 0.0 < self.seconds < math.inf:
            raise BadPace(f"traffic for {self.seconds:g} s: write a length above 0")
        if self.most_in_flight < 1:
            raise BadPace(f"{self.most_in_flight} requests in flight: write a whole number from 1 on")

    @property
    def requests(self) -> int:
        """How many requests are planned."""
        return max(1, math.ceil(self.rate * self.seconds - _ROUNDING))

    def due(self, number: int) -> float:
        """Seconds from the beginning to the time of a request; the first has number 0."""
        return number / self.rate

    def departures(self, number: int, at: float, in_flight: int) -> Departures:
        """The requests from `number` on whose time has come.

        A request is on time until the next one is due, and within 20 ms: a client that has other answers to read is no
        more exact. After a longer stall, as of a closed laptop, the requests of the stall are held back.

        Args:
            at: Seconds since the beginning.
            in_flight: How many requests wait for their answers.
        """
        end = min(self.requests, math.floor(at * self.rate + _ROUNDING) + 1)
        if end <= number:
            return Departures(number, 0, 0, number)
        tolerance = max(1.0 / self.rate, _LATE_SECONDS)
        earliest = math.floor((at - tolerance) * self.rate + _ROUNDING) + 1
        leave = max(0, min(end - max(number, earliest), self.most_in_flight - in_flight))
        return Departures(end - leave, leave, end - number - leave, end)
