"""Servers that are down, silent or there, at real ports of this machine."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from resources.dependencies import SECONDS, DependencyDown, dependencies_of, problems_of, require
from resources.environments import Environment, load_environment
from tests.support.servers.http_server import QuietHandler, serving
from tests.support.servers.mysql_server import mysql_server
from tests.support.servers.ports import free_port
from tests.support.servers.redis_server import RedisServer

NAMES = {
    "LOOPLINE_DATABASE_URL": "postgresql://loopline:secret@127.0.0.1:{port}/bank",
    "LOOPLINE_LANDING": "s3://landing/zone",
    "LOOPLINE_BUREAU_URL": "http://127.0.0.1:{port}",
    "LOOPLINE_STREAM": "kafka://127.0.0.1:{port}",
    "LOOPLINE_MLFLOW_URI": "http://127.0.0.1:{port}",
    "LOOPLINE_ONLINE_STORE": "redis://:secret@127.0.0.1:{port}/0",
    "LOOPLINE_SPARK_MASTER": "spark://127.0.0.1:{port}",
    "LOOPLINE_WEBHOOK": "http://127.0.0.1:{port}/secret",
    "LOOPLINE_CONNECTION_SHOP": "mysql://loopline:secret@127.0.0.1:{port}/shop",
    "LOOPLINE_CONNECTION_LAKE": "iceberg+https://loopline:secret@127.0.0.1:{port}?warehouse=bank",
    "LOOPLINE_CONNECTION_CATALOG": "iceberg+postgresql://loopline:secret@127.0.0.1:{port}/iceberg?catalog=bank",
}


def environment_at(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    return load_environment({"LOOPLINE_HOME": str(home), **{n: text.format(port=port) for n, text in NAMES.items()}})


def told(environment: Environment) -> Mapping[str, str]:
    """The problem of each server by the variable that names it."""
    return {one.variable: problem for one, problem in problems_of(dependencies_of(environment)).items()}


def test_every_server_that_is_down_is_told_within_seconds_and_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_at(tmp_path, free_port(), monkeypatch)
    begun = time.monotonic()
    problems = told(environment)
    assert set(problems) == set(NAMES)
    assert time.monotonic() - begun < 15
    assert all("does not answer" in problem and "\n" not in problem for problem in problems.values())
    assert "secret" not in "".join(problems.values())


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield server.getsockname()[1]


def test_a_server_that_takes_the_question_and_never_answers_is_down(
    tmp_path: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the stream, Spark and the webhook only the connection is tried."""
    begun = time.monotonic()
    problems = told(environment_at(tmp_path, silent_port, monkeypatch))
    assert time.monotonic() - begun < 3 * SECONDS + 6
    silent = {"LOOPLINE_STREAM", "LOOPLINE_SPARK_MASTER", "LOOPLINE_WEBHOOK"}
    assert set(problems) == set(NAMES) - silent


def test_a_command_is_refused_with_the_name_the_place_and_the_variable(tmp_path: Path) -> None:
    port = free_port()
    environment = load_environment({
        "LOOPLINE_HOME": str(tmp_path), "LOOPLINE_ONLINE_STORE": f"redis://127.0.0.1:{port}/0",
    })  # fmt: skip
    require(environment, "MLflow", "lake")
    with pytest.raises(DependencyDown, match=f"online store at redis://127.0.0.1:{port} .*LOOPLINE_ONLINE_STORE"):
        require(environment, "online store")


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a web server that answers `/health`, and knows nothing else."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.answer(200 if self.path == "/health" else 404)

    with serving(Handler) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def test_servers_that_answer_are_well(tmp_path: Path, web: str) -> None:
    with RedisServer(tmp_path) as redis:
        environment = load_environment({
            "LOOPLINE_HOME": str(tmp_path), "LOOPLINE_ONLINE_STORE": redis.url, "LOOPLINE_MLFLOW_URI": web,
            "LOOPLINE_BUREAU_URL": web, "LOOPLINE_WEBHOOK": f"{web}/hook",
        })  # fmt: skip
        assert {one.variable for one in dependencies_of(environment)} == {
            "LOOPLINE_ONLINE_STORE", "LOOPLINE_MLFLOW_URI", "LOOPLINE_BUREAU_URL", "LOOPLINE_WEBHOOK",
        }  # fmt: skip
        assert told(environment) == {}


def test_a_mysql_and_an_iceberg_catalog_that_answer_are_well_and_files_are_no_servers(tmp_path: Path, web: str) -> None:
    with mysql_server() as mysql:
        environment = load_environment({
            "LOOPLINE_HOME": str(tmp_path), "LOOPLINE_CONNECTION_SHOP": mysql.url,
            "LOOPLINE_CONNECTION_LAKE": f"iceberg+{web}", "LOOPLINE_CONNECTION_FILE": "duckdb:////data/shop.duckdb",
            "LOOPLINE_CONNECTION_META": "iceberg+file:///data/shop",
        })  # fmt: skip
        assert [one.place for one in dependencies_of(environment)] == [
            f"mysql://127.0.0.1:{mysql.port}", web,
        ]  # fmt: skip
        assert told(environment) == {}
        other = environment.connections["shop"].replace("a-secret", "b-secret")
        wrong = environment.model_copy(update={"connections": {"shop": other}})
        assert "Access denied" in told(wrong)["LOOPLINE_CONNECTION_SHOP"]


def test_the_local_environment_names_no_server(tmp_path: Path) -> None:
    assert dependencies_of(load_environment({"LOOPLINE_HOME": str(tmp_path)})) == ()
