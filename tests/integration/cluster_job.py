"""The feature job of a folder's history, on the Spark that the environment names: a process of its own.

    python -m tests.integration.cluster_job FOLDER TARGET

Prints one JSON object: the files that the job wrote, and where the executors have the job's code from.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from assets.features.table.feature_table import SpineColumns
from assets.features.table.spark_job import run
from resources.environments import load_environment
from resources.spark.sessions import SparkSessions
from tests.benchmarks.bench_spark_features import FIRST, LAST, files_of, kernel

_TASK_BYTES = 50_000


def main(folder: Path, target: Path) -> None:
    """Runs the job."""
    environment = load_environment()
    sessions = SparkSessions(environment.spark_master, environment.home)
    spark = sessions.session()
    said = job_of(folder, target, lambda: spark, _TASK_BYTES)
    code = spark.range(1).mapInArrow(_code, "place string").collect()[0].place
    sessions.stop()
    print(json.dumps({**said, "code": code}))


def job_of(folder: Path, target: Path, session: Callable[[], SparkSession], task_bytes: int) -> dict[str, Any]:
    """Runs the job; the files that it wrote, and their schema."""
    events, spine = (
        files_of(name, sorted(map(str, (folder / name).rglob("*.parquet")))) for name in ("events", "spine")
    )
    written = run(
        session, kernel(), events={"events": events}, spine=spine, days=(FIRST, LAST),
        columns=SpineColumns(row_id="row_id"), target=target, task_bytes=task_bytes,
    )  # fmt: skip
    files = [asdict(file) | {"day": file.day.isoformat()} for file in written.files]
    return {"files": files, "schema": written.schema.serialize().to_pybytes().hex()}


def _code(batches):  # type: ignore[no-untyped-def]
    from assets.features.table import spark_job

    list(batches)
    yield pa.record_batch({"place": [spark_job.__file__]})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
