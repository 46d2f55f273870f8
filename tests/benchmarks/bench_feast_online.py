"""Thirty features of one entity for a request: Loopline computes them from 500 events, Feast looks them up.

    python -m tests.benchmarks.bench_feast_online [--requests N] [--rounds N]

Prints one JSON object. The two sides do different work. `feast_lookup` is the intended use of Feast: it reads values
that a job has precomputed from its online store. `loopline` fetches the entity's events and computes the values as of
the request. `feast_on_demand` does Loopline's work in Feast: each entity's events are a row of lists, and an on-demand
feature view of NumPy computes the values as of the request. All return a dictionary of the same thirty values, compared
before any timing: once from one Redis server, each side with its own client and database, and once from each
side's embedded default, SQLite for Feast and LMDB for Loopline.

Each side runs in its own process, one request after the other, after a warm-up; the sides alternate by rounds. A figure
is the median over rounds of the percentile in a round; a ratio is the median of Feast's p50 over Loopline's: below 1 if
Feast is faster. Feast's fastest setting is used: its registry is read once and its values never expire. Feast has
its own environment, made from requirements-peers.lock.
"""

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.online.request import compute_one
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.opening import open_store
from resources.online_store.protocol import EntityEvents, OnlineStore
from tests.benchmarks.bench_decisions import summary
from tests.benchmarks.bench_online import ENTITIES, KEY, NOW, PRODUCT, RESOLUTIONS, SOURCE, events, features
from tests.benchmarks.processes import PEERS, Peer
from tests.support.servers.redis_server import RedisServer

EVENTS_EACH = 500
AMOUNT = 100.0
TABLES = {"feast_lookup": "values", "feast_on_demand": "histories"}
_WARM_UP = 200
_COMPARED = 50
_LISTS = {"event_time": "time", "amount": "event_amount", "balance_after": "balance_after"} | {
    name: name for name in ("direction", "category")
}


def names(count: int) -> list[str]:
    """The entities of a number of requests, spread over all entities."""
    return [f"C{number * 7919 % ENTITIES}" for number in range(count)]


def values(kernel: Kernel, table: pa.Table) -> pa.Table:
    """A row for each entity: its features as of NOW."""
    entities = [f"C{number}" for number in range(ENTITIES)]
    moments = pa.array([NOW] * ENTITIES, TIMESTAMP)
    spine = pa.table({"as_of": moments, "amount": [AMOUNT] * ENTITIES, KEY: entities})
    found = kernel.compute({SOURCE: table}, spine)
    return pa.table({KEY: entities, "event_timestamp": moments} | dict(zip(found.schema.names, found, strict=True)))


def histories(table: pa.Table) -> pa.Table:
    """A row for each entity: its events as lists, moments as microseconds."""
    plain = table.select([KEY, *_LISTS]).rename_columns([KEY, *_LISTS.values()])
    plain = plain.set_column(1, "time", plain["time"].cast(pa.int64()))
    lists = plain.group_by(KEY).aggregate([(name, "list") for name in _LISTS.values()])
    lists = lists.select([KEY, *(f"{name}_list" for name in _LISTS.values())]).rename_columns([KEY, *_LISTS.values()])
    return lists.append_column("event_timestamp", pa.array([NOW] * len(lists), TIMESTAMP))


def decide(store: OnlineStore, kernel: Kernel, name: str) -> dict[str, Any]:
    """One request to Loopline: fetches the events of an entity and computes the features over them."""
    entity = EntityEvents(SOURCE, KEY, name)
    own = store.fetch_all((entity,)).tables[entity]
    spine = pa.table({"as_of": pa.array([NOW], TIMESTAMP), "amount": [AMOUNT], KEY: [name]})
    return compute_one(kernel, {(SOURCE, KEY): own}, spine)


def ask(feast: Peer, table: str, asked: list[str]) -> dict[str, Any]:
    """The same requests to Feast; an on-demand view also needs the request's columns."""
    known = {"amount": AMOUNT, "as_of": int(NOW.timestamp() * 1e6)} if table == "histories" else {}
    return feast.ask("read", rows=[{KEY: name} | known for name in asked])


