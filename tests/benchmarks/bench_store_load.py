"""Processor time of a load of changes, as a share of a load of everything, also while the history grows.

    python -m tests.benchmarks.bench_store_load

Prints one JSON object. A source of 250,000 events in the ninety days that are kept, of 10,000 customers of whom one in
twenty has an event on a day; each load brings one day, and drops one. Both ends of a comparison are the same store.
"""

import json
import resource
import sys
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import SourceLoad, planned_loads
from assets.features.online.loading import Loader, StoreLoad
from assets.features.online.tile_support import tilings_of
from assets.vocabulary import Events, FeatureSet, days
from pipelines.card_fraud.product import PRODUCT
from resources.lake import Lake
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore
from tests.support.servers.redis_server import RedisServer

SOURCE = "card_transactions"
KEPT = 90
A_DAY = 2_800
CUSTOMERS = 10_000
ACTIVE = CUSTOMERS // 20
HISTORIES = (100, 200)
_FIRST = date(2025, 1, 1)
_TIMES = 2

EVENTS = Events(SOURCE, key="card_id")
KERNEL = compile_features(
    FeatureSet(history=(EVENTS.count(days(30)), EVENTS.sum("amount", days(KEPT)))), PRODUCT.resolutions
)
TILINGS = {(tiling.source, tiling.key): tiling for tiling in tilings_of(KERNEL)}


def rows(number: int) -> pa.Table:
    """The events of a day, in the order of their moments."""
    random = np.random.default_rng(number)
    day = _FIRST + timedelta(days=number)
    start = int(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000
    moments = pa.array(np.sort(start + random.integers(0, 86_400_000_000, A_DAY)), pa.int64()).cast(TIMESTAMP)
    active = random.choice(CUSTOMERS, ACTIVE, replace=False)
    return pa.table(
        {
            "transaction_id": np.arange(A_DAY) + number * A_DAY,
            "card_id": [f"C{n}" for n in random.choice(active, A_DAY)],
            "amount": np.round(random.gamma(2.0, 40.0, A_DAY), 2),
            "event_time": moments,
            "known_at": moments,
            "day": pa.array([day] * A_DAY, pa.date32()),
        }
    )


def put(lake: Lake, first: int, last: int) -> None:
    """Days of the source, each a commit."""
    for number in range(first, last):
        lake.replace(f"card_fraud/validated_{SOURCE}", rows(number), days=[_FIRST + timedelta(days=number)])


def loads(lake: Lake, last: int) -> tuple[SourceLoad, ...]:
    """The loads after so many days."""
    now = datetime.combine(_FIRST + timedelta(days=last), time(2), UTC)
    return planned_loads(PRODUCT, KERNEL, lake, validated={SOURCE: frozenset()}, now=now)


def worked(lake: Lake, store: OnlineStore, last: int, whole: str) -> tuple[float, StoreLoad]:
    """Seconds of this process's processors for one load, and the load."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    done = Loader(PRODUCT, KERNEL, TILINGS, lake, store).load(loads(lake, last), whole=whole)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def of_store(lake: Lake, url: str, history: int) -> dict[str, Any]:
    """Loads of the last days of a history: each of changes, and then again of everything."""
    changes, everything = [], []
    with closing(open_store(url, PRODUCT.name)) as store:
        worked(lake, store, history - _TIMES, "first")
        for last in range(history - _TIMES + 1, history + 1):
            seconds, done = worked(lake, store, last, "")
            if done.loaded != "changes alone":
                raise AssertionError(f"{url}: loaded {done.loaded}")
            changes.append(seconds)
            seconds, again = worked(lake, store, last, "for comparison")
            everything.append(seconds)
            if {n: s.rows for n, s in again.state.sources.items()} != {
                n: s.rows for n, s in done.state.sources.items()
            }:
                raise AssertionError(f"{url}: a load of changes has other rows")
    return {
        "changes_s": round(min(changes), 3),
        "everything_s": round(min(everything), 3),
        "share": round(min(changes) / min(everything), 3),
    }


def measure(histories: tuple[int, ...] = HISTORIES) -> dict[str, Any]:
    """Both stores, over histories of several lengths."""
    found: dict[str, Any] = {"kept_days": KEPT, "events_a_day": A_DAY, "customers": CUSTOMERS}
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as place:
        folder, made = Path(place), 0
        lake = Lake(str(folder / "lake"))
        with RedisServer(folder) as server:
            for history in histories:
                put(lake, made, history)
                made = history
                found[f"lmdb_{history}_days"] = of_store(lake, f"lmdb://{folder}/{history}", history)
                found[f"redis_{history}_days"] = of_store(lake, server.url, history)
    first, last = (found[f"lmdb_{history}_days"]["changes_s"] for history in (histories[0], histories[-1]))
    found["growth"] = round(last / first, 2)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
