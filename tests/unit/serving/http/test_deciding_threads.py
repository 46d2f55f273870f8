"""Which thread decides, when one more steps in, and when answers are given."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from assets.serving.http.deciding_threads import STUCK_SECONDS, THREADS, DecidingThreads


class Threads(DecidingThreads):
    """Every request is written alike."""

    def __init__(self, write: Callable[[], None]) -> None:
        super().__init__()
        self.write = write

    def decided(self, decide: Callable[[], Any]) -> "asyncio.Future[Any]":
        return self.begin(decide, self.write)


def run(test: Callable[[Threads], Coroutine[None, None, None]], write: Callable[[], None]) -> None:
    async def whole() -> None:
        threads = Threads(write)
        try:
            await test(threads)
        finally:
            await asyncio.to_thread(threads.shutdown)

    asyncio.run(whole())


def test_quick_requests_are_decided_in_their_order_by_one_thread_at_a_time() -> None:
    order, at_once, deciding = [], [], []

    def decide(number: int) -> int:
        deciding.append(number)
        at_once.append(len(deciding))
        order.append(number)
        deciding.remove(number)
        return number * 2

    async def test(threads: Threads) -> None:
        found = await asyncio.gather(*(threads.decided(lambda n=n: decide(n)) for n in range(500)))  # type: ignore[misc]
        assert found == [n * 2 for n in range(500)]

    run(test, lambda: None)
    assert order == list(range(500))
    assert set(at_once) == {1}


def test_an_answer_is_given_after_it_was_written_and_several_are_written_at_once() -> None:
    decided, written = [], []

    async def test(threads: Threads) -> None:
        async def one(number: int) -> None:
            await threads.decided(lambda: decided.append(number))
            assert written[-1:] > [number]

        await asyncio.gather(*(one(number) for number in range(300)))

    run(test, lambda: written.append(len(decided)))
    assert len(set(written)) < 150, "several are decided before the first is written"


def test_another_thread_goes_on_while_one_is_stuck() -> None:
    """As many as there are threads may be stuck; then the next request waits for the first of them."""
    release = threading.Event()

    async def test(threads: Threads) -> None:
        stuck = [threads.decided(release.wait) for _ in range(THREADS - 1)]
        begun = time.perf_counter()
        assert await asyncio.wait_for(threads.decided(lambda: 7), 10) == 7
        assert time.perf_counter() - begun >= STUCK_SECONDS / 2
        stuck.append(threads.decided(release.wait))
        last = threads.decided(lambda: 8)
        await asyncio.sleep(10 * STUCK_SECONDS)
        assert not last.done()
        release.set()
        assert await last == 8
        assert all(await asyncio.gather(*stuck))

    run(test, lambda: None)


def test_one_that_is_stuck_slows_no_other() -> None:
    """Once another thread has its turn, requests are decided one after the other again, and none waits to be seen."""
    release = threading.Event()

    async def test(threads: Threads) -> None:
        stuck = threads.decided(release.wait)
        await threads.decided(lambda: 1)
        begun = time.perf_counter()
        await asyncio.gather(*(threads.decided(lambda: 1) for _ in range(2_000)))
        taken = time.perf_counter() - begun
        release.set()
        await stuck
        assert taken < 2_000 * STUCK_SECONDS / 4

    run(test, lambda: None)


def test_what_is_raised_is_raised_where_it_is_awaited() -> None:
    fails = [False]

    def refuse() -> None:
        raise ValueError("a request")

    def write() -> None:
        if fails[0]:
            raise OSError("the disk")

    async def test(threads: Threads) -> None:
        good, bad = threads.decided(lambda: 1), threads.decided(refuse)
        with pytest.raises(ValueError, match="a request"):
            await bad
        assert await good == 1
        fails[0] = True
        with pytest.raises(OSError, match="the disk"):
            await threads.decided(lambda: 1)

    run(test, write)


def test_what_waits_is_decided_before_the_end_and_nothing_after_it() -> None:
    async def test(threads: Threads) -> None:
        found = [threads.decided(lambda: time.sleep(0.001)) for _ in range(50)]
        await asyncio.to_thread(threads.shutdown)
        assert await asyncio.gather(*found) == [None] * 50
        with pytest.raises(RuntimeError, match="shut down"):
            threads.decided(lambda: 1)

    run(test, lambda: None)
