"""Loads of changes: after any history of a lake the store is, byte for byte, what a load of everything makes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from resources.online_store.lmdb.layout import serial_prefix
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, SourceState, StoreState
from resources.online_store.redis.layout import MARK
from tests.support.data.changing_bank import Bank, bank
from tests.support.servers.redis_server import RedisServer

Blocks = dict[tuple[str, ...], bytes]


def lmdb_blocks(store: LmdbStore, state: StoreState) -> Blocks:
    prefix = serial_prefix(state.base)
    with store._files.environment().begin() as txn, txn.cursor() as cursor:
        found = {bytes(key): bytes(value) for key, value in cursor if bytes(key).startswith(b"d")}
    assert all(key.startswith(prefix) for key in found), "blocks of another version are left"
    return {tuple(key[len(prefix) :].decode().split("\0")): value for key, value in found.items()}


def redis_blocks(client: redis.Redis, state: StoreState) -> Blocks:
    found: Blocks = {}
    for name in client.scan_iter("loopline:{card_fraud}:data:*"):
        _, _, _, serial, source, key_column = name.decode().split(":")
        assert int(serial) == state.base, "blocks of another version are left"
        found |= {
            (source, key_column, key.decode()): block for key, block in client.hgetall(name).items() if key != MARK
        }
    return found


def sources(state: StoreState) -> dict[str, SourceState]:
    """The basis is as wide as it was once: a load of everything may find a narrower one."""
    return {name: replace(source, basis=None) for name, source in state.sources.items()}


def step(made: Bank, stores: list[OnlineStore], told: Counter[str]) -> None:
    """Something happens to the lake or to the stores."""
    chance = made.random.random()
    if chance < 0.7:
        made.append()
        told["appended"] += 1
    elif chance < 0.85:
        made.again(2)
        told["again"] += 1
    elif chance < 0.95:
        made.again(9)
        made.append()
        told["old day again"] += 1
    else:
        for store in stores:
            store.erase("card_id", "busy")
        made.append()
        told["erased"] += 1


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, redis.Redis]]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server, redis.Redis.from_url(server.url) as connected:
        yield server.url, connected


@pytest.mark.parametrize(("seed", "busy"), [(0, 0.0), (2, 0.6)])
def test_a_load_of_changes_equals_a_load_of_everything(
    seed: int, busy: float, client: tuple[str, redis.Redis], tmp_path: Path
) -> None:
    made, told = bank(tmp_path / "lake", seed, busy=busy), Counter[str]()
    url, server = client
    server.flushall()

    with (
        closing(LmdbStore(tmp_path / "changes" / "card_fraud")) as embedded,
        closing(open_store(url, "card_fraud")) as remote,
    ):
        for number in range(11):
            with closing(LmdbStore(tmp_path / f"whole{number}" / "card_fraud")) as other:
                whole = made.load(other, "for comparison").state
                expected = lmdb_blocks(other, whole)
            for store in (embedded, remote):
                done = made.load(store)
                told[done.loaded.partition(":")[0]] += 1
                told[done.loaded] += 1
                blocks = lmdb_blocks(embedded, done.state) if store is embedded else redis_blocks(server, done.state)
                assert blocks == expected, done.loaded
                assert (done.state.version, sources(done.state)) == (whole.version, sources(whole)), done.loaded
                assert store.state() == done.state
                assert (store.staged(), len(done.state.places)) == (None, 1)
            step(made, [embedded, remote], told)
    assert told["changes alone"] > 6, told
