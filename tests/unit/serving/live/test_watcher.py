"""Following the rollout store."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.files import write_bundle
from assets.serving.live import watcher as watcher_module
from assets.serving.live.watcher import Watcher
from resources.online_store.lmdb.store import LmdbStore
from resources.rollout_store.manifest import Challenger, Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.support.models.serving_samples import NOW, PRODUCT, REQUEST, sample_parts

KEY = b"a key of at least thirty-two bytes"


class Bench:
    """A rollout store with a watcher on it."""

    def __init__(self, folder: Path, parts: BundleParts) -> None:
        self.folder = folder
        self.rollout = RolloutStore.open(str(folder / "rollout"), folder / "landing")
        self.failures: list[str] = []
        self.parts = parts
        self.watcher = Watcher(
            self.rollout,
            KEY,
            open_store=lambda product: LmdbStore(folder / "online" / product),
            as_of_allowed=True,
            count_failure=self.failures.append,
        )

    def publish(self, version: str, parts: BundleParts | None = None, *, key: bytes = KEY) -> Release:
        whole = replace(parts or self.parts, version=version)
        folder = self.folder / "built" / version
        digest = write_bundle(whole, folder, key)
        self.rollout.publish_bundle(PRODUCT, version, folder)
        return Release(version=version, digest=digest)

    def roll_out(self, champion: Release, **others: object) -> None:
        manifest = RolloutManifest(product=PRODUCT, champion=champion, updated_at=NOW, by="t", reason="r")
        whole = replace(manifest, **others)  # type: ignore[arg-type]
        self.rollout.backend.replace(f"{PRODUCT}/manifest.json", whole.to_json())
        self.watcher.poll()

    def damage(self, release: Release) -> None:
        file = self.folder / "rollout" / PRODUCT / "bundles" / release.version / "model.onnx"
        file.write_bytes(file.read_bytes()[:-1] + b"x")

    @property
    def champion(self) -> str:
        return self.watcher.live[PRODUCT].champion.bundle.version


@pytest.fixture
def bench(tmp_path: Path, parts: BundleParts) -> Iterator[Bench]:
    opened = Bench(tmp_path, parts)
    yield opened
    opened.watcher.close()


def test_an_empty_rollout_store_is_no_failure(bench: Bench) -> None:
    bench.watcher.poll()
    assert bench.watcher.live == {}
    bench.publish("1")
    bench.watcher.poll()
    assert (bench.watcher.live, bench.failures) == ({}, [])


def test_a_new_champion_takes_over(bench: Bench) -> None:
    bench.roll_out(bench.publish("1"))
    before = bench.watcher.live[PRODUCT]
    assert bench.champion == "1"
    bench.watcher.poll()
    assert bench.watcher.live[PRODUCT] is before
    bench.roll_out(bench.publish("2"))
    assert bench.champion == "2"
    assert before.champion.bundle.version == "1"


def test_going_back_needs_no_new_load(bench: Bench) -> None:
    first, second = bench.publish("1"), bench.publish("2")
    bench.roll_out(first, shadow=second)
    engine = bench.watcher.live[PRODUCT].shadow
    bench.roll_out(second, shadow=first)
    assert bench.watcher.live[PRODUCT].champion is engine


def test_a_tampered_champion_is_refused_and_the_old_stays(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the command that publishes the bundle again."""
    bench.roll_out(bench.publish("1"))
    bad = bench.publish("2")
    bench.damage(bad)
    bench.roll_out(bad)
    assert (bench.champion, bench.failures) == ("1", [PRODUCT])
    assert f"publish it again from the registry: loopline repair {PRODUCT}" in caplog.text
    bench.watcher.poll()
    assert bench.failures == [PRODUCT]


def test_a_refused_bundle_is_tried_again_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.roll_out(bench.publish("1"))
    second = bench.publish("2")
    file = bench.folder / "rollout" / PRODUCT / "bundles" / "2" / "model.onnx"
    whole = file.read_bytes()
    bench.damage(second)
    monkeypatch.setattr(watcher_module, "_RETRY_SECONDS", 0.05)
    bench.roll_out(second)
    assert bench.champion == "1"
    file.write_bytes(whole)
    time.sleep(0.06)
    bench.watcher.poll()
    assert bench.champion == "2"


@pytest.mark.parametrize("what", ["key", "digest", "version", "product"])
def test_a_bundle_that_is_not_the_named_one_is_refused(bench: Bench, what: str) -> None:
    bench.roll_out(bench.publish("1"))
    if what == "key":
        release = bench.publish("2", key=b"another key, which is long enough too")
    elif what == "digest":
        release = replace(bench.publish("2"), digest="0" * 64)
    elif what == "product":
        release = bench.publish("2", replace(bench.parts, product="other"))
    else:
        digest = write_bundle(replace(bench.parts, version="9"), bench.folder / "nine", KEY)
        bench.rollout.publish_bundle(PRODUCT, "2", bench.folder / "nine")
        release = Release(version="2", digest=digest)
    bench.roll_out(release)
    assert (bench.champion, bench.failures) == ("1", [PRODUCT])


def test_a_bad_shadow_does_not_keep_a_champion_from_taking_over(bench: Bench) -> None:
    bench.roll_out(bench.publish("1"))
    bad = bench.publish("3")
    bench.damage(bad)
    bench.roll_out(bench.publish("2"), shadow=bad)
    live = bench.watcher.live[PRODUCT]
    assert (live.champion.bundle.version, live.shadow, bench.failures) == ("2", None, [PRODUCT])


def test_an_unreadable_manifest_is_counted_once_and_the_old_stays(bench: Bench) -> None:
    bench.roll_out(bench.publish("1"))
    (bench.folder / "rollout" / PRODUCT / "manifest.json").write_text("{}")
    bench.watcher.poll()
    bench.watcher.poll()
    assert (bench.champion, bench.failures) == ("1", [PRODUCT])


def test_a_challenger_decides_for_its_share_and_for_the_same_entities(bench: Bench, parts: BundleParts) -> None:
    first, second = bench.publish("1"), bench.publish("2", sample_parts("2", seed=2))
    taken: dict[float, set[str]] = {}
    for share in (0.0, 0.2, 0.5, 1.0):
        bench.roll_out(first, challengers=(Challenger(release=second, share=share),))
        live = bench.watcher.live[PRODUCT]
        chosen = {f"C{n}": live.choose(REQUEST | {"customer_id": f"C{n}"})[1].role for n in range(400)}
        taken[share] = {customer for customer, role in chosen.items() if role == "challenger"}
    assert taken[0.0] == set()
    assert taken[0.0] < taken[0.2] < taken[0.5] < taken[1.0]
    assert len(taken[1.0]) == 400
    assert 50 < len(taken[0.2]) < 110


def test_the_thread_follows_by_itself(bench: Bench) -> None:
    bench.watcher.start()
    release = bench.publish("1")
    manifest = RolloutManifest(product=PRODUCT, champion=release, updated_at=NOW, by="t", reason="r")
    bench.rollout.publish_manifest(PRODUCT, manifest)
    deadline = time.monotonic() + 10
    while PRODUCT not in bench.watcher.live and time.monotonic() < deadline:
        time.sleep(0.02)
    assert bench.champion == "1"
