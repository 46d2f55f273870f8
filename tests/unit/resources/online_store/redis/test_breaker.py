"""The circuit breaker: two failures in a row open it, one call at a time probes, an answer closes it."""

from resources.online_store.redis.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def failing(breaker: Breaker, clock: Clock, *, seconds: float = 0.25) -> None:
    began = breaker.admit()
    assert began is not None
    clock.now += seconds
    breaker.failed(began)


def test_two_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    failing(breaker, clock)
    assert breaker.admit() is not None
    breaker.succeeded()
    failing(breaker, clock)
    assert not breaker.is_open
    failing(breaker, clock)
    assert breaker.is_open
    assert breaker.admit() is None


def test_calls_that_were_under_way_together_count_as_one_failure() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    began = [breaker.admit() for _ in range(4)]
    clock.now += 0.25
    for one in began:
        breaker.failed(one or 0.0)
    assert not breaker.is_open


def test_one_call_at_a_time_probes_and_the_others_do_not_wait_for_it() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    failing(breaker, clock)
    failing(breaker, clock)
    for _ in range(3):
        clock.now += 0.99
        assert breaker.admit() is None
        clock.now += 0.02
        probe = breaker.admit()
        assert probe is not None
        assert [breaker.admit() for _ in range(5)] == [None] * 5
        breaker.failed(probe)
        assert breaker.is_open
    clock.now += 1.01
    assert breaker.admit() is not None
    breaker.succeeded()
    assert not breaker.is_open
    assert [breaker.admit() for _ in range(3)] == [clock.now] * 3


def test_a_probe_that_never_returns_does_not_hold_up_the_next_one() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    failing(breaker, clock)
    failing(breaker, clock)
    clock.now += 1.01
    assert breaker.admit() is not None
    clock.now += 1.9
    assert breaker.admit() is None
    clock.now += 0.2
    assert breaker.admit() is not None
