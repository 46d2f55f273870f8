"""The HTTP interface over the whole application, in this process."""

import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pytest
import uvicorn
from starlette.applications import Starlette

from assets.bundle.bundle import BundleParts
from assets.features.kernel.kernel import compile_features
from assets.serving.application import Application
from assets.serving.http.routes import http_app, is_ready
from assets.serving.log.decision_log import days, find_decision, read_day
from assets.vocabulary import Number
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.opening import open_store
from resources.rollout_store.manifest import Challenger
from tests.support.models.serving_samples import FEATURES, PRODUCT, REQUEST, sample_features, sample_parts, trained
from tests.support.servers.serving_process import Workspace

EVENT = {
    "customer_id": "C7", "event_time": "2026-03-02T00:00:00Z", "known_at": "2026-03-02T00:00:00Z", "amount": 5.0,
    "direction": "debit", "category": "cash",
}  # fmt: skip


class Served:
    """The application served by a thread of this process, on a real socket."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.app: Starlette = http_app(lambda: Application.open(workspace.variables))
        self._server = uvicorn.Server(uvicorn.Config(self.app, port=workspace.port, http="httptools", log_config=None))
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        # The application is ready before its socket listens.
        wait_for(lambda: self._server.started and is_ready(self.app))
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.workspace.port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def post(self, path: str, body: object) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.workspace.port}{path}", data=data)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def decide(self, **change: object) -> dict[str, object]:
        status, text = self.post("/decide", {"product": PRODUCT, "request": REQUEST | change})
        assert status == 200, text
        found: dict[str, object] = json.loads(text)
        return found

    def metric(self, line: str) -> float:
        rows = self.get("/metrics").splitlines()
        return float(next((row.split()[-1] for row in rows if row.startswith(line)), "0"))

    def recorded(self, *, shadow: bool = False) -> list[dict[str, object]]:
        log = self.workspace.environment.decision_log
        found = [read_day(log, PRODUCT, day, shadow=shadow).to_pylist() for day in days(log, PRODUCT)]
        return [row for rows in found for row in rows]

    def roll_out(self, **others: object) -> None:
        """Adds a challenger or a shadow, and waits until the service follows."""
        champion = self.app.state.application.live[PRODUCT].manifest.champion
        self.workspace.roll_out(champion, **others)
        manifest = self.workspace.rollout.read_manifest(PRODUCT)
        wait_for(lambda: self.app.state.application.live[PRODUCT].manifest == manifest)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def started(home: Path, parts: BundleParts) -> Served:
    workspace = Workspace(home, events_each=20)
    workspace.roll_out(workspace.publish(parts))
    return Served(workspace)


@pytest.fixture
def served(tmp_path: Path, parts: BundleParts) -> Iterator[Served]:
    with started(tmp_path, parts) as running:
        yield running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, parts: BundleParts) -> Iterator[Served]:
    """For requests that change nothing."""
    with started(tmp_path_factory.mktemp("home"), parts) as running:
        yield running


def test_a_decision_is_answered_and_recorded(served: Served) -> None:
    answer = served.decide(application_id="A1", amount=19_000, income_monthly=900)
    assert (answer["row_id"], answer["outcome"], answer["fallback"]) == ("A1", "decline", None)
    assert answer["reasons"]
    record = find_decision(served.workspace.environment.decision_log, str(answer["decision_id"]))
    assert record.score == answer["score"]
    assert record.inputs == {"amount": 19_000.0, "income_monthly": 900.0, "purpose": "car"}
    assert record.store_version == "v1"
    assert served.metric('loopline_decisions_total{fallback="none",outcome="decline"') == 1
    assert served.metric('loopline_decision_seconds_count{product="loans",role="champion"') == 1


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "is not JSON"),
        (b"[]", 400, "must be a JSON object"),
        (b'{"product": "loans"}', 400, "'request' is missing"),
        (b'{"product": 1, "request": {}}', 400, "'product' must be a text"),
        (b'{"product": "loans", "request": {}, "explain": 1}', 400, "'explain' must be true or false"),
        (b'{"product": "loans", "request": {}, "debug": true}', 400, r"unknown field \"debug\""),
        (b'{"product": "../x", "request": {}}', 400, "is not a name"),
        (b'{"product": "loans", "request": {"amount": NaN}}', 400, "no JSON number"),
        (b'{"product": "loans", "request": {}}', 400, "'customer_id' is missing"),
        (b'{"product": "nothing", "request": {}}', 404, "'nothing' is unknown; known: loans"),
        (b" " * 65_537, 413, "larger than 65536"),
    ],
)
def test_a_request_without_a_decision_is_answered_with_the_reason(
    refusing: Served, body: bytes, status: int, message: str
) -> None:
    found, text = refusing.post("/decide", body)
    assert found == status
    assert message in text
    assert "Traceback" not in text
    assert refusing.recorded() == []


def test_a_body_without_an_announced_length_is_read_no_further_than_the_limit(refusing: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", refusing.workspace.port, timeout=10)
    connection.request("POST", "/decide", body=iter([b" " * 8192] * 9), encode_chunked=True, headers={
        "Transfer-Encoding": "chunked",
    })  # fmt: skip
    assert connection.getresponse().status == 413
    connection.close()


def test_neither_the_log_nor_the_reason_of_a_fallback_names_the_person(
    tmp_path: Path, parts: BundleParts, caplog: pytest.LogCaptureFixture
) -> None:
    """The record keeps the key where an erasure finds it, and nowhere else."""
    running = started(tmp_path, parts)
    store = open_store(running.workspace.environment.online_store, PRODUCT)
    assert isinstance(store, LmdbStore)
    with store._files.writing() as txn, txn.cursor() as cursor:
        for name in [bytes(key) for key, _ in cursor if b"C7" in bytes(key)]:
            txn.put(name, b"{broken")
    store.close()
    with running:
        answer = running.decide()
        assert answer["fallback"] == "policy"
        (row,) = running.recorded()
    problem = str(row["problem"])
    assert "events of transactions by customer_id: stored events are damaged" in problem
    assert not re.search(r"\bC7\b", problem)
    assert "is a fallback" in caplog.text
    assert not re.search(r"\bC7\b", caplog.text)


def test_a_decision_that_cannot_be_logged_is_not_answered(served: Served) -> None:
    log = served.workspace.environment.decision_log
    log.write_text("a file where the folder should be")
    status, text = served.post("/decide", {"product": PRODUCT, "request": REQUEST})
    assert (status, "outcome" in text) == (503, False)
    assert "could not be logged in time" in text
    assert served.metric('loopline_requests_refused_total{why="unlogged"}') == 1
    log.unlink()
    served.decide()


def test_an_overloaded_service_refuses_at_once(served: Served) -> None:
    served.app.state.in_flight = 64
    began = time.perf_counter()
    status, text = served.post("/decide", {"product": PRODUCT, "request": REQUEST})
    assert (status, "overloaded" in text) == (503, True)
    assert time.perf_counter() - began < 0.5
    assert served.metric('loopline_requests_refused_total{why="overload"}') == 1
    served.app.state.in_flight = 0
    served.decide()
    assert served.app.state.in_flight == 0


def test_an_unforeseen_error_tells_nothing_of_the_internals(served: Served) -> None:
    served.app.state.deciding.shutdown()
    status, text = served.post("/decide", {"product": PRODUCT, "request": REQUEST})
    assert (status, json.loads(text)) == (500, {"error": "the service failed; its log has the details"})
    assert served.app.state.in_flight == 0


@pytest.mark.parametrize(
    "content",
    [
        {"\ud800": 1},
        {"product": "\ud800", "request": {}},
        {"product": PRODUCT, "request": REQUEST | {"\ud800": 1}},
        {"product": PRODUCT, "request": REQUEST | {"as_of": "\ud800"}},
        {"product": PRODUCT, "request": REQUEST | {"customer_id": "C\udce9"}},
        {"product": PRODUCT, "request": REQUEST | {"purpose": "car\udc80"}},
        {"product": PRODUCT, "source": "transactions", "event": EVENT | {"category": "\ud800"}},
        {"product": PRODUCT, "source": "\ud800", "event": EVENT},
        {"product": PRODUCT, "source": "transactions", "event": EVENT | {"\ud800": 1}},
        {"product": PRODUCT, "source": "transactions", "event": EVENT, "event_id": "\ud800"},
        {"product": PRODUCT, "request": {"customer_id": [[[[]]] * 3]} | dict.fromkeys(["\x7f\u2028"], 1)},
    ],
)
@pytest.mark.parametrize("route", ["/decide", "/events"])
def test_text_that_utf8_cannot_hold_is_refused_and_the_next_request_is_answered(
    refusing: Served, route: str, content: dict[str, object]
) -> None:
    """Both over one connection, as clients with a pool have it."""
    kept = http.client.HTTPConnection("127.0.0.1", refusing.workspace.port, timeout=10)
    kept.request("POST", route, json.dumps(content).encode())
    answer = kept.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]) == (400, "the request is invalid")
    kept.request("POST", "/decide", json.dumps({"product": PRODUCT, "request": REQUEST}))
    assert kept.getresponse().status == 200
    kept.close()


def test_a_known_product_without_a_champion_is_another_thing_than_an_unknown_one(served: Served) -> None:
    """An alert fires on the first; the second is the caller's mistake."""
    manifest = served.app.state.application.live[PRODUCT].manifest
    built = served.workspace.environment.home / "built" / "1"
    served.workspace.rollout.publish_bundle("other", "1", built)  # of loans, so it is refused
    served.workspace.rollout.publish_manifest("other", replace(manifest, product="other"))
    wait_for(lambda: served.post("/decide", {"product": "other", "request": {}})[0] == 503)
    status, text = served.post("/decide", {"product": "another", "request": {}})
    assert (status, json.loads(text)["error"]) == (404, "product 'another' is unknown; known: loans, other")
    assert served.metric('loopline_requests_refused_total{why="no_champion"}') >= 1
    assert served.metric('loopline_requests_refused_total{why="unknown_product"}') >= 1


