"""The rollout store in a folder and on a real S3 server."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from resources.rollout_store.manifest import Challenger, LostRace, Release, RolloutError
from resources.rollout_store.s3 import S3Backend
from resources.rollout_store.store import RolloutStore
from tests.unit.resources.rollout_store.samples import DIGEST, FIRST, bundle, release


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
        challengers=(Challenger(release=release("2"), share=0.1),),
        shadow=release("3"),
        former=(release("2"),),
        rollout="credit_risk-2",
        stage="canary",
        since=FIRST.updated_at,
        plan={"strategy": "canary"},
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
    with pytest.raises(RolloutError, match="is not valid|is not a name"):
        store.publish_bundle("credit_risk", name, built)
    with pytest.raises(RolloutError, match="is not a name"):
        store.publish_bundle(name, "1", built)
    with pytest.raises(RolloutError):
        store.fetch_bundle("credit_risk", name, DIGEST)


def test_a_folder_without_a_manifest_is_no_bundle(store: RolloutStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RolloutError, match=r"has no manifest\.json"):
        store.publish_bundle("credit_risk", "1", tmp_path / "empty")


def test_of_writers_that_read_the_same_state_one_wins(store: RolloutStore, tmp_path: Path) -> None:
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "one"))
    store.publish_manifest("credit_risk", FIRST)
    start, results = threading.Barrier(4), []

    def write(number: int) -> None:
        start.wait(30)
        try:
            store.publish_manifest("credit_risk", replace(FIRST, by=f"writer {number}", generation=2))
        except LostRace:
            return
        results.append(f"writer {number}")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = store.read_manifest("credit_risk")
    assert found is not None
    assert (results, found.generation) == ([found.by], 2)


@pytest.mark.parametrize("generation", [1, 2, 4])
def test_a_state_follows_the_one_that_its_writer_read(store: RolloutStore, tmp_path: Path, generation: int) -> None:
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "one"))
    store.publish_manifest("credit_risk", FIRST)
    store.publish_manifest("credit_risk", replace(FIRST, generation=2))
    with pytest.raises(LostRace, match="the rollout of credit_risk has moved"):
        store.publish_manifest("credit_risk", replace(FIRST, generation=generation))
    assert store.read_manifest("credit_risk") == replace(FIRST, generation=2)


def test_a_state_of_older_code_has_the_first_generation(store: RolloutStore, tmp_path: Path) -> None:
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "one"))
    old = FIRST.to_json().replace(b'  "generation": 1,\n', b"")
    assert store.backend.swap("credit_risk/manifest.json", old, expected=None)
    assert store.read_manifest("credit_risk") == FIRST
    store.publish_manifest("credit_risk", replace(FIRST, generation=2))


def test_publishing_the_same_bundle_again_mends_it(store: RolloutStore, tmp_path: Path) -> None:
    source = bundle(tmp_path / "one")
    store.publish_bundle("credit_risk", "1", source)
    other = Path(shutil.copytree(source, tmp_path / "other"))
    (other / "model.onnx").write_bytes(b"flipped")
    (other / "unknown").write_bytes(b"x")
    store.backend.upload(other, "credit_risk/bundles/1")
    store.publish_bundle("credit_risk", "1", source)
    fetched = store.fetch_bundle("credit_risk", "1", DIGEST)
    assert {file.name: file.read_bytes() for file in fetched.iterdir()} == {
        file.name: file.read_bytes() for file in source.iterdir()
    }


def test_a_damaged_manifest_of_a_bundle_is_replaced_only_on_request(store: RolloutStore, tmp_path: Path) -> None:
    source = bundle(tmp_path / "one")
    store.publish_bundle("credit_risk", "1", bundle(tmp_path / "two", "2"))
    with pytest.raises(RolloutError, match="already published with another content"):
        store.publish_bundle("credit_risk", "1", source)
    store.publish_bundle("credit_risk", "1", source, over_damaged=True)
    store.publish_manifest("credit_risk", FIRST)


def test_a_damaged_state_is_named_with_its_remedy(store: RolloutStore) -> None:
    assert store.backend.swap("credit_risk/manifest.json", b"{", expected=None)
    with pytest.raises(
        RolloutError, match=r"credit_risk is damaged: .* remove it and run: loopline repair credit_risk"
    ):
        store.read_manifest("credit_risk")


def test_evidence_is_what_each_process_wrote_last_and_only_changes_are_fetched(store: RolloutStore) -> None:
    for name in ("2.b", "2.a"):
        store.write_evidence("credit_risk", "r1", name, b"first")
    requests: list[str] = []
    if isinstance(store.backend, S3Backend):
        store.backend.client.meta.events.register("before-send.s3", lambda request, **_: requests.append(request.url))
    assert store.read_evidence("credit_risk", "r1") == {"2.a": b"first", "2.b": b"first"}
    requests.clear()
    assert store.read_evidence("credit_risk", "r1") == {"2.a": b"first", "2.b": b"first"}
    assert len(requests) <= 1, "one listing: nothing has changed"
    store.write_evidence("credit_risk", "r1", "2.b", b"later")
    store.write_evidence("credit_risk", "r1", "3.c", b"first")
    found = store.read_evidence("credit_risk", "r1")
    assert found == {"2.a": b"first", "2.b": b"later", "3.c": b"first"}
    assert list(found) == sorted(found)
    assert store.read_evidence("credit_risk", "r2") == {}
    assert store.read_evidence("credit_risk", "r1") == found
