"""The Redis store when Redis does not answer."""

import socket
import time

import pytest

from resources.online_store.errors import StoreUnavailable
from resources.online_store.opening import open_store
from tests.support.stores import fetch


def test_an_unreachable_redis_fails_at_once_and_then_rests() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = open_store(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "card_fraud")
        started = time.perf_counter()
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            fetch(store, "cards", "card_id", "a")
        first = time.perf_counter() - started
        with pytest.raises(StoreUnavailable, match="failed a moment ago"):
            fetch(store, "cards", "card_id", "a")
        assert time.perf_counter() - started - first < 0.05
        assert first < 1.0
        store.close()