def test_a_posted_event_is_added_once(served: Served) -> None:
    body = {"product": PRODUCT, "source": "transactions", "event": EVENT}
    answers = [json.loads(served.post("/events", body)[1])["added"] for _ in range(2)]
    assert answers == [True, False]
    assert served.metric('loopline_events_total{result="added"}') == 1


def test_a_posted_event_counts_in_the_next_decision(served: Served) -> None:
    """Over HTTP from end to end; the record shows the features with and without it."""
    as_of = {"as_of": "2026-03-02T00:00:00+00:00"}
    before = served.decide(**as_of)
    served.post("/events", {"product": PRODUCT, "source": "transactions", "event": EVENT | {"amount": 4321.0}})
    after = served.decide(**as_of)
    log = served.workspace.environment.decision_log
    was, now = (find_decision(log, str(answer["decision_id"])).features for answer in (before, after))
    assert (was["since_last"] != 0.0, now["since_last"]) == (True, 0.0)
    assert now["max_spent_90d"] == 4321.0
    assert now["transactions_30d"] == was["transactions_30d"] + 1  # type: ignore[operator]


def test_the_state_of_the_online_store_is_described(served: Served) -> None:
    """Table versions and the time until which events are known, in /products and /metrics."""
    (live,) = json.loads(served.get("/products"))["products"]
    until = "2026-03-01T12:00:00+00:00"
    assert live["events"] == {
        "version": "v1", "tables": {"transactions": None}, "watermarks": {"transactions": until},
    }  # fmt: skip
    gauge = 'loopline_events_watermark_seconds{product="loans",source="transactions"}'
    assert served.metric(gauge) == datetime.fromisoformat(until).timestamp()


