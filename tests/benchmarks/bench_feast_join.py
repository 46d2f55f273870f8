"""Feature values as of each row of a training set, joined by the kernel and by Feast's local offline store.

    python -m tests.benchmarks.bench_feast_join [--card FOLDER] [--rows N] [--repeats N]

Prints one JSON object. The rows are card transactions: half a year of 5,000 customers from a seed, or the published
ones in the monthly files that `--card`, or LOOPLINE_CARD_TRANSACTIONS, names. Feast does not aggregate: it joins
each row with the latest of its customer's precomputed values. So both sides read the same Parquet file of values (count
and mean amount of each customer over 1, 7 and 30 days, computed once a week) and the same Parquet file of rows, and
return a table in memory; the kernel uses six features `last`. The tables are compared bit for bit before any timing.

Feast first joins every row with all values of its customer and then selects: time and memory grow with the product of
the two, so daily instead of weekly values would take about seven times as much of both. Feast also keeps only one of
several rows with the same customer and moment, and drops rows before a customer's first values; so the data has no such
rows.

`fresh` is a harder task, which Feast does not offer: the kernel computes the same six aggregates from the transactions
themselves, as of each row instead of as of the week before.

Each side runs in its own long-lived process after a small warm-up; runs alternate, and a ratio is the median over pairs
of runs. Peak memory is that of the whole process. If memory does not suffice for Feast, fewer customers are taken:
`rows` is the number of rows that remain. Feast has its own environment, made from requirements-peers.lock.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from assets.features.kernel.kernel import Kernel, compile_features
from assets.vocabulary import Events, FeatureSet, days
from tests.benchmarks.processes import PEERS, PeakMemory, Peer

ROWS = 1_750_000
CARD = os.environ.get("LOOPLINE_CARD_TRANSACTIONS")
WINDOWS = (1, 7, 30)
EVERY_DAYS = 7
NAMES = tuple(f"{kind}_{n}d" for n in WINDOWS for kind in ("count", "mean_amount"))
_KEY, _TIME = "customer_id", "event_timestamp"
_DAY = 86_400_000_000
_MICROS = pa.timestamp("us", tz="UTC")
_SMALL = 20_000
_FEAST_BYTES_A_ROW = 8_000  # of the spine, with 27 weeks of values; 5,100 were measured


def aggregates() -> Kernel:
    """Count and mean amount of a customer's transactions over each window."""
    card = Events("card", key=_KEY)
    history = [
        feature
        for n in WINDOWS
        for feature in (
            card.count(days(n), name=f"count_{n}d"),
            card.mean("amount", days(n), name=f"mean_amount_{n}d", empty=0),
        )
    ]
    return compile_features(FeatureSet(history=history), {"card": {"amount": 0.01}})


def latest() -> Kernel:
    """The last value of each column of the file of values."""
    values = Events("values", key=_KEY)
    return compile_features(FeatureSet(history=[values.last(name, name=name) for name in NAMES]), {"values": {}})


