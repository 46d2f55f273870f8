"""The schedule of traffic, on a simulated clock."""

import heapq
from collections import Counter
from collections.abc import Callable

import pytest

from pipelines.operations.traffic.pace import BadPace, Departures, Pace


def simulate(
    pace: Pace, answers_in: Callable[[float], float], wakes: Callable[[float], float] = lambda due: due
) -> tuple[list[float], int]:
    """The times at which requests leave, and how many are held back.

    Args:
        answers_in: Seconds until a request that leaves at a time is answered.
        wakes: The time at which a client that waits for a time wakes up.
    """
    number, left, held_back = 0, list[float](), 0
    in_flight: list[float] = []
    while number < pace.requests:
        now = wakes(pace.due(number))
        while in_flight and in_flight[0] <= now:
            heapq.heappop(in_flight)
        going = pace.departures(number, now, len(in_flight))
        assert going.next > number, "a client that woke at the time of a request goes on"
        for _ in range(going.leave):
            left.append(now)
            heapq.heappush(in_flight, now + answers_in(now))
        assert len(in_flight) <= pace.most_in_flight
        number, held_back = going.next, held_back + going.held_back
    assert len(left) + held_back == pace.requests
    return left, held_back


def test_requests_leave_on_schedule_whatever_the_answers_take() -> None:
    pace = Pace(rate=50, seconds=10, most_in_flight=200)
    for answer_seconds in (0.001, 0.5, 3.0):
        left, held_back = simulate(pace, lambda _, seconds=answer_seconds: seconds)
        assert held_back == 0
        assert left == pytest.approx([number / 50 for number in range(500)])


def test_what_cannot_leave_is_held_back_and_not_sent_later() -> None:
    """The service stands still from second 4 to second 6: 20 are in flight, the others of that time never leave."""
    pace = Pace(rate=50, seconds=10, most_in_flight=20)
    left, held_back = simulate(pace, lambda at: 6.0 - at if 4.0 <= at < 6.0 else 0.01)
    assert held_back == 2 * 50 - 20
    assert Counter(int(at + 1e-9) for at in left) == {second: 50 for second in range(10) if second not in (4, 5)} | {
        4: 20
    }
    assert len(set(left)) == len(left), "no two leave together"


def test_the_requests_of_a_stalled_client_are_held_back() -> None:
    """A client that sleeps from second 2 to second 5 goes on from there, without those of the three seconds."""
    pace = Pace(rate=10, seconds=8, most_in_flight=64)
    left, held_back = simulate(pace, lambda _: 0.01, lambda due: 5.0 if 2.0 <= due < 5.0 else due)
    assert held_back == 30
    assert len([at for at in left if at == 5.0]) == 1


def test_a_client_is_no_more_exact_than_some_milliseconds() -> None:
    """At 500 a second a client that wakes 15 ms late holds nothing back; one that wakes 60 ms late bunches no more."""
    pace = Pace(rate=500, seconds=2, most_in_flight=64)
    left, held_back = simulate(pace, lambda _: 0.005, lambda due: due + 0.015)
    assert (len(left), held_back) == (1000, 0)
    left, held_back = simulate(pace, lambda _: 0.005, lambda due: due + 0.06)
    assert held_back > 500
    assert max(Counter(left).values()) == 10


@pytest.mark.parametrize(
    ("rate", "seconds", "planned"), [(10, 3, 30), (0.1, 3, 1), (0.3, 10, 3), (3, 0.7, 3), (7, 1.1, 8)]
)
def test_a_request_is_planned_for_each_time_before_the_end(rate: float, seconds: float, planned: int) -> None:
    pace = Pace(rate, seconds, 1)
    assert pace.requests == planned
    assert pace.due(planned - 1) < seconds
    assert pace.due(planned) >= seconds - 1e-9


def test_nothing_leaves_before_its_time_and_nothing_after_the_end() -> None:
    pace = Pace(rate=10, seconds=1, most_in_flight=4)
    assert pace.departures(1, 0.05, 0) == Departures(1, 0, 0, 1)
    assert pace.departures(9, 60.0, 0) == Departures(10, 0, 1, 10)


@pytest.mark.parametrize(
    ("rate", "seconds", "most", "said"),
    [
        (0, 1, 1, "rate 0: write requests a second, above 0 and at most 500"),
        (501, 1, 1, "rate 501"),
        (float("nan"), 1, 1, "rate nan"),
        (1, 0, 1, "traffic for 0 s"),
        (1, float("inf"), 1, "traffic for inf s"),
        (1, 1, 0, "0 requests in flight"),
    ],
)
def test_a_pace_that_cannot_be_is_refused(rate: float, seconds: float, most: int, said: str) -> None:
    with pytest.raises(BadPace, match=said):
        Pace(rate, seconds, most)
