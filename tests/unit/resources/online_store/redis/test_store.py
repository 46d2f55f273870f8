"""The Redis store when Redis has dropped a version."""

import pytest
import redis

from resources.online_store.errors import StoreUnavailable
from resources.online_store.opening import open_store
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import HISTORY, amounts, load


def test_a_version_that_redis_has_dropped_is_unavailable_and_an_empty_one_is_not(redis_url: str) -> None:
    """An eviction must not look like entities that nothing is known of."""
    store = open_store(redis_url, "card_fraud")
    load(store, HISTORY.slice(0, 0), "empty")
    assert amounts(store, "card_id", "a") == []
    load(store, HISTORY, "full")
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.keys("*data:*card_id"))
    with pytest.raises(
        StoreUnavailable, match="Redis no longer has version full of cards by card_id; set its maxmemory"
    ):
        fetch(store, "cards", "card_id", "a")
    store.close()
