"""Servers that die in the middle of a command: it ends within seconds, with one sentence."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copytree, rmtree

import boto3
import pytest

from resources.environments import CHECKOUT
from tests.integration.conftest import LAST
from tests.support.servers.ports import free_ports
from tests.support.servers.prod_servers import Postgres, Server, redis, s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUCKET = "loopline"
DAYS = ("--from", f"{LAST - timedelta(days=1)}", "--to", f"{LAST}")
BACKFILL = ("backfill", "card_fraud", *DAYS, "--select", "raw_fraud_labels,validated_fraud_labels")
# Dagster asks its database again for 12 s, at each of the few records of a run's end.
ENDS_SECONDS = 100.0
_KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("LOOPLINE_", "DAGSTER_", "AWS_"))}


@dataclass(frozen=True)
class Prod:
    """The environment prod with servers for Dagster's storage, the lake and the online store, and folders elsewhere."""

    variables: dict[str, str]
    servers: dict[str, Server]

    def start(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *command], cwd=CHECKOUT, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=_KEPT | self.variables | {"PYTHONPATH": str(CHECKOUT)},
        )  # fmt: skip


@pytest.fixture(scope="module")
def prod(filled_bank: Path) -> Iterator[Prod]:
    folder = Path(tempfile.mkdtemp(prefix="loopline-lost-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    copytree(filled_bank / "bank" / "landing", folder / "landing")
    postgres, (store, way), online = Postgres(folder / "postgres"), s3(folder / "s3"), redis(folder / "redis")
    servers = {server.name: server for server in (postgres, store, way, online)}
    try:
        for server in servers.values():
            server.start()
        postgres.create("dagster")
        endpoint = f"http://127.0.0.1:{way.port}"
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        client.create_bucket(Bucket=BUCKET)
        variables = {
            "ENV": "prod", "HOME": str(folder / "home"), "PORT_BASE": str(free_ports()), "LAKE": f"s3://{BUCKET}/lake",
            "DATABASE_URL": f"sqlite:///{folder}/bank.db", "LANDING": str(folder / "landing"),
            "BUREAU_URL": "http://127.0.0.1:9", "STREAM": f"file://{folder}/stream",
            "MLFLOW_URI": f"sqlite:///{folder}/mlflow.db", "MLFLOW_ARTIFACTS": str(folder / "mlflow"),
            "ONLINE_STORE": f"redis://127.0.0.1:{online.port}/0", "ROLLOUT": str(folder / "rollout"),
            "DECISION_LOG": str(folder / "decisions"), "SPARK_MASTER": "local[1]", "WEBHOOK": "http://127.0.0.1:9",
            "DAGSTER_DB_HOST": "127.0.0.1", "DAGSTER_DB_PORT": str(postgres.port), "DAGSTER_DB_NAME": "dagster",
            "DAGSTER_DB_USER": "postgres", "DAGSTER_DB_PASSWORD": "a-password", "DAGSTER_LOGS_BUCKET": BUCKET,
            "SIGNING_KEY": "5" * 64, "TOKENISATION_KEY": "7" * 64,
        }  # fmt: skip
        access = {
            "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1",
            "ENDPOINT_URL": endpoint, "ALLOW_HTTP": "true",
        }  # fmt: skip
        named = {f"LOOPLINE_{name}": value for name, value in variables.items()}
        found = Prod(named | {f"AWS_{name}": value for name, value in access.items()}, servers)
        with found.start("run", "card_fraud", *DAYS, "--through", "validation") as first:
            assert first.stdout is not None
            said = first.stdout.read()
        assert first.returncode == 0, said
        yield found
    finally:
        for server in reversed(servers.values()):
            if server.is_up():
                server.stop("SIGKILL")  # a server of S3 waits half a minute for connections that are kept
    rmtree(folder)


@pytest.fixture
def lost(prod: Prod) -> Iterator[Callable[[str, tuple[str, ...], str], list[str]]]:
    """Kills a server once a command has said something; gives the command's last lines after that."""
    killed: list[Server] = []

    def run(name: str, command: tuple[str, ...], after: str) -> list[str]:
        server = prod.servers[name]
        with prod.start(*command) as process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if after in line and not killed:
                    killed.append(server)
                    server.stop("SIGKILL")
                    begun = time.monotonic()
        assert killed, "".join(said)
        assert time.monotonic() - begun < ENDS_SECONDS, "".join(said)
        assert process.returncode == 1, "".join(said)
        assert "Traceback" not in "".join(said), "".join(said)
        return said

    yield run
    for server in killed:
        server.start()


@pytest.mark.parametrize("name", ["PostgreSQL", "S3"])
def test_a_server_that_dies_in_mid_command_is_one_sentence(
    name: str, lost: Callable[[str, tuple[str, ...], str], list[str]]
) -> None:
    said = lost(name, BACKFILL, "raw_fraud_labels")
    assert "Retrying" not in "".join(said), said
    assert said[-1].startswith("✗ "), said
    assert "; " in said[-1] or ": " in said[-1]
