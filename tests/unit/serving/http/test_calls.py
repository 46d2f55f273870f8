"""Batches, repeated requests and earlier decisions over HTTP, in this process."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleParts
from assets.serving.log.decision_log import erase, find_decision
from resources.rollout_store.manifest import Challenger
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.unit.serving.http.test_routes import Served, started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, parts: BundleParts) -> Iterator[Served]:
    with started(tmp_path_factory.mktemp("home"), parts) as running:
        yield running


def one(**change: object) -> dict[str, object]:
    return {"product": PRODUCT, "request": REQUEST | change}


def many(served: Served, requests: list[Any], *, key: str | None = None, **others: object) -> tuple[int, Any]:
    return send(served, "/decide/many", {"product": PRODUCT, "requests": requests, **others}, key=key)


def send(served: Served, path: str, body: object = None, *, key: str | None = None) -> tuple[int, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{served.workspace.port}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


# ------------------------------------------------------------------ many


def test_each_request_of_a_batch_gets_its_decision_or_its_error(served: Served) -> None:
    requests = [REQUEST | {"application_id": "M1"}, REQUEST | {"amount": "x"}, {}, REQUEST | {"application_id": "M4"}]
    status, content = many(served, requests)
    assert status == 200
    assert [result["status"] for result in content["results"]] == [200, 400, 400, 200]
    assert "field 'amount' is \"x\" (text)" in content["results"][1]["problems"][0]
    logged = {row["row_id"]: row for row in served.recorded()}
    for result in (content["results"][0], content["results"][3]):
        decision = result["decision"]
        assert logged[decision["row_id"]]["decision_id"] == decision["decision_id"]
    assert "M2" not in logged
    alone = send(served, "/decide", one(application_id="M1"))[1]
    batch = content["results"][0]["decision"]
    assert (alone["score"], alone["outcome"]) == (batch["score"], batch["outcome"])


def test_a_batch_is_bounded_and_wholly_refused_where_no_request_of_it_could_be_decided(served: Served) -> None:
    for body, status, words in (
        ({"product": PRODUCT, "requests": []}, 400, "send 1 to 100"),
        ({"product": PRODUCT, "requests": [{}] * 101}, 400, "has 101 requests"),
        ({"product": PRODUCT, "requests": [1]}, 400, "request 0 is a number"),
        ({"product": PRODUCT, "requests": REQUEST}, 400, "'requests' must be a list"),
        ({"product": "cars", "requests": [{}]}, 404, "product 'cars' is unknown"),
    ):
        found, content = send(served, "/decide/many", body)
        assert found == status
        assert words in json.dumps(content)
    assert many(served, [REQUEST | {"purpose": "x" * 70_000}])[0] == 413


def test_a_batch_takes_its_decisions_from_the_arm_of_each_entity(tmp_path: Path, parts: BundleParts) -> None:
    with started(tmp_path, parts) as served:
        other = served.workspace.publish(sample_parts("2", seed=2))
        served.roll_out(challengers=(Challenger(release=other, share=0.5),), rollout="r1", stage="canary")
        requests = [REQUEST | {"customer_id": f"C{number}"} for number in range(40)]
        decided = [result["decision"] for result in many(served, requests)[1]["results"]]
        assert {decision["bundle"] for decision in decided} == {"1", "2"}
        again = [send(served, "/decide", {"product": PRODUCT, "request": request})[1] for request in requests[:10]]
        assert [d["bundle"] for d in again] == [d["bundle"] for d in decided[:10]]
        for bundle, role in (("1", "champion"), ("2", "challenger")):
            labels = f'product="loans",role="{role}",version="{bundle}"'
            counted = sum(d["bundle"] == bundle for d in (*decided, *again))
            assert served.metric(f"loopline_decision_score_count{{{labels}}}") == counted
            of_outcomes = [
                served.metric(f'loopline_decisions_total{{fallback="none",outcome="{outcome}",{labels}}}')
                for outcome in ("approve", "decline")
            ]
            assert sum(of_outcomes) == counted


# ------------------------------------------------------------------ the same request again


def test_the_same_key_and_body_get_the_same_decision_and_one_line_of_the_log(served: Served) -> None:
    status, first = send(served, "/decide", one(application_id="I1"), key="k-1")
    assert status == 200
    assert [send(served, "/decide", one(application_id="I1"), key="k-1") for _ in range(3)] == [(200, first)] * 3
    assert sum(row["row_id"] == "I1" for row in served.recorded()) == 1
    status, content = send(served, "/decide", one(application_id="I2"), key="k-1")
    assert (status, "another body" in content["error"]) == (409, True)
    assert send(served, "/decide", one(application_id="I1"), key="k-2")[1]["decision_id"] != first["decision_id"]


def test_duplicates_at_the_same_time_get_one_decision(served: Served) -> None:
    found: list[tuple[int, Any]] = []
    body = one(application_id="I3")
    threads = [
        threading.Thread(target=lambda: found.append(send(served, "/decide", body, key="k-3"))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 12
    assert len({(status, content["decision_id"]) for status, content in found}) == 1
    assert sum(row["row_id"] == "I3" for row in served.recorded()) == 1


def test_a_refused_request_is_not_remembered(served: Served) -> None:
    for _ in range(2):
        assert send(served, "/decide", one(amount="x"), key="k-4")[0] == 400
    for key in ("", "x" * 256, "a\tb"):
        status, content = send(served, "/decide", one(), key=key)
        assert (status, "1 to 255" in content["problems"][0]) == (400, True)


def test_a_batch_that_is_sent_again_decides_only_what_failed(served: Served) -> None:
    requests = [REQUEST | {"application_id": f"B{number}"} for number in range(3)]
    first = many(served, requests, key="k-5")[1]["results"]
    changed = [*requests[:2], REQUEST | {"application_id": "B9"}, REQUEST | {"application_id": "B4"}]
    again = many(served, changed, key="k-5")[1]["results"]
    assert [result["status"] for result in again] == [200, 200, 409, 200]
    assert [result["decision"] for result in again[:2]] == [result["decision"] for result in first[:2]]
    assert [result.get("replayed", False) for result in again] == [True, True, False, False]
    assert sum(str(row["row_id"]).startswith("B") for row in served.recorded()) == 4


def test_a_restarted_service_knows_the_requests_of_before(tmp_path: Path, parts: BundleParts) -> None:
    with started(tmp_path, parts) as served:
        workspace = served.workspace
        first = send(served, "/decide", one(application_id="R1"), key="r-1")[1]
        erased = send(served, "/decide", one(application_id="R2", customer_id="C5"), key="r-2")[1]
        assert find_decision(workspace.environment.decision_log, first["decision_id"]).mark
    assert erase(workspace.environment.decision_log, PRODUCT, "customer_id", "C5") == 1
    with Served(workspace) as served:
        assert send(served, "/decide", one(application_id="R1"), key="r-1") == (200, first)
        assert send(served, "/decide", one(application_id="R9"), key="r-1")[0] == 409
        # The mark of an erased decision went with its subject's data.
        again = send(served, "/decide", one(application_id="R2", customer_id="C5"), key="r-2")[1]
        assert again["decision_id"] != erased["decision_id"]
    assert len([row for row in served.recorded() if row["row_id"] == "R1"]) == 1


# ------------------------------------------------------------------ earlier decisions


def test_an_earlier_decision_is_explained_an_accepted_one_too(served: Served) -> None:
    accepted = send(served, "/decide", one(application_id="E1", amount=600))[1]
    refused = send(served, "/decide", one(application_id="E2", amount=19_000, income_monthly=900))[1]
    with_reasons = send(served, "/decide", {**one(application_id="E1", amount=600), "explain": True})[1]
    assert (accepted["outcome"], accepted["reasons"], refused["outcome"]) == ("approve", [], "decline")
    status, found = send(served, f"/decisions/{accepted['decision_id']}")
    assert status == 200
    record = find_decision(served.workspace.environment.decision_log, accepted["decision_id"])
    assert found["decision"] == record.to_record()
    assert found["reasons"]
    assert found["reasons"] == with_reasons["reasons"]
    assert (found["reasons_are"], found["remark"]) == ("computed", "")
    assert send(served, f"/decisions/{refused['decision_id']}")[1]["reasons"] == refused["reasons"]


def test_a_decision_of_a_bundle_that_is_live_no_more_is_explained(tmp_path: Path, parts: BundleParts) -> None:
    with started(tmp_path, parts) as served:
        decided = send(served, "/decide", one(amount=600))[1]
        before = send(served, f"/decisions/{decided['decision_id']}")[1]
        served.workspace.roll_out(served.workspace.publish(sample_parts("2", seed=2)))
        deadline = datetime.now(UTC).timestamp() + 10
        while send(served, "/decide", one())[1]["bundle"] != "2":
            assert datetime.now(UTC).timestamp() < deadline
        assert send(served, f"/decisions/{decided['decision_id']}")[1] == before
        erase(served.workspace.environment.decision_log, PRODUCT, "customer_id", str(REQUEST["customer_id"]))
        erased = send(served, f"/decisions/{decided['decision_id']}")[1]
        assert (erased["reasons_are"], erased["reasons"]) == ("recorded", [])
        assert erased["decision"]["inputs"] == {}


def test_explanations_that_wait_take_no_place_of_a_decision(served: Served) -> None:
    decided = send(served, "/decide", one())[1]
    served.app.state.explaining = 8
    status, content = send(served, f"/decisions/{decided['decision_id']}")
    assert (status, "explains other decisions" in content["error"]) == (503, True)
    assert send(served, "/decide", one())[0] == 200
    served.app.state.explaining = 0
    assert send(served, f"/decisions/{decided['decision_id']}")[0] == 200
    assert served.app.state.explaining == 0


def test_an_unknown_decision_is_a_404(served: Served) -> None:
    for unknown in ("0198c0de-7c1f-7abc-8def-0123456789ab", "x", "%00"):
        status, content = send(served, f"/decisions/{unknown}")
        assert status == 404, content
        assert "error" in content
