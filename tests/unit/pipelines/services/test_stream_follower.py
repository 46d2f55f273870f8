"""The process that follows streams: what goes wrong in one leaves the others as they are."""

import json
import logging
import socket
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.credit_risk.product import PRODUCT
from pipelines.services import stream_health
from pipelines.services.stream_follower import Following
from resources.clock import WallClock
from resources.environments import load_environment
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import OnlineStore
from tests.support.servers.ports import free_port
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


def page(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def step_all(following: Following) -> None:
    for one in following._followed:
        one.retry_at = 0.0
        following._step(one)


def metric(port: int, line: str) -> float:
    status, text = page(port, "/metrics")
    assert status == 200
    return float(next(row.split()[-1] for row in text.splitlines() if row.startswith(line)))


def test_a_stream_that_is_not_followed_is_told_with_its_reason_and_lag(
    following: Following, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over HTTP, as probes and Prometheus ask; what fails again and again is one line of the log until it changes."""
    port, stream = free_port(), tmp_path / "repayments.jsonl"
    labels = '{product="credit_risk",source="repayments"'
    lag, why = f"loopline_stream_lag_seconds{labels}", f"loopline_stream_not_followed{labels}"
    with stream_health.serve_health(following, "127.0.0.1", port):
        assert page(port, "/livez")[0] == 200
        assert page(port, "/readyz")[0] == 200
        assert metric(port, why + ',why="starting"') == 1
        step_all(following)
        assert metric(port, lag) < 60
        assert metric(port, why + ',why="stream"') == 0
        text = stream.read_bytes()
        for number in range(4):
            # Two failures take turns, as those of a broker do.
            stream.unlink() if number % 2 == 0 else stream.mkdir()
            step_all(following)
            status, told = page(port, "/readyz")
            assert status == 503
            (first, _) = json.loads(told)["streams"]
            assert (first["name"], first["why"]) == ("credit_risk/repayments", "stream")
            assert ("no stream file" in first["problem"]) == (number % 2 == 0)
            assert metric(port, why + ',why="stream"') == 1
            if number % 2:
                stream.rmdir()
                stream.touch()
        assert page(port, "/livez")[0] == 200
        lines = [line for line in caplog.messages if line.startswith("credit_risk/repayments is not followed")]
        assert len(lines) == 2
        stream.write_bytes(text)
        step_all(following)
        assert page(port, "/readyz")[0] == 200
        assert metric(port, why + ',why="stream"') == 0
        assert stream_health.read_health(f"http://127.0.0.1:{port}")[0].sentence.startswith(
            "credit_risk/repayments is followed"
        )


def test_the_lag_grows_while_a_stream_cannot_be_read(
    following: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_all(following)
    (tmp_path / "repayments.jsonl").unlink()
    later = datetime.now(UTC) + timedelta(hours=2)
    for one in following._followed:
        monkeypatch.setattr(one.follower, "_now", lambda: later)
    step_all(following)
    lags = [one.lag_seconds for one in following.health()]
    assert all(lag is not None and 7100 < lag < 7300 for lag in lags)


def test_a_follower_that_hangs_is_not_alive(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with stream_health.serve_health(following, "127.0.0.1", port):
        monkeypatch.setattr(stream_health, "_STUCK_SECONDS", 0.2)
        time.sleep(0.3)
        assert page(port, "/livez")[0] == 503
        following._turn()
        assert page(port, "/livez")[0] == 200


def test_a_store_without_a_load_is_waited_for(following: Following, tmp_path: Path) -> None:
    """As in a home that is new: that is no fault, and the command that loads is named."""
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "new"), "LOOPLINE_STREAM": f"file://{tmp_path}"})
    new = Following(environment, [replace(PRODUCT, name="third")])
    step_all(new)
    (health,) = new.health()
    assert health.is_well
    assert health.sentence == "third/repayments waits for a load: loopline load third"


def test_a_taken_port_is_named(following: Following) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(stream_health.PortTaken, match=f"port {port}.*--port"),
            stream_health.serve_health(following, "127.0.0.1", port),
        ):
            pass
        with pytest.raises(stream_health.HealthUnknown, match="does not answer"):
            stream_health.read_health("http://127.0.0.1:1")


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
