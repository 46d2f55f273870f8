"""Latency of fetching an entity's events from the online store, and of thirty features over them.

    python -m tests.benchmarks.bench_online

Prints one JSON object: fetching and computing for an entity with 500 events, from LMDB, from Redis, and from SQLite as
another embedded store; bulk loading; appending one event; and an entity with a million events, from
tiles and, for comparison, from all of its events. All in this process, one request after the other.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.kernel.rows import Value
from assets.features.online.load import SourceLoad, put_source
from assets.features.online.request import compute_one
from assets.features.online.tile_support import tilings_of
from assets.features.online.tiles import CHUNK
from assets.vocabulary import Events, FeatureSet, Number, days
from resources.online_store.event_blocks import TIMESTAMP, blocks, decode, prepared
from resources.online_store.opening import open_store
from resources.online_store.protocol import EntityEvents, OnlineStore
from tests.benchmarks.bench_decisions import summary
from tests.support.servers.redis_server import RedisServer

PRODUCT = "bench"
SOURCE, KEY = "transactions", "customer_id"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESOLUTIONS = {SOURCE: {"amount": 0.01, "balance_after": 0.01}}
ENTITIES = 1_000
_WARM_UP = 100
_REQUESTS = 2_000
_APPENDS = 300


def features() -> FeatureSet:
    """One request column and 29 aggregates over one source: the kinds and windows that a product mixes."""
    every = Events(SOURCE, key=KEY)
    debit, credit = every.where(direction="debit"), every.where(direction="credit")
    history = [
        aggregate
        for window in (days(7), days(30), days(90))
        for aggregate in (
            every.count(window),
            debit.count(window),
            debit.sum("amount", window, empty=0),
            debit.mean("amount", window),
            debit.std("amount", window),
            credit.sum("amount", window, empty=0),
            debit.max("amount", window),
            every.min("balance_after", window),
            debit.share(window, category="cash", name=f"cash_share_{window.days}d"),
        )
    ]
    history += [every.time_since_last(days(90)), every.distinct("category", days(90))]
    return FeatureSet(request=(Number("amount"),), history=tuple(history), derived=(), owner="bench")


def events(entities: int, each: int, seed: int = 3) -> pa.Table:
    """The events of each entity in the 90 days before NOW."""
    random = np.random.default_rng(seed)
    n, now = entities * each, int(NOW.timestamp() * 1e6)
    moments = pa.array(np.sort(now - random.integers(1, 90 * 86_400_000_000, n)), pa.int64()).cast(TIMESTAMP)
    names = np.array([f"C{number}" for number in range(entities)])
    return pa.table(
        {
            KEY: pa.array(names[random.permutation(np.repeat(np.arange(entities), each))]),
            "event_time": moments,
            "known_at": moments,
            "amount": np.round(random.gamma(2.0, 40.0, n), 2),
            "balance_after": np.round(random.normal(2000, 400, n), 2),
            "direction": random.choice(["debit", "credit"], n),
            "category": random.choice(["salary", "cash", "gambling", "rent"], n),
        }
    )


def timed(step: Callable[[int], object], times: int) -> dict[str, float]:
    """Percentiles of one step's latency, and the median of its processor time, which other load affects less."""
    taken, worked = [], []
    for number in range(_WARM_UP + times):
        began, begun = time.perf_counter(), time.thread_time()
        step(number)
        taken.append((time.perf_counter() - began) * 1000)
        worked.append((time.thread_time() - begun) * 1000)
    return summary(taken[_WARM_UP:]) | {"cpu_p50_ms": summary(worked[_WARM_UP:])["p50_ms"]}


def of_store(store: OnlineStore, table: pa.Table, kernel: Kernel) -> dict[str, Any]:
    """Loading, fetching, fetching and computing, appending."""
    spine = pa.table({"as_of": pa.array([NOW], TIMESTAMP), "amount": [100.0], KEY: ["C1"]})

    def fetch(number: int) -> pa.Table:
        entity = EntityEvents(SOURCE, KEY, f"C{number * 7919 % ENTITIES}")
        return store.fetch_all((entity,)).tables[entity]

    def append(number: int) -> bool:
        row = {name: column[0].as_py() for name, column in zip(table.column_names, table.columns, strict=True)}
        return store.append_event(SOURCE, row | {"event_time": NOW, "known_at": NOW}, event_id=str(number))

    began = time.perf_counter()
    rows = store.put_events(SOURCE, KEY, table, version="1", watermark=NOW)
    store.publish("1")
    loaded = time.perf_counter() - began
    return {
        "load_events_a_second": round(rows / loaded),
        "fetch": timed(fetch, _REQUESTS),
        "fetch_and_compute": timed(lambda n: compute_one(kernel, {(SOURCE, KEY): fetch(n)}, spine), _REQUESTS),
        "append": timed(append, _APPENDS),
    }


