"""Validated days of one backfill, against reading and writing the same bytes with pyarrow.

    python -m tests.benchmarks.bench_days [--rows N] [--days N] [--repeats N]

Prints one JSON object. A run of Dagster validates days of card transactions, of which one in two hundred breaks the
contract: one day, then all days in one run. The peer reads the raw files of the same days, and writes tables with the
rows that the run wrote, in as many files, compressed as the lake's files are; it judges nothing. Both are warm, the
runs alternate, and a ratio is the median over pairs of runs. Of one day most is Dagster's: a run of an asset that does
nothing is measured beside it.

Memory is the peak of a process of its own that validates some days, for a twelfth of the days and for all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assets.ingestion.landing import as_raw
from assets.product import Partitions
from assets.validation.assets import validated_asset
from pipelines.products import load_product
from resources.dagster.json_values import JsonValues
from resources.environments import load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.processes.beginning import begin_process
from resources.sources.readers import DayRows
from resources.spark.sessions import SparkSessions
from tests.benchmarks.processes import PeakMemory

ROWS, DAYS = 20_000, 365
FIRST = date(2025, 1, 1)
PRODUCT = load_product("card_fraud")
SOURCE = PRODUCT.source("card_transactions")
RAW, VALIDATED, QUARANTINE = (f"card_fraud/{kind}_{SOURCE.name}" for kind in ("raw", "validated", "quarantine"))


def fill(home: Path, rows: int, days: int) -> None:
    """Writes the raw table: so many rows a day, from a seed."""
    environment, random = load_environment({"LOOPLINE_HOME": str(home)}), np.random.default_rng(0)
    contract, lake = PRODUCT.contract(SOURCE.name), Lake(environment.lake)
    files = []
    for number in range(days):
        day = FIRST + timedelta(number)
        seconds = np.sort(random.integers(0, 86_400, rows)) + np.datetime64(day, "s").astype(np.int64)
        times = np.char.add(np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s"), "Z")
        amounts = np.char.mod("%.2f", random.exponential(60, rows)).astype(object)
        amounts[::200] = "much"
        table = pa.table(
            {
                "transaction_id": (np.arange(rows) + number * rows).astype(str),
                "card_id": np.char.add("c", random.integers(0, 5_000, rows).astype(str)),
                "terminal_id": np.char.add("t", random.integers(0, 1_000, rows).astype(str)),
                "event_time": times,
                "known_at": times,
                "amount": pa.array(amounts, pa.string()),
            }
        )
        arrived = as_raw(contract, DayRows(day, table, ())).table
        files += lake.write(RAW, arrived, days=[day])
    lake.commit_files(RAW, arrived.schema, files, days=[FIRST + timedelta(n) for n in range(days)])


def by_run(home: Path, days: int) -> float:
    """Seconds of a run of the last days."""
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    lake = Lake(environment.lake)
    last = lake.days(RAW)[-1]
    resources = {
        "lake": lake,
        "keys": Keys.of(home),
        "environment": environment,
        "io_manager": JsonValues(folder=str(home / "values")),
        "spark": SparkSessions("local[*]", home),
    }
    asset = validated_asset(PRODUCT, SOURCE, Partitions("day", FIRST))
    tags = {
        "dagster/asset_partition_range_start": (last - timedelta(days - 1)).isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        assert dg.materialize([asset], resources=resources, tags=tags, instance=instance).success
        return time.perf_counter() - began


def by_dagster(first: date) -> float:
    """Seconds of a run of one day of an asset that does nothing."""

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(first.isoformat()), backfill_policy=dg.BackfillPolicy.single_run()
    )
    def nothing() -> None:
        return None

    range_ = dict.fromkeys(("dagster/asset_partition_range_start", "dagster/asset_partition_range_end"), str(first))
    with dg.DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        assert dg.materialize([nothing], tags=range_, instance=instance).success
        return time.perf_counter() - began


def by_pyarrow(lake: Lake, days: int, folder: Path) -> float:
    """Seconds of reading the raw files of the last days, and of writing the rows that the run wrote."""
    wanted = lake.days(RAW)[-days:]
    outcome = [
        pq.read_table(path, partitioning=None)
        for table in (VALIDATED, QUARANTINE)
        for path in lake.paths(table, days=wanted)
    ]
    folder.mkdir()
    raw = lake.paths(RAW, days=wanted)
    began = time.perf_counter()
    for path in raw:
        pq.read_table(path, partitioning=None)
    for number, table in enumerate(outcome):
        pq.write_table(table, folder / f"{number}.parquet", compression="zstd", write_page_checksum=True)
    return time.perf_counter() - began


def peak(home: Path, days: int) -> int:
    """Peak memory in bytes of a process that validates the last days."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_days", "--validate", str(home), "--days", str(days)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def measure(rows: int = ROWS, days: int = DAYS, repeats: int = 3) -> dict[str, Any]:
    """Times, ratios and memory."""
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
        home = Path(name)
        fill(home, rows, days)
        lake = Lake(load_environment({"LOOPLINE_HOME": name}).lake)
        by_run(home, days)  # Great Expectations is loaded, and the peer has rows to write
        found: dict[str, Any] = {"rows_a_day": rows, "days": days}
        for count in (1, days):
            runs = [(by_run(home, count), by_pyarrow(lake, count, home / f"peer-{count}-{n}")) for n in range(repeats)]
            found[f"{count}_days"] = _figures(runs)
        found["empty_run_seconds"] = round(statistics.median(by_dagster(FIRST) for _ in range(repeats + 1)), 3)
        peaks = {count: peak(home, count) for count in (max(1, days // 12), days)}
    few, many = peaks.values()
    memory = {str(count): round(size / 2**20) for count, size in peaks.items()}
    return found | {"peak_mb": memory, "peak_of_all_over_twelfth": round(many / few, 2), "load": _load()}


def _figures(runs: Sequence[tuple[float, float]]) -> dict[str, float]:
    ours, theirs = (statistics.median(times) for times in zip(*runs, strict=True))
    ratio = statistics.median(one / other for one, other in runs)
    return {"seconds": round(ours, 3), "pyarrow_seconds": round(theirs, 3), "run_over_pyarrow": round(ratio, 2)}


def _load() -> float:
    return round(os.getloadavg()[0], 1)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Validated days of one backfill against pyarrow's reading and writing")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--validate", type=Path, help="only validate the days of this home, and print the peak memory")
    given = parser.parse_args()
    begin_process()  # as the command does
    if given.validate is not None:
        with PeakMemory(alone=True) as memory:
            by_run(given.validate, given.days)
        print(json.dumps({"peak": memory.bytes}))
    else:
        print(json.dumps(measure(given.rows, given.days, given.repeats), indent=2))


if __name__ == "__main__":
    main()
