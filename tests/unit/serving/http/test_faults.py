"""Faults behind the HTTP interface, in this process: what the caller, the log and the metrics are told."""

import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.contract import BundleContract, ColumnRule, SourceRules
from assets.features.kernel.kernel import compile_features
from assets.serving.http import deciding, routes
from assets.serving.log.decision_log import days, find_decision, scan_day
from assets.vocabulary import FeatureSet
from resources.online_store.opening import open_store
from resources.rollout_store.manifest import Challenger
from tests.support.models.serving_samples import (
    FEATURES,
    NOW,
    PRODUCT,
    REQUEST,
    sample_features,
    sample_parts,
    trained,
    transactions,
)
from tests.support.servers.serving_process import Workspace
from tests.unit.serving.http.test_routes import Served, started, wait_for


@pytest.fixture
def served(tmp_path: Path, parts: BundleParts) -> Iterator[Served]:
    with started(tmp_path / "home", parts) as running:
        yield running


def test_a_decision_that_is_called_void_is_void_in_the_log(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line is written after its caller was told; the log says so, and neither table nor metric counts it."""
    first = served.decide()
    monkeypatch.setattr(deciding, "LOG_SECONDS", 0.3)
    (path,) = served.workspace.environment.decision_log.rglob("*.jsonl")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as an erasure does, for as long as it takes
        status, text = served.post("/decide", {"product": PRODUCT, "request": REQUEST})
    assert status == 503
    assert "void" in text
    last = served.decide()
    log = served.workspace.environment.decision_log
    (day,) = days(log, PRODUCT)
    logged = scan_day(log, PRODUCT, day).decisions
    assert [decision.void for decision in logged] == [False, True, False]
    assert find_decision(log, logged[1].id).void
    assert [row["decision_id"] for row in served.recorded()] == [first["decision_id"], last["decision_id"]]
    assert served.metric("loopline_decisions_total") == 2
    assert served.metric('loopline_requests_refused_total{why="unlogged"}') == 1


def test_a_request_that_takes_too_long_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    decider = served.app.state.application.decider
    decide, goes_on = decider.decide, threading.Event()
    monkeypatch.setattr(routes, "_MOST_SECONDS", 0.3)

    def hang(*given: object, **options: object) -> object:
        goes_on.wait(10)
        return decide(*given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(decider, "decide", hang)
        status, text = served.post("/decide", {"product": PRODUCT, "request": REQUEST})
    assert (status, "not answered within 0.3 s" in text) == (504, True)
    assert served.metric('loopline_requests_refused_total{why="timeout"}') == 1
    goes_on.set()
    served.decide()


def test_decisions_are_answered_again_after_the_logs_handle_was_lost(served: Served) -> None:
    """As on a network volume that was away: the file is well, and every write by the open handle fails."""
    first = served.decide()
    (path,) = served.workspace.environment.decision_log.rglob("*.jsonl")
    broken, writable = os.pipe()
    for link in list(Path("/proc/self/fd").iterdir()):
        if link.is_symlink() and link.readlink() == path:
            os.dup2(broken, int(link.name))  # its number stays taken: no connection may get it
    os.close(broken)
    os.close(writable)
    later = [served.decide(), served.decide()]
    assert [row["decision_id"] for row in served.recorded()] == [row["decision_id"] for row in (first, *later)]


def test_a_shadow_that_fails_is_told_and_the_next_one_scores(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served.roll_out(shadow=served.workspace.publish(sample_parts("2", seed=2)))
    shadow = served.app.state.application.live[PRODUCT].shadow

    def fail(*_: object, **__: object) -> None:
        raise KeyError("a fault of the code")

    with monkeypatch.context() as patched:
        patched.setattr(shadow, "decide", fail)
        served.decide()
        wait_for(lambda: served.metric('loopline_shadow_failures_total{product="loans"}') == 1)
    assert "the shadow of decision" in caplog.text
    assert "KeyError" in caplog.text
    served.decide()
    wait_for(lambda: len(served.recorded(shadow=True)) == 1)


def test_a_decision_as_of_before_the_kept_events_is_a_fallback(tmp_path: Path, parts: BundleParts) -> None:
    """The store keeps the longest window before its load; a decision further back would miss events silently."""
    workspace = Workspace(tmp_path / "home")
    store = open_store(workspace.environment.online_store, PRODUCT)
    table = transactions(events_each=200)
    store.put_events("transactions", "customer_id", table, version="kept", watermark=NOW, lookback=timedelta(days=90))
    store.publish("kept")
    store.close()
    workspace.roll_out(workspace.publish(parts))
    with Served(workspace) as served:
        assert served.decide(as_of=NOW.isoformat())["fallback"] is None
        for ago in (timedelta(seconds=1), timedelta(days=10), timedelta(days=400)):
            answer = served.decide(as_of=(NOW - ago).isoformat())
            assert (answer["fallback"], answer["outcome"]) == ("policy", "review")
            record = find_decision(workspace.environment.decision_log, str(answer["decision_id"]))
            assert "too early: the online store keeps events of transactions from" in str(record.problem)


def without_keys(version: str) -> BundleParts:
    """A bundle whose features need no history, so that a request names no entity."""
    compiled, table = compile_features(FeatureSet(request=FEATURES.request), {}), sample_features(300)
    label = (table["amount"].to_numpy() > 9_000).astype(np.int64)
    policy = replace(sample_parts(version).policy, reasons={})
    return trained(PRODUCT, version, compiled, policy, table, label, seed=int(version), rounds=int(version))


def test_a_rollout_without_keys_reaches_both_sides(tmp_path: Path) -> None:
    """A request that names neither an entity nor a row is spread by an id of its own, which its answer names."""
    with started(tmp_path / "home", without_keys("1")) as served:
        second = served.workspace.publish(without_keys("2"))
        served.roll_out(challengers=(Challenger(release=second, share=0.5),))
        request = {name: REQUEST[name] for name in ("amount", "income_monthly", "purpose")}
        answers = []
        for _ in range(40):
            status, text = served.post("/decide", {"product": PRODUCT, "request": request})
            assert status == 200, text
            answers.append(json.loads(text))
        roles = Counter(answer["role"] for answer in answers)
        assert min(roles["champion"], roles["challenger"]) > 5
        for answer in answers[:10]:
            again = {**request, "application_id": answer["row_id"]}
            _, text = served.post("/decide", {"product": PRODUCT, "request": again})
            assert json.loads(text)["role"] == answer["role"]


def test_a_row_id_of_its_own_is_a_number_where_the_contract_asks_for_one(tmp_path: Path) -> None:
    numbers = {name: ColumnRule("number", required=False) for name in ("amount", "income_monthly")}
    columns = {"application_id": ColumnRule("integer"), "purpose": ColumnRule("string", required=False), **numbers}
    contract = BundleContract("applications", {"applications": SourceRules("event_time", "known_at", columns)})
    with started(tmp_path / "home", replace(without_keys("1"), contract=contract)) as served:
        request = {name: REQUEST[name] for name in ("amount", "income_monthly", "purpose")}
        answers = [served.post("/decide", {"product": PRODUCT, "request": request}) for _ in range(2)]
        assert [status for status, _ in answers] == [200, 200], answers
        row_ids = {json.loads(text)["row_id"] for _, text in answers}
        assert len(row_ids) == 2
        assert all(isinstance(row_id, int) for row_id in row_ids)


def test_a_cold_store_is_opened_once_by_many_threads(tmp_path: Path, parts: BundleParts) -> None:
    """The first decisions of a process arrive at the same time; none of them may do without the store."""
    workspace = Workspace(tmp_path / "home", events_each=5)
    workspace.roll_out(workspace.publish(parts))
    found = [fallback for _ in range(5) for fallback in _first_fallbacks(workspace)]
    assert found == [None] * 20


def _first_fallbacks(workspace: Workspace) -> list[object]:
    """The fallbacks of the first four decisions of a service, asked for at the same time."""
    together, found = threading.Barrier(4), []
    with Served(workspace) as served:

        def ask() -> None:
            together.wait()
            found.append(served.decide()["fallback"])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found
