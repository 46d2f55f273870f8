"""Prod on this machine: its servers, its variables as `infra/README.md` lists them, and its commands.

Belongs here: the order in which a deployment comes up, and running `loopline` in it. Does not belong here: assertions.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from resources.environments import CHECKOUT, Environment, load_environment
from tests.campaigns.prod_like import bank
from tests.support.servers import prod_servers as start_of
from tests.support.servers.ports import free_ports
from tests.support.servers.prod_servers import Postgres, Server

BUCKET = "loopline"
_KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("LOOPLINE_", "DAGSTER_", "AWS_"))}


@dataclass
class Command:
    """A command of `loopline` that runs, or has ended.

    Attributes:
        said: Its standard output and error.
    """

    arguments: tuple[str, ...]
    process: "subprocess.Popen[bytes]"
    log: Path
    begun: float
    seconds: float = 0.0

    def ended(self, seconds: float) -> "Command":
        """Waits for its end.

        Raises:
            subprocess.TimeoutExpired: It hangs.
        """
        self.process.wait(seconds)
        self.seconds = time.monotonic() - self.begun
        return self

    @property
    def status(self) -> int:
        return self.process.returncode

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Deployment:
    """The servers of prod, started, and the variables that lead to them."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    behind: list[Server] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    @property
    def environment(self) -> Environment:
        """The environment of its processes."""
        return load_environment(self.variables)

    def bring_up(self) -> None:
        """Starts every server, creates what `infra/README.md` says is created by hand, and fills the sources."""
        logs = self.folder / "servers"
        postgres = Postgres(self.folder / "postgres")
        store, s3 = start_of.s3(logs)
        broker, kafka = start_of.kafka(logs)
        access = {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3.port}", "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip
        redis = start_of.redis(self.folder / "redis")
        master, worker = start_of.spark(self.folder / "spark", access)
        bureau = start_of.bureau(logs, self.folder / "bank" / "bureau")
        self.behind = [store, broker]
        for server in (postgres, store, s3, broker, kafka, redis, master, worker):
            self.servers[server.name] = server
            server.start()
        postgres.create("dagster", "bank", "mlflow", "loopline")
        mlflow = start_of.mlflow(logs, postgres.address("mlflow"), f"s3://{BUCKET}/mlflow", access)
        self.servers[mlflow.name] = mlflow
        mlflow.start()
        self.variables = {
            **access,
            "LOOPLINE_ENV": "prod",
            "LOOPLINE_HOME": str(self.folder / "home"),
            "LOOPLINE_PORT_BASE": str(free_ports()),
            "LOOPLINE_LAKE": f"s3://{BUCKET}/lake",
            "LOOPLINE_ROLLOUT": f"s3://{BUCKET}/rollout",
            "LOOPLINE_MLFLOW_ARTIFACTS": f"s3://{BUCKET}/mlflow",
            "LOOPLINE_DAGSTER_LOGS_BUCKET": BUCKET,
            "LOOPLINE_DAGSTER_DB_HOST": "127.0.0.1",
            "LOOPLINE_DAGSTER_DB_PORT": str(postgres.port),
            "LOOPLINE_DAGSTER_DB_NAME": "dagster",
            "LOOPLINE_DAGSTER_DB_USER": "postgres",
            "LOOPLINE_DAGSTER_DB_PASSWORD": "a-password",
            "LOOPLINE_RECORDS": postgres.address("loopline"),
            "LOOPLINE_MLFLOW_URI": f"http://127.0.0.1:{mlflow.port}",
            "LOOPLINE_ONLINE_STORE": f"redis://127.0.0.1:{redis.port}/0",
            "LOOPLINE_STREAM": f"kafka://127.0.0.1:{kafka.port}",
            "LOOPLINE_DATABASE_URL": postgres.address("bank"),
            "LOOPLINE_LANDING": f"s3://{BUCKET}",
            "LOOPLINE_BUREAU_URL": f"http://127.0.0.1:{bureau.port}",
            "LOOPLINE_DECISION_LOG": str(self.folder / "decisions"),
            "LOOPLINE_SPARK_MASTER": f"spark://127.0.0.1:{master.port}",
            "LOOPLINE_WEBHOOK": self._webhook(),
            "LOOPLINE_SIGNING_KEY": "5" * 64,
            "LOOPLINE_TOKENISATION_KEY": "7" * 64,
        }
        client = boto3.client(
            "s3", endpoint_url=access["AWS_ENDPOINT_URL"], aws_access_key_id="test", aws_secret_access_key="test",
            region_name="eu-west-1",
        )  # fmt: skip
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        bank.fill(
            self.folder / "bank", database=postgres.address("bank"), s3=client, bucket=BUCKET,
            broker=f"127.0.0.1:{kafka.port}",
        )  # fmt: skip
        self.servers[bureau.name] = bureau
        bureau.start()

    def start(self, *arguments: str) -> Command:
        """Starts a command of `loopline`."""
        number = len(self.commands)
        log = self.folder / "commands" / f"{number:02}-{arguments[0]}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli", *arguments], cwd=CHECKOUT, stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**_KEPT, "PYTHONPATH": str(CHECKOUT),
                                                                       **self.variables},
            )  # fmt: skip
        self.commands.append(Command(arguments, process, log, time.monotonic()))
        return self.commands[-1]

    def run(self, *arguments: str, seconds: float = 600.0) -> Command:
        """Runs a command to its end."""
        return self.start(*arguments).ended(seconds)

    def take_down(self) -> None:
        """Ends everything that this object started."""
        for server in self.servers.values():
            if server.is_up():
                server.start()  # a paused one goes on, so that it can end
        for command in self.commands:
            if command.process.poll() is None:
                command.process.kill()
                command.process.wait(30)
        if self.variables:
            self.run("down", seconds=120)
        for server in reversed(list(self.servers.values())):
            if server.is_up():
                server.stop("SIGTERM")

    def _webhook(self) -> str:
        """The address of a receiver of alerts."""
        alerts = self.alerts

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{receiver.server_port}/alerts"
