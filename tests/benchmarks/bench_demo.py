"""Time of the whole loop from nothing, of one of its days again, and the orchestrator's share of it.

    python -m tests.benchmarks.bench_demo [--days-of HOME]

Prints one JSON object. The demonstration runs in a fresh home, as for a new user. The orchestrator's share is the part
of its runs' time that is spent outside the assets' own functions. One day is what a person on call waits for:
`loopline backfill` of the last day, by the clock and by the processors; `--days-of` measures it alone, in a home
that a demonstration has filled. The daily run is what the sensor starts, to its monitoring (`bench_daily_run`).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import dagster as dg

from resources.environments import CHECKOUT
from tests.benchmarks.bench_daily_run import daily_run


def measure() -> dict[str, Any]:
    """Measures a demonstration in a fresh home, then a second one that reuses everything."""
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as home:
        variables = {**os.environ, "LOOPLINE_HOME": home, "LOOPLINE_PORT_BASE": "47100"}
        begun = time.time()
        first, wall = _demo(variables)
        inside = sum(stage["seconds"] for stage in first["stages"])
        runs = _run_seconds(Path(home) / "dagster")
        _, again = _demo(variables)
        day = one_day(Path(home), "credit_risk", first["to"])
        daily = daily_run(Path(home), "credit_risk", first["to"])
    return {
        "one_day": day,
        "daily_run": daily,
        "decision_seconds": round(_moment(first["decision"]["id"]) - begun, 1),
        "wall_seconds": round(wall, 1),
        "second_wall_seconds": round(again, 1),
        "runs_seconds": round(runs, 1),
        "inside_assets_seconds": round(inside, 1),
        "orchestrator_share": round((runs - inside) / inside, 3),
        "auc": round(first["champion"]["auc"], 4),
    }


def one_day(home: Path, product: str, day: str, repeats: int = 3) -> dict[str, float]:
    """Seconds of the backfill of one day in a filled home: the median of some, after one that does not count."""
    variables = {**os.environ, "LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": "47100"}
    command = [sys.executable, "-m", "pipelines.cli", "backfill", product, "--from", day, "--to", day, "--json"]
    found = []
    for _ in range(repeats + 1):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, cwd=CHECKOUT, env=variables, stdout=subprocess.DEVNULL, check=True)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    wall, used = (statistics.median(seconds) for seconds in zip(*found[1:], strict=True))
    return {"wall_seconds": round(wall, 2), "processor_seconds": round(used, 2)}


def _demo(variables: dict[str, str]) -> tuple[dict[str, Any], float]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "pipelines.cli", "demo", "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout), time.perf_counter() - started


def _moment(decision_id: str) -> float:
    """When a decision was made, in seconds since 1970: the first bits of its id (RFC 9562, version 7)."""
    return (uuid.UUID(decision_id).int >> 80) / 1000


def _run_seconds(dagster_home: Path) -> float:
    """Wall time of all runs, from their creation: planning a range of days is the orchestrator's work too."""
    os.environ["DAGSTER_HOME"] = str(dagster_home)
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        records = instance.get_run_records()
    return sum(float(record.end_time or 0) - record.create_timestamp.timestamp() for record in records)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Time of a demonstration, and of one of its days again")
    parser.add_argument("--days-of", type=Path, metavar="HOME", help="only backfill one day of this home")
    parser.add_argument("--product", default="credit_risk")
    parser.add_argument("--day", default="2026-09-15")
    given = parser.parse_args()
    found = measure() if given.days_of is None else one_day(given.days_of, given.product, given.day)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
