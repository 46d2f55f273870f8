"""Which requests begin, wait or are refused, on a clock of the test's own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from assets.serving.http.under_way import (
    ALWAYS_TAKEN,
    MOST_BEGUN,
    MOST_IN_STALL,
    MOST_WAITING,
    ByTime,
    UnderWay,
)

BUDGET = 0.05
AT_FIRST = 12
"""Decisions that are taken before anything was measured: half of the budget, by 2 ms a decision."""


@dataclass(eq=False)
class Cycle:
    """What is asked of a request."""

    path: str = "/decide"
    response_complete: bool = False
    disconnected: bool = False

    @property
    def scope(self) -> dict[str, str]:
        return {"path": self.path}


@dataclass
class Server:
    """Answers one decision after the other, each after so many seconds of an own clock."""

    budget: float = BUDGET
    most: int = 0
    now: float = 0.0
    begun: list[Cycle] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.under_way = UnderWay(lambda: self.budget, clock=lambda: self.now, most=self.most)

    def ask(self, path: str = "/decide") -> bool:
        cycle: Any = Cycle(path)
        return self.under_way.admit(cycle, lambda: self.begun.append(cycle))

    def answer(self, seconds: float) -> None:
        self.now += seconds
        cycle: Any = self.begun.pop(0)
        cycle.response_complete = True
        self.under_way.end(cycle)

    def asked_until_refused(self) -> int:
        """How many more decisions are taken at once."""
        number = 0
        while self.ask():
            number += 1
        return number


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.mark.parametrize("pace", [0.0005, 0.001, 0.005])
def test_as_many_decisions_are_taken_as_half_of_the_budget_has_time_for(server: Server, pace: float) -> None:
    """Whatever the pace, once it was measured; each accepted one is then answered within the budget."""
    for _ in range(400):
        server.asked_until_refused()
        server.answer(pace)
    server.asked_until_refused()
    taken = len(server.begun) + waiting(server)
    assert taken == pytest.approx(max(0.5 * BUDGET / pace, ALWAYS_TAKEN), abs=1)
    assert server.under_way.expected() == pytest.approx((taken + 1) * pace, rel=0.01)
    assert len(server.begun) <= MOST_BEGUN


def waiting(server: Server) -> int:
    return round(server.under_way.expected() / server.under_way._by_time.expected(0)) - 1 - len(server.begun)


def test_a_few_are_taken_however_slow_the_service_was(server: Server) -> None:
    for _ in range(100):
        server.asked_until_refused()
        server.answer(3.0)
    while server.begun:
        server.answer(3.0)
    assert server.asked_until_refused() == ALWAYS_TAKEN


def test_a_stall_refuses_nobody_and_an_overload_does() -> None:
    """Every 4 ms a decision is asked for, and one is answered within 2 ms; then the service stands for 0.4 s.

    No queue of what comes meanwhile fits the budget. Afterwards three are asked for while one is answered.
    """
    server = Server(most=MOST_IN_STALL)
    for _ in range(600):
        assert server.ask()
        server.now += 0.002
        server.answer(0.002)
    for _ in range(100):
        server.now += 0.004
        assert server.ask()
    late = len(server.begun) + waiting(server)
    assert late > 3 * AT_FIRST
    for number in range(150):
        server.answer(0.002)
        assert not number % 2 or server.ask()
    while server.begun:
        server.answer(0.002)
    taken = []
    for _ in range(2_000):
        taken.append(sum(server.ask() for _ in range(3)))
        server.answer(0.002)
    assert sum(taken[-1_000:]) == pytest.approx(1_000, abs=2), "as many as are answered"
    assert len(server.begun) + waiting(server) == pytest.approx(0.5 * BUDGET / 0.002, abs=2)


def test_a_stall_is_forgotten_within_two_hundred_answers(server: Server) -> None:
    for seconds in [*[0.001] * 100, *[5.0] * 20, *[0.001] * 200]:
        server.asked_until_refused()
        server.answer(seconds)
    server.asked_until_refused()
    assert len(server.begun) + waiting(server) >= 20


def test_the_time_for_which_nobody_asked_says_nothing(server: Server) -> None:
    for _ in range(300):
        server.ask()
        server.answer(0.5)
    assert server.asked_until_refused() == AT_FIRST


def test_a_client_that_goes_away_makes_the_service_no_faster() -> None:
    rule = ByTime(lambda: BUDGET, lambda: 0.0)
    before = rule.expected(0)
    for _ in range(100):
        rule.ended(20, answered=False)
    assert rule.expected(0) == before


def test_one_whose_client_has_gone_does_not_begin(server: Server) -> None:
    server.budget = 10.0
    cycles: list[Any] = [Cycle() for _ in range(MOST_BEGUN + 2)]
    begun: list[Any] = []

    def begins(cycle: Any) -> Callable[[], None]:
        return lambda: begun.append(cycle)

    for cycle in cycles:
        assert server.under_way.admit(cycle, begins(cycle))
    cycles[-2].disconnected = True
    server.under_way.end(cycles[0])
    assert begun == [*cycles[:MOST_BEGUN], cycles[-1]]


def test_other_requests_wait_by_their_number_and_cost_decisions_nothing(server: Server) -> None:
    others = 0
    while server.ask("/decisions/1"):
        others += 1
    assert others == MOST_BEGUN + MOST_WAITING
    assert server.asked_until_refused() == AT_FIRST
