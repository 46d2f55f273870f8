"""An S3 in a process of its own that tells which requests it got.

Belongs here: its start and its end, the count of requests by kind, a bucket. Does not belong here: the S3 of a whole
deployment, which is stopped and started again (`prod_servers.py`).

It is a process of its own because delta-rs holds the interpreter while it waits for an answer.
"""

import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from tests.support.servers.ports import free_port

BUCKET = "loopline-test"
REGION = "eu-west-1"
_START_SECONDS = 30.0
_LINE = re.compile(r'"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class CountedS3:
    """An S3 that runs.

    Attributes:
        address: Where it is reached.
        log: Its lines, one for each answered request.
    """

    address: str
    log: Path
    _seen: int = 0

    @property
    def variables(self) -> dict[str, str]:
        """What leads a process to it."""
        return {
            "AWS_ENDPOINT_URL": self.address, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION, "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip

    def counted(self) -> Counter[str]:
        """The requests since the last call, by kind: GET, HEAD, LIST, PUT, POST, DELETE."""
        lines = _COLOUR.sub("", self.log.read_text(errors="replace")).splitlines()
        found = [match for line in lines[self._seen :] if (match := _LINE.search(line))]
        self._seen = len(lines)
        return Counter("LIST" if "list-type=" in match[2] else match[1] for match in found)


@contextmanager
def counted_s3(folder: Path) -> Iterator[CountedS3]:
    """An S3 that runs within the block; its log is in the folder."""
    port, log = free_port(), folder / "s3.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(port)
        yield CountedS3(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert not psutil.pid_exists(process.pid)


@contextmanager
def bucket(server: CountedS3) -> Iterator[Any]:
    """A client of the S3, whose bucket is empty at first; within the block this process's variables lead there too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        for name, value in server.variables.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client
        for key in keys(client):
            client.delete_object(Bucket=BUCKET, Key=key)
        client.delete_bucket(Bucket=BUCKET)


def keys(client: Any, prefix: str = "") -> list[str]:
    """The keys of the bucket's objects that begin with a prefix."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the S3 does not answer"
            time.sleep(0.05)
