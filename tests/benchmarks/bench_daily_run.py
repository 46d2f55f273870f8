"""The whole daily run of a product, as its sensor starts it: from the day's sources to its monitoring, by asset.

    python -m tests.benchmarks.bench_daily_run HOME [--product NAME] [--day DAY] [--repeats N]

Prints one JSON object, of a home that a demonstration has filled: seconds of a process that makes the day's run, by the
clock and of its processors, with those of its start and of each asset. `bench_demo` measures it too.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.services.temporary import needed
from resources.environments import CHECKOUT, load_environment


class _Spent(logging.Handler):
    """Notes the processor time at which each asset has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[str, float]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "seconds"):
            self.ends.append((record.getMessage(), _used()))


def daily_run(home: Path, product: str, day: str, repeats: int = 3) -> dict[str, Any]:
    """Seconds of the day's run: the median of some, after one that does not count."""
    variables = {**os.environ, "LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": "47100"}
    command = [sys.executable, "-m", "tests.benchmarks.bench_daily_run", str(home), "--product", product, "--day", day]
    walls, inside = [], []
    with needed(load_environment(variables), ["bureau"]):
        for _ in range(repeats + 1):
            started = time.perf_counter()
            done = subprocess.run(
                [*command, "--inside"], cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE, check=True
            )  # fmt: skip
            walls.append(time.perf_counter() - started)
            inside.append(json.loads(done.stdout.splitlines()[-1]))
    used = [sum(one.values()) for one in inside]
    of_each = {name: round(statistics.median(one.get(name, 0.0) for one in inside[1:]), 2) for name in inside[-1]}
    return {
        "wall_seconds": round(statistics.median(walls[1:]), 2),
        "processor_seconds": round(statistics.median(used[1:]), 2),
        "processor_seconds_of": dict(sorted(of_each.items(), key=lambda one: -one[1])),
    }


def run_inside(product: str, day: date) -> dict[str, float]:
    """Makes the run in this process; returns the processor seconds of its start, of each asset, and of its end."""
    from pipelines.jobs import daily_name
    from pipelines.operations.loop.run_job import dagster_instance, run_job
    from pipelines.products import load_definitions, load_product

    definitions, environment = load_definitions(product), load_environment(os.environ)
    spent = _Spent()
    logger = logging.getLogger("loopline.progress")
    logger.addHandler(spent)
    logger.setLevel(logging.INFO)
    with dagster_instance(environment) as instance:
        before = _used()
        run_job(definitions, instance, daily_name(load_product(product)), days=(day, day))
    found, last = {"start": before}, before
    for name, at in spent.ends:
        found[name], last = found.get(name, 0.0) + at - last, at
    return {**found, "end": _used() - last}


def _used() -> float:
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in of)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="The whole daily run of a product, by asset")
    parser.add_argument("home", type=Path)
    parser.add_argument("--product", default="credit_risk")
    parser.add_argument("--day", default="2026-09-15")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help="make the run in this process, once")
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(run_inside(given.product, date.fromisoformat(given.day))))
    else:
        print(json.dumps(daily_run(given.home, given.product, given.day, given.repeats), indent=2))


if __name__ == "__main__":
    main()
