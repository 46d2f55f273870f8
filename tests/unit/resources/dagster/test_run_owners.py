"""The heartbeat of a run whose storage is lost for a while."""

import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from resources.dagster import run_owners
from tests.support.servers.ports import free_port


def test_a_heartbeat_goes_on_after_its_storage_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread that ended at the first error would let other machines end a living run."""
    monkeypatch.setattr(run_owners, "HEARTBEAT_SECONDS", 0.02)
    beats: list[Mapping[str, str]] = []

    def add_run_tags(_instance: dg.DagsterInstance, _run_id: str, tags: Mapping[str, str]) -> None:
        beats.append(tags)
        if 1 < len(beats) < 4:
            sa.create_engine(f"postgresql+psycopg2://bank:secret@127.0.0.1:{free_port()}/bank").connect()

    monkeypatch.setattr(dg.DagsterInstance, "add_run_tags", add_run_tags)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance, run_owners.owned(instance, "a-run"):
        deadline = time.monotonic() + 20
        while len(beats) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert len(beats) >= 6
    assert "the heartbeat of run a-run is not recorded yet: a server was lost meanwhile" in caplog.text
    assert "Traceback" not in caplog.text
