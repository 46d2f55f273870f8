"""The feature job, and validation and scoring, on a Spark cluster of three processes, and the death of one of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from resources.environments import CHECKOUT
from resources.lake import DataFile, Lake
from tests.benchmarks.bench_spark_features import DAYS, History
from tests.integration.cluster_job import job_of
from tests.support.data import large_runs
from tests.support.servers.spark_cluster import Cluster, spark_cluster, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers of one core each; the last test kills one of them."""
    with spark_cluster(tmp_path_factory.mktemp("cluster"), workers=2, cores=1) as found:
        yield found


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a year of events and rows, a file a day."""
    folder = tmp_path_factory.mktemp("history")
    History(folder, events=40_000, rows=4_000)
    return folder


def _start(master: str, history: Path, home: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.integration.cluster_job", str(history), str(home / "lake" / "t" / "run")]
    variables = {**os.environ, "LOOPLINE_SPARK_MASTER": master, "LOOPLINE_HOME": str(home), "PYTHONPATH": str(CHECKOUT)}
    log = (home / "log").open("w")
    return subprocess.Popen(command, cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE, stderr=log, text=True)


def _finish(job: "subprocess.Popen[str]", home: Path) -> dict[str, Any]:
    answer, _ = job.communicate(timeout=240)
    assert job.returncode == 0, (home / "log").read_text()[-3000:]
    return dict(json.loads(answer))


def _committed(said: dict[str, Any], home: Path) -> pa.Table:
    """What the job wrote, as the lake gives it back once it is committed."""
    lake = Lake(str(home / "lake"))
    files = [
        DataFile(f"run/{file['path']}", date.fromisoformat(file["day"]), file["rows"], file["bytes"])
        for file in said["files"]
    ]
    days = sorted({file.day for file in files if file.day})
    schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(said["schema"])))
    lake.commit_files("t", schema, files, days=days)
    return lake.read("t").sort_by("row_id")


@pytest.fixture(scope="module")
def expected(history: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The table that this process computes, without a session."""
    home = tmp_path_factory.mktemp("local")
    return _committed(job_of(history, home / "lake" / "t" / "run", _no_session, task_bytes=2**40), home)


def _no_session() -> SparkSession:
    raise AssertionError("a session was asked for")


@pytest.mark.timeout(600)
def test_a_cluster_gives_the_same_table_by_code_that_the_driver_sent(
    cluster: Cluster, history: Path, expected: pa.Table, tmp_path: Path
) -> None:
    """Executors without this checkout on their path make the table of one process, bit for bit."""
    said = _finish(_start(cluster.master, history, tmp_path), tmp_path)
    assert "loopline-code.zip" in said["code"]
    assert len(said["files"]) == DAYS
    assert _committed(said, tmp_path).equals(expected)


@pytest.mark.timeout(600)
def test_days_are_validated_and_scored_on_a_cluster_as_in_one_process(cluster: Cluster, tmp_path: Path) -> None:
    """The log names the same contents of the quarantine, of the valid rows and of the scores."""
    large_runs.fill(tmp_path, 500)
    expected = large_runs.run(tmp_path, "local[2]", large_bytes=2**40)
    lake = Lake(str(tmp_path / "lake"))
    held = [lake.read(f"card_fraud/{name}") for name in expected]
    command = [sys.executable, "-m", "tests.support.data.large_runs", str(tmp_path), cluster.master]
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=variables, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert "loopline-code.zip" in said["code"]
    assert said["contents"] == expected
    for name, table in zip(expected, held, strict=True):
        assert lake.version(f"card_fraud/{name}") == 1
        assert lake.read(f"card_fraud/{name}").equals(table)


@pytest.mark.timeout(600)
def test_a_worker_killed_in_the_middle_leaves_no_trace_in_the_table(
    cluster: Cluster, history: Path, expected: pa.Table, tmp_path: Path
) -> None:
    """A machine that dies while days are written costs time alone: every day is there once, whole."""
    job = _start(cluster.master, history, tmp_path)
    target = tmp_path / "lake" / "t" / "run"
    wait_for(lambda: job.poll() is not None or len(list(target.rglob("*.parquet"))) >= 5, 200, "file of the job")
    leader = psutil.Process(cluster.workers[0].pid)
    family = [leader, *leader.children(recursive=True)]
    done = len(list(target.rglob("*.parquet")))
    for process in family:
        process.kill()
    assert len(family) > 1  # the executor died with its worker
    assert done < DAYS
    said = _finish(job, tmp_path)
    assert len({file["day"] for file in said["files"]}) == len(said["files"]) == DAYS
    assert _committed(said, tmp_path).equals(expected)
