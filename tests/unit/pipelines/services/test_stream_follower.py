"""The process that follows streams: what goes wrong in one leaves the others as they are."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.credit_risk.product import PRODUCT
from pipelines.services.stream_follower import Following
from resources.clock import WallClock
from resources.environments import load_environment
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import OnlineStore
from tests.support.stores import fetch

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = replace(PRODUCT, name="second")


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Following:
    """Two products that follow one stream of one message, and whose stores were loaded with nothing."""
    monkeypatch.setattr("pipelines.services.stream_follower.clock_of", lambda *_: WallClock())
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_STREAM": f"file://{tmp_path}"})
    made = Following(environment, [PRODUCT, SECOND])
    for name in ("credit_risk", "second"):
        load(made._stores.of(name))
    say(tmp_path, 1)
    return made


def load(store: OnlineStore) -> None:
    nothing = {"event_time": TIMESTAMP, "known_at": TIMESTAMP, "customer_id": pa.string(), "days_past_due": pa.int64()}
    table = pa.table({name: pa.array([], kind) for name, kind in nothing.items()})
    store.put_events("repayments", "customer_id", table, version="1", watermark=UNTIL)
    store.publish("1")


def say(folder: Path, number: int) -> None:
    moment = (UNTIL + timedelta(hours=number)).isoformat()
    row = {
        "event_id": f"e{number}", "application_id": "A1", "customer_id": "C1", "event_time": moment, "known_at": moment,
        "kind": "paid", "days_past_due": number, "amount_due": 10.0, "amount_paid": 10,
    }  # fmt: skip
    with (folder / "repayments.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def test_an_unforeseen_error_in_one_stream_leaves_the_others(
    following: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, without its words, which may hold data; the stream is tried again, and then goes on."""

    name_of_somebody = " ".join(("Anna", "Smith"))

    def fail() -> None:
        raise TypeError(name_of_somebody)

    first, second = following._followed
    caplog.set_level(logging.INFO, "loopline.stream")
    with monkeypatch.context() as patched:
        patched.setattr(first.follower, "step", fail)
        for _ in range(2):
            first.retry_at = 0.0
            assert following._step(first) is False
    assert following._step(second) is True
    told = [record.getMessage() for record in caplog.records if "is not followed" in record.getMessage()]
    assert len(told) == 1
    assert "credit_risk/repayments is not followed: unexpected error TypeError" in told[0]
    assert "in fail" in told[0]
    assert name_of_somebody not in caplog.text
    first.retry_at = 0.0
    assert following._step(first) is True
    assert "credit_risk/repayments is followed again" in caplog.text
    for name in ("credit_risk", "second"):
        assert fetch(following._stores.of(name), "repayments", "customer_id", "C1")["days_past_due"].to_pylist() == [1]
