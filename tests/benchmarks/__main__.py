"""Runs every benchmark, one after the other, and prints one JSON object.

python -m tests.benchmarks [NAME ...]
"""

import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import psutil

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


def machine() -> dict[str, Any]:
    """Describes the machine that was measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(": ")[2] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all; prints each result on standard error at once, and all results at the end."""
    found: dict[str, Any] = {"machine": machine()}
    for name in names or BENCHMARKS:
        print(f"==> {name}", file=sys.stderr, flush=True)
        found[name] = importlib.import_module(f"tests.benchmarks.{name}").measure()
        print(json.dumps(found[name], indent=2), file=sys.stderr, flush=True)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
