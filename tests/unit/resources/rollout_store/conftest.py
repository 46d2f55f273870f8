"""The same rollout store in a folder and on a real S3 server."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from resources.rollout_store.store import RolloutStore


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RolloutStore:
    if request.param == "folder":
        return RolloutStore.open(str(tmp_path / "rollout"), tmp_path / "landing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_endpoint"))
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    bucket = f"bucket-{abs(hash(request.node.name))}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return RolloutStore.open(f"s3://{bucket}/pre/fix", tmp_path / "landing")
