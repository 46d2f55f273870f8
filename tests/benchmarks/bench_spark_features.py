"""The Spark feature job from files to files, against DuckDB and Spark's own window functions.

    python -m tests.benchmarks.bench_spark_features [--events N] [--rows N] [--repeats N] [--growth]

Prints one JSON object. All read the same Parquet files (one a day) and write one Parquet file a day: count, sum and
maximum of one entity's events over 7, 30 and 90 days. Their values are compared before any timing. Runs alternate, and
a ratio is the median over pairs of runs. The first run of each, which starts its session, does not count. The run of
only the last day comes after the kernel's, when the peers' processes are idle. DuckDB has its own environment, which
`make bench` makes from requirements-peers.lock.

`--growth`, or LOOPLINE_BENCH_GROWTH=1, adds the job from one to fifty million events: seconds, memory, exponent.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem
from pyspark.sql import SparkSession

from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.table.data_files import DataFiles, TableVersion
from assets.features.table.feature_table import SpineColumns
from assets.features.table.spark_job import run
from assets.vocabulary import Events, FeatureSet, days
from resources.lake.parquet import write_parquet
from resources.spark.sessions import SparkSessions
from tests.benchmarks.processes import PEERS, PeakMemory

WINDOWS = (7, 30, 90)
DAYS = 180
FIRST = date(2026, 1, 1)
LAST = FIRST + timedelta(days=DAYS - 1)
DAY = 86_400_000_000
_START = (FIRST - date(1970, 1, 1)).days * DAY
_MICROS = pa.timestamp("us", tz="UTC")
SIZES = (1_000_000, 5_000_000, 20_000_000, 50_000_000)
GROW = os.environ.get("LOOPLINE_BENCH_GROWTH") == "1"
NAMES = tuple(f"{kind}_{n}d" for n in WINDOWS for kind in ("count", "sum", "max"))


def kernel() -> Kernel:
    """Counts, sums and maxima over the three windows."""
    events = Events("events", key="entity")
    history = [
        feature
        for n in WINDOWS
        for feature in (
            events.count(days(n), name=f"count_{n}d"),
            events.sum("amount", days(n), name=f"sum_{n}d"),
            events.max("amount", days(n), name=f"max_{n}d"),
        )
    ]
    return compile_features(FeatureSet(history=history), {"events": {"amount": 0.01}})


class History:
    """Events and rows to be decided, generated from a seed, in the lake's layout: a file for each day."""

    def __init__(self, folder: Path, events: int, rows: int, skew: float = 0.0) -> None:
        """`skew` is the share of events and rows that belong to one entity."""
        random = np.random.default_rng(0)
        self.entities = max(1, events // 200)
        self.events = self._write(folder / "events", random, events, skew, spine=False)
        self.spine = self._write(folder / "spine", random, rows, skew, spine=True)

    def _write(self, folder: Path, random: np.random.Generator, size: int, skew: float, *, spine: bool) -> DataFiles:
        paths = []
        for number in range(DAYS):
            first, last = size * number // DAYS, size * (number + 1) // DAYS
            count = last - first
            moments = pa.array(np.sort(random.integers(0, DAY, count)) + _START + number * DAY, _MICROS)
            entity = np.where(random.random(count) < skew, 0, random.integers(0, self.entities, count))
            columns = {"entity": entity, "event_time": moments, "known_at": moments}
            columns |= {"row_id": np.arange(first, last)} if spine else {}
            columns |= {} if spine else {"amount": np.round(random.exponential(60, count), 2)}
            path = folder / f"day={FIRST + timedelta(number)}" / "part.parquet"
            path.parent.mkdir(parents=True)
            write_parquet(pa.table(columns), str(path), LocalFileSystem())
            paths.append(str(path))
        return files_of(folder.name, paths)


def files_of(table: str, paths: list[str]) -> DataFiles:
    """Some files of a table, which has the columns of the last file."""
    return DataFiles(TableVersion(table, pq.read_schema(paths[-1])), tuple(paths))


def by_job(spark: SparkSession, compiled: Kernel, history: History, target: Path) -> float:
    """Seconds of the product's own job over all days."""
    began = time.perf_counter()
    run(
        lambda: spark, compiled, events={"events": history.events}, spine=history.spine, days=(FIRST, LAST),
        columns=SpineColumns(row_id="row_id"), target=target,
    )  # fmt: skip
    return time.perf_counter() - began


def by_job_of_last_day(spark: SparkSession, compiled: Kernel, history: History, target: Path) -> float:
    """Seconds of the product's own job over the last day alone, given the files that its windows reach."""
    began = time.perf_counter()
    run(
        lambda: spark, compiled, events={"events": _last(history.events, max(WINDOWS) + 2)},
        spine=_last(history.spine, 1), days=(LAST, LAST), columns=SpineColumns(row_id="row_id"), target=target,
    )  # fmt: skip
    return time.perf_counter() - began


def _last(files: DataFiles, count: int) -> DataFiles:
    return DataFiles(files.table, files.paths[-count:])


def by_kernel(compiled: Kernel, history: History) -> float:
    """Seconds of the kernel alone, on one core, over tables in memory."""
    events, spine = (
        pa.concat_tables(pq.ParquetFile(path).read() for path in files.paths)
        for files in (history.events, history.spine)
    )
    spine = spine.rename_columns({"event_time": "as_of"})
    began = time.perf_counter()
    compiled.compute({"events": events}, spine)
    return time.perf_counter() - began


def by_duckdb(python: str, folder: Path, target: Path | None, cores: int) -> float:
    """Seconds of DuckDB from files to files; without a target, only of its windows over loaded tables."""
    given = {
        "events": f"{folder}/events/*/*.parquet", "spine": f"{folder}/spine/*/*.parquet",
        "target": None if target is None else str(target), "windows": WINDOWS, "threads": cores,
    }  # fmt: skip
    command = [python, str(Path(__file__).with_name("peer_duckdb.py")), json.dumps(given)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout)["seconds"])


