"""The Redis store when Redis does not answer."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from resources.online_store.errors import StoreUnavailable
from resources.online_store.opening import open_store
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import HISTORY, amounts, load


def test_an_unreachable_redis_fails_twice_and_then_rests() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = open_store(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "card_fraud")
        started = time.perf_counter()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="cannot be used"):
                fetch(store, "cards", "card_id", "a")
        first = time.perf_counter() - started
        with pytest.raises(StoreUnavailable, match="failed a moment ago"):
            fetch(store, "cards", "card_id", "a")
        assert time.perf_counter() - started - first < 0.05
        assert first < 2.0
        store.close()


@pytest.mark.parametrize("together", [1, 8])
def test_one_slow_answer_costs_the_decisions_that_waited_for_it_and_no_more(redis_url: str, together: int) -> None:
    store = open_store(redis_url, "slow_answer")
    load(store, HISTORY, "1")
    assert amounts(store, "card_id", "b") == [3.0]
    with redis.Redis.from_url(redis_url) as other:
        other.client_pause(400)
    with ThreadPoolExecutor(together) as pool:
        waiting = [pool.submit(amounts, store, "card_id", "b") for _ in range(together)]
        for one in waiting:
            with pytest.raises(StoreUnavailable, match="cannot be used"):
                one.result()
    assert amounts(store, "card_id", "b") == [3.0], "asked once more, and answered"
    store.close()
