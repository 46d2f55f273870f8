"""Runs every benchmark, one after the other, and prints one JSON object.

python -m tests.benchmarks [NAME ...]
"""

import importlib
import json
import sys
from typing import Any

from pipelines.operations.benchmark.machine import describe_machine

BENCHMARKS = (
    "bench_demo",
    "bench_decisions",
    "bench_overload",
    "bench_services",
    "bench_features",
    "bench_spark_features",
    "bench_contracts",
    "bench_days",
    "bench_online",
    "bench_store_load",
    "bench_monitoring",
    "bench_feast_join",
    "bench_feast_online",
    "bench_explanations",
)


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all; prints each result on standard error at once, and all results at the end."""
    found: dict[str, Any] = {"machine": describe_machine()}
    for name in names or BENCHMARKS:
        print(f"==> {name}", file=sys.stderr, flush=True)
        found[name] = importlib.import_module(f"tests.benchmarks.{name}").measure()
        print(json.dumps(found[name], indent=2), file=sys.stderr, flush=True)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