def compare(store: OnlineStore, kernel: Kernel, feast: Peer, table: str) -> None:
    """Checks that both give the same values for some entities, up to the rounding of sums.

    Raises:
        AssertionError: The values differ.
    """
    for name in names(_COMPARED):
        ours, theirs = decide(store, kernel, name), ask(feast, table, [name])["values"]
        assert ours.keys() == theirs.keys(), f"features of {name}: {ours.keys() ^ theirs.keys()}"
        for feature, value in ours.items():
            other = None if theirs[feature] is None or math.isnan(theirs[feature]) else theirs[feature]
            same = value is other or (None not in (value, other) and math.isclose(value, other, rel_tol=1e-9))
            assert same, f"{feature} of {name} is {value} by Loopline and {other} by Feast"


def timed(store: OnlineStore, kernel: Kernel, asked: list[str]) -> list[float]:
    """Milliseconds of each request to Loopline."""
    taken = []
    for name in asked:
        began = time.perf_counter()
        decide(store, kernel, name)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def rounds(store: OnlineStore, kernel: Kernel, feasts: dict[str, Peer], requests: int, times: int) -> dict[str, Any]:
    """The latencies of all sides, which alternate by rounds, and the ratios."""
    found: list[dict[str, dict[str, float]]] = []
    for number in range(times + 1):
        asked = names(requests if number else _WARM_UP)
        taken = {who: ask(feast, TABLES[who], asked)["milliseconds"] for who, feast in feasts.items()}
        taken["loopline"] = timed(store, kernel, asked)
        found.append({who: summary(each) for who, each in taken.items()})
    counted = found[1:]
    medians: dict[str, Any] = {
        who: {at: round(statistics.median(one[who][at] for one in counted), 3) for at in ("p50_ms", "p99_ms")}
        for who in counted[0]
    }
    for who in feasts:
        ratios = [one[who]["p50_ms"] / one["loopline"]["p50_ms"] for one in counted]
        medians[f"{who}_over_loopline"] = round(statistics.median(ratios), 2)
    return medians


def measure(requests: int = 500, times: int = 5, peers: str = PEERS) -> dict[str, Any]:
    """Both kinds of store.

    Raises:
        AssertionError: The sides give different values.
    """
    kernel = compile_features(features(), RESOLUTIONS)
    table = events(ENTITIES, EVENTS_EACH)
    found: dict[str, Any] = {"entities": ENTITIES, "features": len(kernel.features.names), "events_each": EVENTS_EACH}
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name, RedisServer(Path(name)) as server:
        folder = Path(name)
        pq.write_table(values(kernel, table), folder / "values.parquet")
        pq.write_table(histories(table), folder / "histories.parquet")
        host = server.url.removeprefix("redis://").removesuffix("/0")
        with Peer(peers, "peer_feast.py", name) as lookup, Peer(peers, "peer_feast.py", name) as on_demand:
            feasts = {"feast_lookup": lookup, "feast_on_demand": on_demand}
            for kind, url in (("redis", server.url), ("embedded", f"lmdb://{folder}/online")):
                store = open_store(url, PRODUCT)
                store.put_events(SOURCE, KEY, table, version="1", watermark=NOW)
                store.publish("1")
                for database, (who, feast) in enumerate(feasts.items(), start=1):
                    redis = {"type": "redis", "connection_string": f"{host},db={database}"}
                    sqlite = {"type": "sqlite", "path": f"{folder}/{who}.sqlite"}
                    feast.ask("load", store=redis if kind == "redis" else sqlite, table=TABLES[who])
                    compare(store, kernel, feast, TABLES[who])
                found[kind] = rounds(store, kernel, feasts, requests, times)
                store.close()
    return found | {"load": round(os.getloadavg()[0], 1)}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Loopline's online features against Feast's")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default=PEERS, help="a Python that has Feast")
    given = parser.parse_args()
    print(json.dumps(measure(given.requests, given.rounds, given.peers), indent=2))


if __name__ == "__main__":
    main()
