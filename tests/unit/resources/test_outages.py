"""Errors of the libraries about servers that do not answer, raised by the libraries themselves."""

from collections.abc import Callable

import boto3
import httpx
import psycopg2
import pyarrow.fs as pafs
import pymysql
import pytest
import redis
import requests
import sqlalchemy as sa
from botocore.config import Config
from dagster_postgres.utils import DagsterPostgresException
from deltalake import DeltaTable

from resources.outages import outage_in, outage_of
from tests.support.servers.ports import free_port


def _sql(port: int) -> None:
    sa.create_engine(f"postgresql+psycopg2://bank:secret@127.0.0.1:{port}/bank").connect()


def _mysql(port: int) -> None:
    pymysql.connect(host="127.0.0.1", port=port, user="bank", password="secret")


def _psycopg(port: int) -> None:
    psycopg2.connect(host="127.0.0.1", port=port, user="bank", password="secret")


def _redis(port: int) -> None:
    redis.Redis(port=port).ping()


def _boto(port: int) -> None:
    settings = Config(retries={"total_max_attempts": 1})
    boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=settings).list_buckets()


def _delta(port: int) -> None:
    options = {"aws_endpoint": f"http://127.0.0.1:{port}", "aws_allow_http": "true", "max_retries": "1"}
    DeltaTable("s3://bank/lake/raw", storage_options=options)


def _arrow(port: int) -> None:
    pafs.S3FileSystem(endpoint_override=f"http://127.0.0.1:{port}").get_file_info("bank/lake")


def _requests(port: int) -> None:
    requests.get(f"http://127.0.0.1:{port}", timeout=5)


def _httpx(port: int) -> None:
    httpx.get(f"http://127.0.0.1:{port}", timeout=5)


@pytest.mark.parametrize("ask", [_sql, _mysql, _psycopg, _redis, _boto, _delta, _arrow, _requests, _httpx])
def test_a_dead_server_is_one_sentence(ask: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "test")
    with pytest.raises(Exception, match=".") as raised:
        ask(free_port())
    said = outage_of(raised.value)
    assert said is not None
    assert "`loopline doctor` tells which" in said
    assert not {"\n", "\x1b"} & set(said)
    assert "secret" not in said
    assert len(said) < 500


def test_an_error_that_a_dead_server_caused_is_the_same_sentence() -> None:
    """Dagster's storage gives up with an error of its own, and others wrap what they met."""
    wrapped = RuntimeError("the step cannot be recorded")
    wrapped.__cause__ = DagsterPostgresException("too many retries for DB connection")
    assert "too many retries" in str(outage_of(wrapped))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a row"),
        OSError("[Errno 28] No space left on device"),
        sa.exc.ProgrammingError("SELECT", {}, ValueError()),
    ],
)
def test_another_error_is_no_outage(error: Exception) -> None:
    assert outage_of(error) is None


def test_a_recorded_error_is_known_by_its_class_and_text() -> None:
    assert outage_in("redis.exceptions.BusyLoadingError", "Redis is loading the dataset in memory") is not None
    assert outage_in("builtins.OSError", "[Errno 2] No such file or directory: 'x'") is None
