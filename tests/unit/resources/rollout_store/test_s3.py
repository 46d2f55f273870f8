"""The rollout store on S3 when no server answers."""

from pathlib import Path

import pytest

from resources.rollout_store.manifest import RolloutUnavailable
from resources.rollout_store.store import RolloutStore


def test_an_unreachable_server_is_said_to_be_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(RolloutUnavailable, match="s3://nowhere"):
        RolloutStore.open("s3://nowhere/x", tmp_path).read_manifest("credit_risk")
