"""The rollout store in a folder and on a real S3 server."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from resources.rollout_store.store import Release, RolloutError, RolloutManifest, RolloutStore, RolloutUnavailable


def release(version: str) -> Release:
    """The release of what `bundle` writes for a version."""
    return Release(version=version, digest=hashlib.sha256(json.dumps({"version": version}).encode()).hexdigest())


DIGEST = release("1").digest
FIRST = RolloutManifest(
    product="credit_risk",
    champion=release("1"),
    updated_at=datetime(2026, 3, 1, 4, 5, tzinfo=UTC),
    by="gate",
    reason="all gates passed",
)


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


def bundle(folder: Path, content: str = "1") -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"version": content}))
    (folder / "model.onnx").write_bytes(b"\0model " + content.encode())
    return folder


def test_a_published_bundle_comes_back_byte_for_byte(store: RolloutStore, tmp_path: Path) -> None:
    source = bundle(tmp_path / "built")
    store.publish_bundle("credit_risk", "1", source)
    store.publish_bundle("credit_risk", "1", source)
    fetched = store.fetch_bundle("credit_risk", "1", DIGEST)
    assert {file.name: file.read_bytes() for file in fetched.iterdir()} == {
        file.name: file.read_bytes() for file in source.iterdir()
    }
    assert store.fetch_bundle("credit_risk", "1", DIGEST) == fetched


def test_a_published_version_never_changes(store: RolloutStore, tmp_path: Path) -> None:
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "one"))
    with pytest.raises(RolloutError, match="already published with another content"):
        store.publish_bundle("credit_risk", "1", bundle(tmp_path / "two", "2"))
    fetched = store.fetch_bundle("credit_risk", "1", DIGEST)
    assert (fetched / "model.onnx").read_bytes() == b"\0model 1"


def test_a_manifest_is_read_back_as_it_was_published(store: RolloutStore, tmp_path: Path) -> None:
    assert store.read_manifest("credit_risk") is None
    assert store.products() == ()
    for version in ("1", "2", "3"):
        store.publish_bundle("credit_risk", version, bundle(tmp_path / version, version))
    whole = replace(
        FIRST,
        challenger=release("2"),
        challenger_share=0.1,
        shadow=release("3"),
    )
    store.publish_manifest("credit_risk", whole)
    assert store.read_manifest("credit_risk") == whole
    assert store.products() == ("credit_risk",)


def test_a_manifest_names_only_what_is_published(store: RolloutStore, tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match="version 1 of credit_risk is not published"):
        store.publish_manifest("credit_risk", FIRST)
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "one"))
    with pytest.raises(RolloutError, match="is published with the digest"):
        store.publish_manifest("credit_risk", replace(FIRST, champion=Release(version="1", digest="0" * 64)))
    with pytest.raises(RolloutError, match="is of credit_risk, not of card_fraud"):
        store.publish_manifest("card_fraud", FIRST)
    with pytest.raises(RolloutError, match="not published"):
        store.fetch_bundle("credit_risk", "2", DIGEST)


@pytest.mark.parametrize("name", ["..", "../up", "a/b", "", ".hidden", "/etc"])
def test_names_that_lead_elsewhere_are_refused(store: RolloutStore, tmp_path: Path, name: str) -> None:
    built = bundle(tmp_path / "built")
    with pytest.raises(RolloutError, match="is not one|is not a name"):
        store.publish_bundle("credit_risk", name, built)
    with pytest.raises(RolloutError, match="is not a name"):
        store.publish_bundle(name, "1", built)
    with pytest.raises(RolloutError):
        store.fetch_bundle("credit_risk", name, DIGEST)


def test_a_folder_without_a_manifest_is_no_bundle(store: RolloutStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RolloutError, match=r"has no manifest\.json"):
        store.publish_bundle("credit_risk", "1", tmp_path / "empty")


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"null", FIRST.to_json().replace(DIGEST.encode(), b"xyz"), FIRST.to_json() + b"}"],
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(RolloutError):
        RolloutManifest.from_json(text)


def test_a_share_needs_a_challenger() -> None:
    with pytest.raises(RolloutError, match="challenger_share"):
        replace(FIRST, challenger_share=0.5)
    with pytest.raises(RolloutError, match="challenger_share"):
        replace(FIRST, challenger=FIRST.champion, challenger_share=1.5)


def test_a_reader_of_a_folder_never_sees_half_a_manifest(tmp_path: Path) -> None:
    store = RolloutStore.open(str(tmp_path / "rollout"), tmp_path)
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "one"))
    store.publish_manifest("credit_risk", FIRST)
    stop = threading.Event()
    reasons: list[str] = []

    def read() -> None:
        while not stop.is_set():
            manifest = store.read_manifest("credit_risk")
            reasons.append(manifest.reason if manifest else "none")

    reader = threading.Thread(target=read)
    reader.start()
    written = [character * 5000 for character in "abcdefghij"]
    for reason in written:
        store.publish_manifest("credit_risk", replace(FIRST, reason=reason))
    stop.set()
    reader.join(10)
    assert reasons
    assert set(reasons) <= {FIRST.reason, *written}
    assert [file.name for file in (tmp_path / "rollout" / "credit_risk").iterdir() if file.is_file()] == [
        "manifest.json"
    ]


def test_an_unreachable_server_is_said_to_be_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(RolloutUnavailable, match="s3://nowhere"):
        RolloutStore.open("s3://nowhere/x", tmp_path).read_manifest("credit_risk")