@pytest.mark.parametrize(("last_day", "late"), [("2026-03-01", True), ("2026-02-28", False)])
def test_a_history_that_has_ended_is_never_late(tmp_path: Path, parts: BundleParts, last_day: str, late: bool) -> None:
    """The alert on old events asks for a watermark; once the last day is known, there is none to ask for."""
    with started(tmp_path, replace(parts, policy=replace(parts.policy, last_day=last_day))) as served:
        shown = served.metric('loopline_events_watermark_seconds{product="loans",source="transactions"}')
        assert (shown > 0) is late
        assert '"transactions": "2026-03-01T12:00' in served.get("/products").replace('":"', '": "')


def test_a_product_that_refuses_stale_events_answers_503(tmp_path: Path, parts: BundleParts) -> None:
    """The answer says until when events are known, and no decision is recorded."""
    with started(tmp_path, replace(parts, policy=replace(parts.policy, when_stale="refuse"))) as served:
        request = REQUEST | {"as_of": "2026-03-09T00:00:00+00:00"}
        status, text = served.post("/decide", {"product": PRODUCT, "request": request})
        assert (status, "known until 2026-03-01" in text) == (503, True)
        assert served.metric('loopline_requests_refused_total{why="stale"}') == 1
        assert served.recorded() == []


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"source": "../x"}, 400, "takes events of transactions"),
        ({"source": "nothing"}, 400, "takes events of transactions"),
        ({"event": {}}, 400, "'event_time' is missing"),
        ({"event": EVENT | {"amount": "5"}}, 400, "'amount' is a text"),
        ({"product": "nothing"}, 404, "'nothing' is unknown; known: loans"),
        ({"extra": 1}, 400, r"unknown field \"extra\""),
    ],
)
def test_a_wrong_event_is_refused(refusing: Served, change: dict[str, object], status: int, message: str) -> None:
    found, text = refusing.post("/events", {"product": PRODUCT, "source": "transactions", "event": EVENT} | change)
    assert found == status
    assert message in text


