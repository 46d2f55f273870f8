"""A loop goes on whatever its step raises, and tells how it fares."""

import logging
import threading

import pytest

from resources.processes.loops import Loop


def test_a_loop_outlives_every_failure_and_tells_each_once(caplog: pytest.LogCaptureFixture) -> None:
    failures = [RecursionError(), RecursionError(), OSError("no space"), MemoryError(), KeyError("Anna")]
    failing, done = iter(failures), threading.Event()

    def step() -> float:
        error = next(failing, None)
        if error is not None:
            raise error
        done.set()
        return 60.0

    caplog.set_level(logging.WARNING, "loopline.loops")
    loop = Loop("work", step, retry=0.0)
    loop.start()
    assert done.wait(5)
    while loop.health().problem is not None:
        pass
    health = loop.health()
    assert (health.failures, health.failing_seconds, health.ended) == (5, 0.0, False)
    told = [record.getMessage() for record in caplog.records]
    assert [text.count("RecursionError") for text in told] == [1, 0, 0, 0, 0]
    assert "OSError: no space" in told[1]
    assert "Anna" not in caplog.text
    assert told[-1] == "work works again"
    loop.stop()
    loop.join()
    assert loop.health().ended is False


def test_a_failing_loop_says_since_when() -> None:
    failed = threading.Event()

    def step() -> float:
        failed.set()
        raise ValueError

    loop = Loop("work", step, retry=60.0)
    loop.start()
    assert failed.wait(5)
    while loop.health().problem is None:
        pass
    assert "ValueError" in str(loop.health().problem)
    assert loop.health().failing_seconds > 0
    loop.stop()
    loop.join()