@contextmanager
def spark_windows(folder: Path, cores: int) -> Iterator[Callable[[Path], float]]:
    """Seconds of Spark's window functions, in their own long-lived session."""
    command = [sys.executable, "-m", "tests.benchmarks.peer_spark_windows", str(folder), str(cores)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:

        def write(target: Path) -> float:
            assert peer.stdin is not None
            assert peer.stdout is not None
            peer.stdin.write(f"{target}\n")
            peer.stdin.flush()
            return float(peer.stdout.readline())

        yield write


@contextmanager
def session(folder: Path, cores: int) -> Iterator[SparkSession]:
    """The product's session on some local cores."""
    sessions = SparkSessions(f"local[{cores}]", folder)
    try:
        yield sessions.session()
    finally:
        sessions.stop()


def values(target: Path) -> np.ndarray:
    """The written values in order of row_id: float64 [rows, 1 + features]."""
    found = ds.dataset(target, format="parquet").to_table(columns=["row_id", *NAMES]).sort_by("row_id")
    return np.column_stack([column.cast(pa.float64()).to_numpy() for column in found.columns])


def growth(sizes: tuple[int, ...], cores: int) -> dict[str, Any]:
    """Seconds and peak memory of the job as events and entities grow, and the exponent of the time's growth.

    Each history has its own session. The job runs twice over all days, then twice over the last day; the second counts.
    """
    points = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
            folder = Path(name)
            history = History(folder, size, size // 10)
            with session(folder / "home", cores) as spark, PeakMemory() as peak:
                by_job(spark, kernel(), history, folder / "first")
                seconds = by_job(spark, kernel(), history, folder / "second")
                by_job_of_last_day(spark, kernel(), history, folder / "first-day")
                day = by_job_of_last_day(spark, kernel(), history, folder / "second-day")
        point = {"events": size, "seconds": round(seconds, 2), "peak_gb": round(peak.bytes / 2**30, 2)}
        points.append(point | {"last_day_over_job": round(day / seconds, 3)})
    logarithms = np.log([[point["events"], point["seconds"]] for point in points])
    return {"points": points, "exponent": round(float(np.polyfit(*logarithms.T, 1)[0]), 3)}


def measure(
    events: int = 5_000_000, rows: int = 500_000, repeats: int = 3, peers: str = PEERS, grow: bool = GROW
) -> dict[str, Any]:
    """All times and ratios.

    Raises:
        AssertionError: Two of the jobs disagree.
    """
    cores, compiled = os.cpu_count() or 1, kernel()
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
        folder = Path(name)
        history = History(folder, events, rows)
        with session(folder / "home", cores) as spark, spark_windows(folder, cores) as windows:
            runs = []
            for number in range(repeats + 1):
                out = folder / f"out-{number}"
                out.mkdir()
                runs.append(
                    {
                        "job": by_job(spark, compiled, history, out / "job"),
                        "duckdb": by_duckdb(peers, folder, out / "duckdb", cores),
                        "spark_windows": windows(out / "spark_windows"),
                        "kernel": by_kernel(compiled, history),
                        "last_day": by_job_of_last_day(spark, compiled, history, out / "day"),
                        "duckdb_in_memory": by_duckdb(peers, folder, None, cores),
                    }
                )
            expected = values(folder / "out-0" / "job")
            for peer in ("duckdb", "spark_windows"):
                np.testing.assert_allclose(values(folder / "out-0" / peer), expected, rtol=1e-9)
    counted = runs[1:]

    def ratio(one: str, other: str) -> float:
        return round(statistics.median(times[one] / times[other] for times in counted), 3)

    found = {
        "events": events,
        "rows": rows,
        "cores": cores,
        "load": round(os.getloadavg()[0], 1),
        "seconds": {name: round(statistics.median(times[name] for times in counted), 2) for name in counted[0]},
        "job_over_duckdb": ratio("job", "duckdb"),
        "spark_windows_over_job": ratio("spark_windows", "job"),
        "duckdb_over_kernel": ratio("duckdb_in_memory", "kernel"),
        "last_day_over_job": ratio("last_day", "job"),
    }
    return found | ({"growth": growth(SIZES, cores)} if grow else {})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="The Spark feature job against its peers")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=PEERS, help="a Python that has DuckDB")
    parser.add_argument("--growth", action="store_true", default=GROW)
    given = parser.parse_args()
    print(json.dumps(measure(given.events, given.rows, given.repeats, given.peers, given.growth), indent=2))


if __name__ == "__main__":
    main()
