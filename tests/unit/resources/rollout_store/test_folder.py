"""The rollout store in a folder that is read while it is written."""

import threading
from dataclasses import replace
from pathlib import Path

from resources.rollout_store.store import RolloutStore
from tests.unit.resources.rollout_store.samples import FIRST, bundle


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
    for generation, reason in enumerate(written, start=2):
        store.publish_manifest("credit_risk", replace(FIRST, reason=reason, generation=generation))
    stop.set()
    reader.join(10)
    assert reasons
    assert set(reasons) <= {FIRST.reason, *written}
    assert [file.name for file in (tmp_path / "rollout" / "credit_risk").iterdir() if file.is_file()] == [
        "manifest.json"
    ]
