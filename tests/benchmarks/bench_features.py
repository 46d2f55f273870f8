"""Speed of the kernel, compared with Spark's window functions and pandas' rolling windows on the same data.

Run as `python -m tests.benchmarks.bench_features [--events N] [--rows N]`; prints one JSON object. All three compute
counts, sums and means over three windows of one entity's events, for rows among those events; their values are compared
before any timing. Times depend on the machine; the ratios matter.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as sf

from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.online.request import compute_one
from assets.vocabulary import Events, FeatureSet, days
from resources.spark.sessions import SparkSessions

WINDOWS = (7, 30, 90)
DAY = 86_400_000_000
MICROS = pa.timestamp("us", tz="UTC")
NAMES = tuple(f"{kind}_{n}d" for n in WINDOWS for kind in ("count", "sum", "mean"))


def kernel() -> Kernel:
    """Counts, sums and means over the three windows."""
    events = Events("events", key="entity")
    history = [
        feature
        for n in WINDOWS
        for feature in (
            events.count(days(n), name=f"count_{n}d"),
            events.sum("amount", days(n), name=f"sum_{n}d"),
            events.mean("amount", days(n), name=f"mean_{n}d"),
        )
    ]
    return compile_features(FeatureSet(history=history), {"events": {"amount": 0.01}})


def history(events: int, rows: int, entities: int) -> tuple[pa.Table, pa.Table]:
    """Two years of events, and rows to decide at the moments of some of them (no two events at one moment)."""
    random = np.random.default_rng(0)
    moments = np.sort(random.choice(730 * DAY // 1_000, events, replace=False)) * 1_000
    entity = random.integers(0, entities, events)
    amount = np.round(random.exponential(60, events), 2)
    stamps = pa.array(moments, MICROS)
    table = pa.table({"entity": entity, "event_time": stamps, "known_at": stamps, "amount": amount})
    chosen = np.sort(random.choice(events, rows, replace=False))
    return table, pa.table({"entity": entity[chosen], "as_of": pa.array(moments[chosen], MICROS)})


def by_pandas(events: pd.DataFrame, spine: pd.DataFrame) -> np.ndarray:
    """Rolling windows over every event, then selects the requested rows."""
    ordered = events.sort_values(["entity", "event_time"], ignore_index=True)
    grouped = ordered.set_index("event_time").groupby("entity")["amount"]
    for n in WINDOWS:
        rolling = grouped.rolling(f"{n}D")
        for kind in ("count", "sum", "mean"):
            ordered[f"{kind}_{n}d"] = getattr(rolling, kind)().to_numpy()
    asked = spine.merge(ordered, left_on=["entity", "as_of"], right_on=["entity", "event_time"], how="left")
    return asked[list(NAMES)].to_numpy()


def by_spark(events: DataFrame, spine: DataFrame) -> DataFrame:
    """Range windows over every event, then selects the requested rows."""
    moment = sf.unix_micros("event_time")
    frame = events
    for n in WINDOWS:
        window = Window.partitionBy("entity").orderBy(moment).rangeBetween(-(n * DAY - 1), 0)
        for kind, aggregate in (("count", sf.count), ("sum", sf.sum), ("mean", sf.avg)):
            frame = frame.withColumn(f"{kind}_{n}d", aggregate("amount").over(window))
    renamed = spine.withColumnRenamed("as_of", "event_time")
    return frame.join(renamed, ["entity", "event_time"], "left_semi").orderBy("event_time").select(*NAMES)


def timed(work: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    """Seconds of the fastest of some runs, and its result."""
    best, value = np.inf, np.empty(0)
    for _ in range(repeats):
        start = time.perf_counter()
        value = work()
        best = min(best, time.perf_counter() - start)
    return best, value


def one_decision(compiled: Kernel, events: int = 500, repeats: int = 2_000) -> dict[str, float]:
    """Milliseconds of the features of one request of an entity with this many events."""
    table, spine = history(events, 1, 1)
    own = {("events", "entity"): table.drop_columns("entity")}
    spans = []
    for _ in range(repeats):
        start = time.perf_counter()
        compute_one(compiled, own, spine)
        spans.append(1_000 * (time.perf_counter() - start))
    return {"p50_ms": round(float(np.median(spans)), 3), "p99_ms": round(float(np.percentile(spans, 99)), 3)}


@contextmanager
def session() -> Iterator[SparkSession]:
    """Spark on two local cores."""
    with tempfile.TemporaryDirectory() as home:
        sessions = SparkSessions("local[2]", Path(home))
        try:
            yield sessions.session()
        finally:
            sessions.stop()


def measure(events: int = 300_000, rows: int = 30_000) -> dict[str, Any]:
    """All times and ratios.

    Raises:
        AssertionError: Two of the three disagree.
    """
    compiled = kernel()
    table, spine = history(events, rows, max(1, events // 200))
    seconds: dict[str, float] = {}
    seconds["kernel"], expected = timed(
        lambda: np.column_stack([c.to_numpy() for c in compiled.compute({"events": table}, spine).columns]), 3
    )
    frames = table.to_pandas(), spine.to_pandas()
    seconds["pandas"], found = timed(lambda: by_pandas(*frames), 1)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    with session() as spark:
        distributed = tuple(spark.createDataFrame(part).cache() for part in (table, spine))
        for part in distributed:
            part.count()
        seconds["spark_windows"], found = timed(
            lambda: np.array([list(row) for row in by_spark(*distributed).collect()], np.float64), 2
        )
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    return {
        "events": events,
        "rows": rows,
        "features": len(NAMES),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "times_the_kernel": {name: round(value / seconds["kernel"], 1) for name, value in seconds.items()},
        "one_decision": one_decision(compiled),
    }


def main(arguments: list[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rows", type=int, default=30_000)
    options = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(measure(options.events, options.rows)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
