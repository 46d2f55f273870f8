"""The guard of a rollout, over HTTP in this process: a bad challenger is taken out, an equal one is left alone."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleParts
from assets.product import Rollout, Step
from assets.rollout.moves import Who, advanced, begun
from assets.rollout.steward import look
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.unit.serving.http.test_calls import many, send
from tests.unit.serving.http.test_routes import Served, started, wait_for

POLICY = Rollout(
    steps=(Step(0.0, 50, timedelta(0)), Step(0.5, 50, timedelta(0))),
    deadline=timedelta(minutes=5),
    latency_ms=500.0,
    outcomes="watched",
)


class Trial:
    """A rollout of a second bundle over the first one."""

    def __init__(self, served: Served) -> None:
        self.served = served

    @property
    def state(self) -> RolloutManifest:
        found = self.served.workspace.rollout.read_manifest(PRODUCT)
        assert found is not None
        return found

    def begin(self, parts: BundleParts, *, canary: bool) -> Release:
        release = self.served.workspace.publish(parts)
        state = begun(self.state, (release,), POLICY, Who("a test", "it begins", datetime.now(UTC)))
        self.served.workspace.rollout.publish_manifest(PRODUCT, state)
        if canary:
            self.advance()
        self.followed()
        return release

    def advance(self) -> None:
        state = advanced(self.state, Who("a test", "it goes on", datetime.now(UTC)))
        self.served.workspace.rollout.publish_manifest(PRODUCT, state)

    def followed(self) -> None:
        wait_for(lambda: self.served.app.state.application.live[PRODUCT].manifest == self.state)

    def send(self, requests: int, first: int = 0) -> list[dict[str, object]]:
        found = []
        for number in range(first, first + requests):
            change = {"customer_id": f"E{number}", "amount": 500 + 37 * (number % 200)}
            status, text = self.served.post("/decide", {"product": PRODUCT, "request": REQUEST | change})
            assert status == 200, text
            found.append(json.loads(text))
        return found

    def send_many(self, requests: list[dict[str, object]], *, times: int = 1) -> list[dict[str, Any]]:
        """The decisions of a batch, which is sent several times with the same idempotency key."""
        key = f"many-{uuid.uuid4()}"
        for _ in range(times):
            status, content = many(self.served, requests, key=key)
            assert (status, {result["status"] for result in content["results"]}) == (200, {200})
        return [result["decision"] for result in content["results"]]

    def counted(self, *, step: int, at_least: int) -> int:
        """The requests that the guard counted for the challenger in a step, once there are that many, and a while."""

        def found() -> int:
            return look(self.served.workspace.rollout, PRODUCT, datetime.now(UTC)).signals.requests.get(step, 0)

        wait_for(lambda: found() >= at_least)
        time.sleep(1.5)  # the guard looks every second: it has counted all that it noted
        return found()


@pytest.fixture
def trial(tmp_path: Path, parts: BundleParts) -> Iterator[Trial]:
    with started(tmp_path / "home", parts) as served:
        yield Trial(served)


ONLY_ITS_ERRORS = r"errors: 1 against the champion's (0|nothing) over"
"""The first look may come before the champion decided for anybody of its own arm."""


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a fault of this bundle")


def refusing(version: str) -> BundleParts:
    """A bundle that refuses everybody."""
    parts = sample_parts(version)
    return replace(parts, policy=replace(parts.policy, threshold=0.0))


def test_a_challenger_that_refuses_everybody_is_taken_out_by_the_guard_alone(trial: Trial) -> None:
    trial.begin(refusing("2"), canary=True)
    rollout = trial.state.rollout
    answers = trial.send(200)
    wait_for(lambda: trial.state.rollout == "")
    assert {answer["rollout"] for answer in answers} >= {rollout}
    assert {(answer["role"], answer["share"]) for answer in answers if answer["rollout"]} - {("champion", 1.0)} == {
        ("champion", 0.5), ("challenger", 0.5),
    }  # fmt: skip
    move = trial.state.move
    assert (move.action, move.by, move.version, move.details["to"]) == ("roll_back", "guard", "2", "1")
    assert "refusals:" in move.reason
    trial.followed()
    assert {answer["bundle"] for answer in trial.send(20, first=200)} == {"1"}
    assert trial.served.metric(f'loopline_guard_rollbacks_total{{product="{PRODUCT}"}}') == 1


def test_a_shadow_that_answers_otherwise_is_taken_out_before_it_decides_for_anybody(trial: Trial) -> None:
    trial.begin(refusing("2"), canary=False)
    answers = trial.send(120)
    wait_for(lambda: trial.state.rollout == "")
    assert (trial.state.move.action, trial.state.champion.version) == ("roll_back", "1")
    # The first look that finds a breach tells those that it found.
    assert re.search(r"refusals: 1 against|flips: 1 of \d+ requests", trial.state.move.reason)
    assert {answer["bundle"] for answer in answers} == {"1"}


def test_an_equal_version_passes_shadow_and_canary_with_every_reading(trial: Trial) -> None:
    trial.begin(sample_parts("2"), canary=False)
    trial.send(80)
    store = trial.served.workspace.rollout
    wait_for(lambda: look(store, PRODUCT, datetime.now(UTC)).verdict.action == "advance")
    trial.advance()
    trial.followed()
    trial.send(140, first=80)
    wait_for(lambda: look(store, PRODUCT, datetime.now(UTC)).verdict.action == "promote")
    found = look(store, PRODUCT, datetime.now(UTC))
    assert {reading["signal"] for reading in found.readings} == {
        "errors", "fallbacks", "latency", "score", "refusals", "assignment",
    }  # fmt: skip
    assert 50 <= found.signals.requests[1] < 100


def test_a_challenger_that_fails_is_answered_for_by_the_champion(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.begin(sample_parts("2"), canary=True)
    live = trial.served.app.state.application.live[PRODUCT]
    monkeypatch.setattr(live.challengers[0], "decide", broken)
    answers = trial.send(60)
    assert {answer["bundle"] for answer in answers} == {"1"}
    wait_for(lambda: trial.state.rollout == "")
    assert re.search(ONLY_ITS_ERRORS, trial.state.move.reason)


def test_the_guard_notes_batches_and_a_repeated_request_once(trial: Trial) -> None:
    trial.begin(sample_parts("2"), canary=False)
    requests = [REQUEST | {"customer_id": f"E{number}", "amount": 500 + 37 * number} for number in range(40)]
    trial.send_many(requests, times=2)
    assert trial.counted(step=0, at_least=40) == 40
    trial.advance()
    trial.followed()
    decided = trial.send_many([request | {"amount": 700} for request in requests], times=2)
    for number in range(40, 60):
        body = {"product": PRODUCT, "request": REQUEST | {"customer_id": f"E{number}"}}
        found = [send(trial.served, "/decide", body, key=f"k{number}")[1] for _ in range(3)]
        assert len({answer["decision_id"] for answer in found}) == 1
        decided.append(found[0])
    by_challenger = sum(decision["bundle"] == "2" for decision in decided)
    assert 0 < by_challenger < 60
    assert trial.counted(step=1, at_least=by_challenger) == by_challenger


def test_a_challenger_that_fails_in_a_batch_is_answered_for_too(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.begin(sample_parts("2"), canary=True)
    monkeypatch.setattr(trial.served.app.state.application.live[PRODUCT].challengers[0], "decide", broken)
    answers = trial.send_many([REQUEST | {"customer_id": f"E{number}"} for number in range(60)])
    assert {(answer["bundle"], answer["role"]) for answer in answers} == {("1", "champion")}
    wait_for(lambda: trial.state.rollout == "")
    assert re.search(ONLY_ITS_ERRORS, trial.state.move.reason)