def test_a_shadow_scores_silently(served: Served) -> None:
    served.roll_out(shadow=served.workspace.publish(sample_parts("2", seed=2)))
    answer = served.decide()
    assert answer["bundle"] == "1"
    wait_for(lambda: len(served.recorded(shadow=True)) == 1)
    (shadow,), (decision,) = served.recorded(shadow=True), served.recorded()
    assert (shadow["bundle"], shadow["shadow_of"]) == ("2", answer["decision_id"])
    for name in ("row_id", "as_of", "features"):
        assert shadow[name] == decision[name]
    assert shadow["score"] != decision["score"]


def test_a_challenger_decides_and_says_so(served: Served) -> None:
    second = served.workspace.publish(sample_parts("2", seed=2))
    served.roll_out(
        challengers=(Challenger(release=second, share=1.0),),
        rollout="loans-2",
        stage="canary",
        since=datetime.now(UTC),
    )
    answer = served.decide()
    assert (answer["bundle"], answer["role"]) == ("2", "challenger")
    assert (answer["rollout"], answer["share"]) == ("loans-2", 1.0)
    (live,) = json.loads(served.get("/products"))["products"]
    assert (live["champion"]["version"], live["rollout"]) == ("1", "loans-2")
    assert live["challengers"] == [{"version": "2", "digest": second.digest, "share": 1.0}]
    assert served.metric('loopline_bundle_info{digest="' + second.digest[:12]) == 1


def test_a_request_has_the_fields_of_every_live_bundle(served: Served, parts: BundleParts) -> None:
    """A challenger that reads one field more is told of in /products; the champion ignores the field."""
    features = replace(FEATURES, request=(*FEATURES.request, Number("term_months")))
    wider = compile_features(features, parts.kernel.resolutions)
    table = sample_features()
    table = table.append_column("term_months", pa.array(np.arange(table.num_rows) % 60.0))
    label = (table["amount_to_income"].to_numpy() > 3).astype(np.int64)
    second = served.workspace.publish(trained(PRODUCT, "2", wider, parts.policy, table, label, rounds=3))
    served.roll_out(challengers=(Challenger(release=second, share=1.0),))
    (live,) = json.loads(served.get("/products"))["products"]
    assert "term_months" in live["request"]["fields"]
    assert served.post("/decide", {"product": PRODUCT, "request": REQUEST})[0] == 400
    assert served.decide(term_months=36)["role"] == "challenger"
    served.roll_out(challengers=(Challenger(release=second, share=0.0),))
    assert served.decide(term_months=36)["role"] == "champion"


def test_many_clients_at_once_are_all_answered_and_recorded(served: Served) -> None:
    answers: list[object] = []

    def some() -> None:
        answers.extend(served.decide()["decision_id"] for _ in range(10))

    threads = [threading.Thread(target=some) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 60
    assert {row["decision_id"] for row in served.recorded()} == set(answers)
