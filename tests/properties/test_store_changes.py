"""Loads of changes: after any history of a lake the store has, event for event, what a load of everything stores.

Histories have late events, events known after their day, ties, missing keys and values, quiet days, days that come
again, entities with tiles, and erasures from the store; one source has two keys and lookbacks.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import redis

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import SourceLoad, planned_loads
from assets.features.online.loading import Loader, StoreLoad
from assets.features.online.tile_support import tilings_of
from assets.vocabulary import Events, FeatureSet, days
from pipelines.card_fraud.product import PRODUCT
from resources.lake import Lake
from resources.online_store.event_blocks import TIMESTAMP, block_table
from resources.online_store.lmdb.layout import serial_prefix
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, SourceState, StoreState
from resources.online_store.redis.layout import MARK
from tests.support.servers.redis_server import RedisServer

CARDS = Events("card_transactions", key="card_id")
TERMINALS = Events("card_transactions", key="terminal_id")
LABELS = Events("fraud_labels", key="terminal_id", time="known_at")
KERNEL = compile_features(
    FeatureSet(
        history=(
            CARDS.count(days(9)),
            CARDS.sum("amount", days(5)),
            TERMINALS.last("amount", days(3)),
            LABELS.share(days(12), is_fraud=1),
        ),
    ),
    PRODUCT.resolutions,
)
TILINGS = {(tiling.source, tiling.key): replace(tiling, tile_rows=4, tiled_from=18) for tiling in tilings_of(KERNEL)}
FIRST = date(2026, 1, 1)
HOUR = 3_600_000_000
Blocks = dict[tuple[str, ...], bytes]


def rows(random: np.random.Generator, day: date, count: int) -> pa.Table:
    """Events of a day: some of moments that many share, some late, some known only later."""
    start = int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) * 1_000_000
    happened = start + random.integers(0, 24, count) * HOUR - (random.random(count) < 0.1) * 30 * HOUR
    known = np.maximum(happened, start) + (random.random(count) < 0.1) * 20 * HOUR
    cards = random.choice(["busy", *[f"c{n}" for n in range(12)]], count, p=[0.28, *[0.06] * 12])
    return pa.table(
        {
            "transaction_id": random.integers(0, 2**40, count),
            "card_id": pa.array(np.where(random.random(count) < 0.05, None, cards), pa.string()),
            "terminal_id": random.choice([f"t{n}" for n in range(9)], count),
            "is_fraud": pa.array(np.where(random.random(count) < 0.2, None, random.integers(0, 2, count)), pa.int64()),
            "amount": pa.array(np.where(random.random(count) < 0.2, None, random.integers(1, 4, count)), pa.float64()),
            "event_time": pa.array(happened, pa.int64()).cast(TIMESTAMP),
            "known_at": pa.array(known, pa.int64()).cast(TIMESTAMP),
            "day": pa.array([day] * count, pa.date32()),
        }
    )


@dataclass
class Bank:
    """A lake with a history, and the loads that follow from it."""

    lake: Lake
    random: np.random.Generator
    last: date = FIRST
    made: set[date] = field(default_factory=set)

    def put(self, day: date, count: int) -> None:
        for source in ("card_transactions", "fraud_labels"):
            table = f"card_fraud/validated_{source}"
            self.lake.replace(table, rows(self.random, day, count), days=[day])
        self.made.add(day)

    def append(self) -> None:
        self.last += timedelta(days=1)
        self.put(self.last, 0 if self.random.random() < 0.1 else int(self.random.integers(1, 14)))

    def again(self, most: int) -> None:
        self.put(self.last - timedelta(days=int(self.random.integers(0, most))), int(self.random.integers(0, 14)))

    def loads(self) -> tuple[SourceLoad, ...]:
        now = datetime.combine(self.last + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=2)
        validated = dict.fromkeys(("card_transactions", "fraud_labels"), frozenset(self.made))
        return planned_loads(PRODUCT, KERNEL, self.lake, validated=validated, now=now)

    def load(self, store: OnlineStore, whole: str = "") -> StoreLoad:
        return Loader(PRODUCT, KERNEL, TILINGS, self.lake, store, most=1.5).load(self.loads(), whole=whole)


def bank(folder: Path, seed: int) -> Bank:
    made = Bank(Lake(str(folder)), np.random.default_rng(seed))
    made.put(FIRST, 9)
    for _ in range(14):
        made.append()
    return made


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


def events_of(blocks: Blocks, state: StoreState) -> dict[tuple[str, ...], pa.Table]:
    """Each entity's events in their order. A block may hold other bytes where a value is null, and behind its end."""
    return {name: block_table(block, state.sources[name[0]].schema) for name, block in blocks.items()}


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


@pytest.mark.parametrize("seed", range(3))
def test_a_load_of_changes_equals_a_load_of_everything(
    seed: int, client: tuple[str, redis.Redis], tmp_path: Path
) -> None:
    made, told = bank(tmp_path / "lake", seed), Counter[str]()
    url, server = client
    server.flushall()

    with (
        closing(LmdbStore(tmp_path / "changes" / "card_fraud")) as embedded,
        closing(open_store(url, "card_fraud")) as remote,
    ):
        for number in range(16):
            with closing(LmdbStore(tmp_path / f"whole{number}" / "card_fraud")) as other:
                whole = made.load(other, "for comparison").state
                expected = events_of(lmdb_blocks(other, whole), whole)
            for store in (embedded, remote):
                done = made.load(store)
                told[done.loaded.partition(":")[0]] += 1
                told[done.loaded] += 1
                blocks = lmdb_blocks(embedded, done.state) if store is embedded else redis_blocks(server, done.state)
                assert events_of(blocks, done.state) == expected, done.loaded
                assert (done.state.version, sources(done.state)) == (whole.version, sources(whole)), done.loaded
                assert store.state() == done.state
                assert (store.staged(), len(done.state.places)) == (None, 1)
            step(made, [embedded, remote], told)
    print(told)
    assert told["changes alone"] > 8, told
