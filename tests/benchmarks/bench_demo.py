"""Time of the whole loop from nothing, and the orchestrator's share of it.

    python -m tests.benchmarks.bench_demo

Prints one JSON object. The demonstration runs in a fresh home, as for a new user. The orchestrator's share is the part
of its runs' time that is spent outside the assets' own functions.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dagster as dg

from resources.environments import CHECKOUT


def measure() -> dict[str, Any]:
    """Measures a demonstration in a fresh home, then a second one that reuses everything."""
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as home:
        variables = {**os.environ, "LOOPLINE_HOME": home, "LOOPLINE_PORT_BASE": "47100"}
        first, wall = _demo(variables)
        inside = sum(stage["seconds"] for stage in first["stages"])
        runs = _run_seconds(Path(home) / "dagster")
        _, again = _demo(variables)
    return {
        "wall_seconds": round(wall, 1),
        "second_wall_seconds": round(again, 1),
        "runs_seconds": round(runs, 1),
        "inside_assets_seconds": round(inside, 1),
        "orchestrator_share": round((runs - inside) / inside, 3),
        "auc": round(first["champion"]["auc"], 4),
    }


def _demo(variables: dict[str, str]) -> tuple[dict[str, Any], float]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "pipelines.cli", "demo", "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout), time.perf_counter() - started


def _run_seconds(dagster_home: Path) -> float:
    """Wall time of all runs, from their creation: planning a range of days is the orchestrator's work too."""
    os.environ["DAGSTER_HOME"] = str(dagster_home)
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        records = instance.get_run_records()
    return sum(float(record.end_time or 0) - record.create_timestamp.timestamp() for record in records)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
