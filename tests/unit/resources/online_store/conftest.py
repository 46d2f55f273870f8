"""The same store in LMDB and in a real Redis server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore
from tests.support.servers.redis_server import RedisServer


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["lmdb", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], OnlineStore]]:
    """Opens the same store, each time anew: as another process would. LMDB forbids it within one, so it is alone."""
    made: list[OnlineStore] = []
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        with redis.Redis.from_url(url) as client:
            client.flushall()
    else:
        url = f"lmdb://{tmp_path}/online"

    def make() -> OnlineStore:
        if request.param == "lmdb":
            for store in made:
                store.close()
        made.append(open_store(url, "card_fraud"))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(opened: Callable[[], OnlineStore]) -> OnlineStore:
    return opened()