def of_sqlite(folder: Path, table: pa.Table) -> dict[str, Any]:
    """The same blocks in one table of SQLite, read in a transaction with the version, as a store there would."""
    sorted_table = prepared(table, source=SOURCE, key_column=KEY, watermark=NOW, lookback=None)
    database = sqlite3.connect(folder / "blocks.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE state (version TEXT)")
    database.execute(
        "CREATE TABLE blocks (version TEXT, key TEXT, block BLOB, PRIMARY KEY (version, key)) WITHOUT ROWID"
    )
    database.execute("CREATE TABLE events (key TEXT, id BLOB, event TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID")
    began = time.perf_counter()
    with database:
        database.execute("BEGIN")
        database.execute("INSERT INTO state VALUES ('1')")
        database.executemany("INSERT INTO blocks VALUES ('1', ?, ?)", blocks(sorted_table, KEY))
    loaded = time.perf_counter() - began

    def fetch(number: int) -> pa.Table:
        key = f"C{number * 7919 % ENTITIES}"
        database.execute("BEGIN")
        (version,) = database.execute("SELECT version FROM state").fetchone()
        (block,) = database.execute("SELECT block FROM blocks WHERE version = ? AND key = ?", (version, key)).fetchone()
        single = [row[0] for row in database.execute("SELECT event FROM events WHERE key = ?", (key,))]
        database.execute("COMMIT")
        return decode(block, single, sorted_table.schema, since=NOW)

    found = {"load_events_a_second": round(len(table) / loaded), "fetch": timed(fetch, _REQUESTS)}
    database.close()
    return found


def of_many(store: OnlineStore, kernel: Kernel, number: int) -> dict[str, Any]:
    """A decision's features for an entity with many events, from tiles and from all events; the values are equal."""
    (tiling,) = tilings_of(kernel)
    table = events(1, number)
    load = SourceLoad(SOURCE, KEY, "", 1, (), NOW, timedelta(days=90))
    began = time.perf_counter()
    put_source(store, "tiles", load, tiling, table)
    store.publish("tiles")
    loaded = time.perf_counter() - began
    spine = pa.table({"as_of": pa.array([NOW], TIMESTAMP), "amount": [100.0], KEY: ["C0"]})
    whole, single = EntityEvents(tiling.tiles_source, KEY, "C0"), EntityEvents(SOURCE, KEY, "C0")

    def decide(_: int) -> dict[str, Value]:
        found = store.fetch_all((single, whole)).tables
        cover = tiling.cover(found[whole], spine)
        names = tiling.wanted(cover, "C0")
        chunks = store.fetch_all([EntityEvents(tiling.chunks_source, CHUNK, name) for name in names]).tables.values()
        read = [chunk.select(found[single].schema.names) for chunk in (*chunks, found[single])]
        return compute_one(kernel, {}, spine, tiling.compute(cover, pa.concat_tables(read), spine))

    def compute_all(_: int) -> dict[str, Value]:
        return compute_one(kernel, {(SOURCE, KEY): table}, spine)

    return {
        "events": number,
        "load_events_a_second": round(number / loaded),
        "fetch_and_compute": timed(decide, 300),
        "compute_from_all_events_ms": round(min(_seconds(compute_all) for _ in range(3)) * 1000, 1),
        "same": decide(0) == compute_all(0),
    }


def _seconds(step: Callable[[int], object]) -> float:
    began = time.perf_counter()
    step(0)
    return time.perf_counter() - began


def measure() -> dict[str, Any]:
    """All stores over the same events."""
    kernel = compile_features(features(), RESOLUTIONS)
    table = events(ENTITIES, 500)
    found: dict[str, Any] = {"entities": ENTITIES, "events_each": 500, "features": len(kernel.features.names)}
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as place:
        folder = Path(place)
        embedded = open_store(f"lmdb://{folder}/online", PRODUCT)
        found["lmdb"] = of_store(embedded, table, kernel)
        embedded.close()
        found["sqlite"] = of_sqlite(folder, table)
        with RedisServer(folder) as server:
            remote = open_store(server.url, PRODUCT)
            found["redis"] = of_store(remote, table, kernel)
            remote.close()
        tiled = replace(features(), history=tuple(f for f in features().history if f.kind != "distinct"))
        busy = open_store(f"lmdb://{folder}/busy", PRODUCT)
        found["busy_entity"] = of_many(busy, compile_features(tiled, RESOLUTIONS), 1_000_000)
        busy.close()
        alone = table.filter(pa.compute.equal(table[KEY], "C1"))
        spine = pa.table({"as_of": pa.array([NOW], TIMESTAMP), "amount": [100.0], KEY: ["C1"]})
        found["compute_alone"] = timed(lambda _: compute_one(kernel, {(SOURCE, KEY): alone}, spine), _REQUESTS)
    return found


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
