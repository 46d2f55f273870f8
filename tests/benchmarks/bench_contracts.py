"""A contract over a day of raw rows, against DuckDB on the same predicates and Great Expectations by default.

    python -m tests.benchmarks.bench_contracts [--rows N] [--repeats N] [--without-duckdb]

Prints one JSON object. Loopline and DuckDB read the same Parquet file of texts, judge every row by the same rules
(types, presence, times, steps of cents, a unique key, a range, a set, a pattern), and write the valid rows typed and
the quarantine with the reason, the value and the row. Of the rows, one in ten breaks a rule, then one in a hundred. How
many rows break each rule is compared before any timing.

Great Expectations has the easier task: it is given the typed rows in memory, and says with its default settings how
many rows fail each of the expectations that state the same rules; it separates no rows. Its seconds are those of
`validate` alone, the first run does not count. Runs alternate; a ratio is the median over pairs of runs. DuckDB has its
own environment, which `make bench` makes from requirements-peers.lock.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from assets.ingestion.landing import as_raw
from assets.product import Column, Contract
from assets.validation.audit import audit
from assets.validation.rules.expectations import great_expectations, nullable
from assets.validation.rules.row_rules import typed_rows
from resources.lake.parquet import write_parquet
from resources.sources.readers import DayRows
from tests.benchmarks.processes import PEERS

ROWS = 1_000_000
SHARES = (0.1, 0.01)
DAY = date(2026, 1, 2)
KINDS = ("card", "cash", "transfer")
CONTRACT = Contract(
    source="payments",
    description="Payments.",
    owner="payments@bank.example",
    key=("id",),
    event_time="event_time",
    known_at="known_at",
    columns=(
        Column("id", "integer", ""),
        Column("account", "string", ""),
        Column("amount", "number", "", resolution=0.01),
        Column("kind", "string", ""),
        Column("event_time", "timestamp", ""),
        Column("known_at", "timestamp", ""),
    ),
    expectations=(
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "amount", "min_value": 0, "max_value": 1_000_000},
        },
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "kind", "value_set": list(KINDS)}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "account", "regex": "^a[0-9]+$"}},
    ),
    max_quarantined=1.0,
)
FAULTS = {
    "id": ("one", "7"), "account": ("b1", None), "amount": ("-1.00", "much", "0.005", None), "kind": ("cheque", None),
    "event_time": ("yesterday", f"{DAY}T23:30:00Z"), "known_at": ("2026-02-01T00:00:00Z", None),
}  # fmt: skip


def raw_rows(rows: int, share: float) -> pa.Table:
    """A day as it arrived, from a seed; about this share of its rows breaks a rule."""
    random = np.random.default_rng(0)
    moments = np.sort(random.integers(0, 23 * 3_600, rows)) * 1_000_000 + np.datetime64(DAY, "us").astype(np.int64)
    times = np.datetime_as_string(moments.astype("datetime64[us]"), unit="s")
    columns: dict[str, Any] = {
        "id": (np.arange(rows) + 1_000).astype(str).astype(object),
        "account": np.char.add("a", random.integers(0, 100_000, rows).astype(str)).astype(object),
        "amount": np.char.mod("%.2f", random.exponential(60, rows)).astype(object),
        "kind": np.array(KINDS, object)[random.integers(0, len(KINDS), rows)],
        "event_time": np.char.add(times, "Z").astype(object),
        "known_at": np.char.add(times, "Z").astype(object),
    }
    broken = np.flatnonzero(random.random(rows) < share)
    chosen = random.integers(0, len(FAULTS), len(broken))
    for number, (name, values) in enumerate(FAULTS.items()):
        at = broken[chosen == number]
        columns[name][at] = np.array(values, object)[random.integers(0, len(values), len(at))]
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return as_raw(CONTRACT, DayRows(DAY, table, ())).table


def by_loopline(raw: Path, folder: Path) -> tuple[float, dict[str, int]]:
    """Seconds from file to files, and how many rows break each rule."""
    began = time.perf_counter()
    found = audit(CONTRACT, pq.read_table(raw, partitioning=None), [DAY])
    for name in ("valid", "quarantine"):
        write_parquet(getattr(found, name), str(folder / f"{name}.parquet"), LocalFileSystem())
    return time.perf_counter() - began, dict(found.failed_by_rule)


def by_duckdb(python: str, raw: Path, folder: Path, cores: int) -> tuple[float, dict[str, int]]:
    """The same by DuckDB."""
    given = {name: str(folder / f"duckdb-{name}.parquet") for name in ("valid", "quarantine")}
    command = [python, str(Path(__file__).with_name("peer_duckdb_contracts.py"))]
    command.append(json.dumps({**given, "raw": str(raw), "threads": cores}))
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    said = json.loads(done.stdout)
    return float(said["seconds"]), said["failed"]


class ByDefault:
    """Great Expectations with its default settings, ready to validate."""

    def __init__(self, raw: Path) -> None:
        gx = great_expectations()
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("payments")
        self._rows = asset.add_batch_definition_whole_dataframe("all")
        self._frame: pd.DataFrame = nullable(typed_rows(CONTRACT, pq.read_table(raw, partitioning=None)))
        stated = [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": c.name}} for c in CONTRACT.columns
        ]
        stated.append({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}})
        stated.append(
            {
                "type": "expect_column_pair_values_a_to_be_greater_than_b",
                "kwargs": {"column_A": "known_at", "column_B": "event_time", "or_equal": True},
            }
        )
        stated.extend({"type": e["type"], "kwargs": dict(e["kwargs"])} for e in CONTRACT.expectations)
        self._suite = gx.ExpectationSuite(name="payments", expectations=stated)

    def seconds(self) -> float:
        """Seconds of one validation."""
        began = time.perf_counter()
        found = self._rows.get_batch({"dataframe": self._frame}).validate(self._suite)
        seconds = time.perf_counter() - began
        assert not any(result.exception_info.get("raised_exception") for result in found.results)
        return seconds


def compared(rows: int, share: float, repeats: int, peers: str | None) -> dict[str, Any]:
    """Times and ratios at one share of failing rows.

    Raises:
        AssertionError: Loopline and DuckDB disagree.
    """
    cores, runs = os.cpu_count() or 1, []
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
        folder = Path(name)
        raw = folder / "raw.parquet"
        write_parquet(raw_rows(rows, share), str(raw), LocalFileSystem())
        default = ByDefault(raw)
        for _ in range(repeats + 1):
            seconds, failed = by_loopline(raw, folder)
            times = {"loopline": seconds}
            if peers is not None:
                times["duckdb"], theirs = by_duckdb(peers, raw, folder, cores)
                assert theirs == failed, f"DuckDB {theirs}, Loopline {failed}"
            times["great_expectations"] = default.seconds()
            runs.append(times)
    counted = runs[1:]

    def ratio(one: str, other: str) -> float:
        return round(statistics.median(times[one] / times[other] for times in counted), 2)

    per_million = {n: round(statistics.median(t[n] for t in counted) * 1e6 / rows, 2) for n in counted[0]}
    found = {"seconds_per_million": per_million, "failed": sum(failed.values())}
    if peers is not None:
        found["loopline_over_duckdb"] = ratio("loopline", "duckdb")
    return found | {"great_expectations_over_loopline": ratio("great_expectations", "loopline")}


def measure(rows: int = ROWS, repeats: int = 3, peers: str | None = PEERS) -> dict[str, Any]:
    """All times and ratios, by the share of failing rows; `peers` is None where DuckDB is left out."""
    found = {f"{share:.0%}": compared(rows, share, repeats, peers) for share in SHARES}
    return {"rows": rows, "load": round(os.getloadavg()[0], 1), "failing": found}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A contract over a day of raw rows against its peers")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=PEERS, help="a Python that has DuckDB")
    parser.add_argument("--without-duckdb", action="store_true")
    given = parser.parse_args()
    print(json.dumps(measure(given.rows, given.repeats, None if given.without_duckdb else given.peers), indent=2))


if __name__ == "__main__":
    main()