def synthetic(rows: int, customers: int = 5_000, seed: int = 0) -> pa.Table:
    """Transactions from 2018-04-01 to 2018-09-30, to the second."""
    random = np.random.default_rng(seed)
    first, last = (int((day - date(1970, 1, 1)).days) * _DAY for day in (date(2018, 4, 1), date(2018, 10, 1)))
    moments = np.sort(random.integers(first // 1_000_000, last // 1_000_000, rows)) * 1_000_000
    return pa.table(
        {
            _KEY: random.integers(0, customers, rows),
            "event_time": pa.array(moments, _MICROS),
            "amount": np.round(random.exponential(60, rows), 2),
        }
    )


def published(folder: Path) -> pa.Table:
    """The transactions of the Fraud Detection Handbook, from its monthly Parquet files.

    Raises:
        FileNotFoundError: The folder has no Parquet file.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"{folder} has no *.parquet; name the folder of the published monthly files, or none")
    names = ["CUSTOMER_ID", "TX_DATETIME", "TX_AMOUNT"]
    table = pa.concat_tables(pq.ParquetFile(file).read(columns=names).select(names) for file in files)
    moments = table["TX_DATETIME"].cast(pa.timestamp("us")).cast(_MICROS)
    return pa.table({_KEY: table["CUSTOMER_ID"].cast(pa.int64()), "event_time": moments, "amount": table["TX_AMOUNT"]})


def of_some(transactions: pa.Table, rows: int) -> pa.Table:
    """All transactions of some customers, about as many transactions as requested."""
    customer = transactions[_KEY].to_numpy()
    share = rows / len(customer)
    return transactions if share >= 1 else transactions.filter(pa.array(customer < share * (customer.max() + 1)))


class Files:
    """The input of both sides, `values.parquet`, `spine.parquet` and `small.parquet`, and the input of `fresh`."""

    def __init__(self, folder: Path, transactions: pa.Table) -> None:
        """Computes the values of all customers, once a week from the first midnight."""
        self.folder = folder
        customers = np.unique(transactions[_KEY].to_numpy())
        micros = transactions["event_time"].cast(pa.int64()).to_numpy()
        weeks = np.arange(micros.min() // _DAY, micros.max() // _DAY + 1, EVERY_DAYS) * _DAY
        grid = {_KEY: np.tile(customers, len(weeks)), "as_of": pa.array(np.repeat(weeks, len(customers)), _MICROS)}
        events = transactions.append_column("known_at", transactions["event_time"])
        found = aggregates().compute({"card": events}, pa.table(grid))
        values = pa.table({_KEY: grid[_KEY], _TIME: grid["as_of"]} | dict(zip(NAMES, found.columns, strict=True)))
        # Feast keeps one row for an entity and moment, so the rows to be joined have no duplicates.
        _, first = np.unique(np.stack([transactions[_KEY].to_numpy(), micros]), axis=1, return_index=True)
        own = transactions.take(pa.array(np.sort(first)))
        spine = pa.table({"row_id": np.arange(len(own)), _KEY: own[_KEY], _TIME: own["event_time"]})
        self.rows, self.values, self.customers = len(spine), len(values), len(customers)
        small = spine.slice(0, _SMALL)
        named = {"values": values, "spine": spine, "small": small, "transactions": transactions}
        for name, table in named.items():
            pq.write_table(table, self.path(name), compression="zstd")

    def path(self, name: str) -> Path:
        """The path of a file."""
        return self.folder / f"{name}.parquet"


@dataclass(frozen=True)
class Run:
    """Wall seconds, processor seconds and, of this process, the peak memory in bytes."""

    seconds: float
    cpu_seconds: float
    peak: int = 0


def by_feast(feast: Peer, spine: Path, target: Path) -> Run:
    """The join by Feast, into a table in its memory, which it then writes to the target."""
    answer = feast.ask("join", spine=str(spine), target=str(target))
    return Run(answer["seconds"], answer["cpu_seconds"])


def by_kernel(kernel: Kernel, events: Path, spine: Path) -> tuple[Run, pa.Table]:
    """The kernel over two files, into a table in memory: the spine's columns and the features."""
    with PeakMemory(alone=True) as peak:
        began, begun = time.perf_counter(), time.process_time()
        found = joined(kernel, events, spine)
        seconds, worked = time.perf_counter() - began, time.process_time() - begun
    return Run(seconds, worked, peak.bytes), found


def joined(kernel: Kernel, events: Path, spine: Path) -> pa.Table:
    """The rows of a file with features over the events of another file; the events are known when they happen."""
    (need,) = kernel.needs
    happened = pq.ParquetFile(events).read()
    happened = happened.rename_columns(["event_time" if name == _TIME else name for name in happened.schema.names])
    happened = happened.append_column("known_at", happened["event_time"])
    rows = pq.ParquetFile(spine).read()
    asked = rows.rename_columns(["as_of" if name == _TIME else name for name in rows.schema.names])
    found = kernel.compute({need.source: happened}, asked)
    for name in found.schema.names:
        rows = rows.append_column(name, found[name])
    return rows


def numbers(table: pa.Table) -> np.ndarray:
    """The values in order of row_id: float64 [rows, 1 + features]."""
    ordered = table.select(["row_id", *NAMES]).sort_by("row_id")
    return np.column_stack([column.cast(pa.float64()).to_numpy() for column in ordered.columns])


def measure(card: str | None = CARD, rows: int = ROWS, repeats: int = 3, peers: str = PEERS) -> dict[str, Any]:
    """Seconds, memory and ratios.

    Raises:
        AssertionError: The two tables disagree.
    """
    possible = int(psutil.virtual_memory().available / _FEAST_BYTES_A_ROW)
    transactions = of_some(published(Path(card)) if card else synthetic(ROWS), min(rows, possible))
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
        files = Files(Path(name), transactions)
        del transactions
        last, fresh, target = latest(), aggregates(), files.path("joined")
        values, spine, raw = files.path("values"), files.path("spine"), files.path("transactions")
        runs: list[dict[str, Run]] = []
        with Peer(peers, "peer_feast.py", name) as feast, PeakMemory(feast.process) as memory:
            by_feast(feast, files.path("small"), target)
            by_kernel(last, values, files.path("small"))
            by_kernel(fresh, raw, files.path("small"))
            for _ in range(repeats):
                theirs = by_feast(feast, spine, target)
                ours, found = by_kernel(last, values, spine)
                if not runs:
                    np.testing.assert_array_equal(numbers(pq.ParquetFile(target).read()), numbers(found))
                del found
                runs.append({"feast": theirs, "loopline": ours, "loopline_fresh": by_kernel(fresh, raw, spine)[0]})
    peaks = {who: max(run[who].peak for run in runs) for who in runs[0]} | {"feast": memory.bytes}

    def median(value: Callable[[dict[str, Run]], float], digits: int) -> float:
        return round(statistics.median(map(value, runs)), digits)

    return {
        "data": "published" if card else "synthetic",
        "rows": files.rows,
        "customers": files.customers,
        "rows_of_values": files.values,
        "features": len(NAMES),
        "load": round(os.getloadavg()[0], 1),
        "seconds": {who: median(lambda run, who=who: run[who].seconds, 2) for who in peaks},
        "cpu_seconds": {who: median(lambda run, who=who: run[who].cpu_seconds, 2) for who in peaks},
        "peak_gb": {who: round(size / 2**30, 2) for who, size in peaks.items()},
        "feast_over_loopline": median(lambda run: run["feast"].seconds / run["loopline"].seconds, 1),
        "feast_over_loopline_cpu": median(lambda run: run["feast"].cpu_seconds / run["loopline"].cpu_seconds, 1),
        "feast_over_loopline_fresh": median(lambda run: run["feast"].seconds / run["loopline_fresh"].seconds, 1),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="The kernel's join against Feast's")
    parser.add_argument("--card", default=CARD, help="the folder of the published monthly files")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=PEERS, help="a Python that has Feast")
    given = parser.parse_args()
    print(json.dumps(measure(given.card, given.rows, given.repeats, given.peers), indent=2))


if __name__ == "__main__":
    main()
