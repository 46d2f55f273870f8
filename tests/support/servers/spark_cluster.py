"""A Spark standalone cluster on loopback: a master and workers, each a process of its own.

Belongs here: starting it, waiting for its workers, stopping it. Does not belong here: jobs, assertions.
"""

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark

from resources.processes.running import ServiceProcess
from resources.processes.table import ProcessTable, wait_until_answers
from resources.spark.java import use_java
from tests.support.servers.ports import free_ports

_SPARK_CLASS = str(Path(pyspark.__file__).parent / "bin" / "spark-class")


@dataclass(frozen=True)
class Cluster:
    """The address of the master, and the workers."""

    master: str
    workers: tuple[ServiceProcess, ...]


@contextmanager
def spark_cluster(folder: Path, *, workers: int, cores: int, memory: str = "1g") -> Iterator[Cluster]:
    """A cluster that lives within the block; its workers know nothing of this checkout.

    Args:
        folder: Where the cluster writes.
        cores, memory: Of each worker.
    """
    table = ProcessTable(folder / "cluster")
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    use_java(variables, folder)
    variables |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1"}
    variables["SPARK_DAEMON_JAVA_OPTS"] = "-XX:TieredStopAtLevel=1"  # they live for a minute
    (folder / "cluster").mkdir()
    port = free_ports(2)
    site = f"http://127.0.0.1:{port + 1}/json/"

    def start(name: str, *arguments: str, listens: int | None) -> ServiceProcess:
        command = [_SPARK_CLASS, *arguments]
        return table.start(name, command, port=listens, variables=variables, folder=folder / "cluster")

    try:
        master = start(
            "master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port),
            "--webui-port", str(port + 1), listens=port,
        )  # fmt: skip
        wait_until_answers(site, timeout_seconds=90, process=master)
        started = tuple(
            start(
                f"worker-{number}",
                "org.apache.spark.deploy.worker.Worker",
                "--host",
                "127.0.0.1",
                "--webui-port",
                str(port + 2 + number),
                "--cores",
                str(cores),
                "--memory",
                memory,
                "--work-dir",
                str(folder / f"work-{number}"),
                f"spark://127.0.0.1:{port}",
                listens=None,
            )
            for number in range(workers)
        )
        wait_for(lambda: _state(site)["aliveworkers"] == workers, 90, f"{workers} workers")
        yield Cluster(f"spark://127.0.0.1:{port}", started)
    finally:
        table.stop(*table.all())


def wait_for(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until something holds, at most so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.05)


def _state(site: str) -> Any:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(site, timeout=10) as answer:
        return json.load(answer)
