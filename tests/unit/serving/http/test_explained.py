"""An explanation over HTTP and by `loopline explain`: proved reasons, contributions, an accepted recourse."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.models.explained import explained_parts, requests
from tests.support.models.serving_samples import PRODUCT
from tests.support.processes.in_process import answer_of
from tests.unit.serving.http.test_routes import Served, started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with started(tmp_path_factory.mktemp("home"), explained_parts()) as running:
        yield running


def _explained(served: Served, decision_id: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(served.get(f"/decisions/{decision_id}"))
    return found


def test_the_service_accepts_the_counterfactual_that_it_names(served: Served) -> None:
    """Of the first declined requests those with a recourse: sent again with the changes, each is accepted."""
    accepted = 0
    for request, _ in zip(requests(), range(60), strict=False):
        decided = served.decide(**request)
        found = _explained(served, decided["decision_id"])
        assert found["reasons_are"] == "computed"
        if decided["outcome"] == "approve":
            assert (found["recourse"], found["recourse_remark"]) == (None, "it was accepted")
            continue
        # Where a rule alone declined, the explanation has the score's reasons too.
        assert found["reasons"][: len(decided["reasons"])] == decided["reasons"]
        recourse = found["recourse"]
        if recourse["without_recourse"]:
            assert (recourse["accepted_changes"], recourse["counterfactual"]) == (0, None)
            continue
        changes = {one["column"]: one["to"] for one in recourse["counterfactual"]["changes"]}
        assert {one["column"]: one["from"] for one in recourse["counterfactual"]["changes"]}.items() <= request.items()
        again = served.decide(**request | changes)
        assert (again["outcome"], again["score"]) == ("approve", recourse["counterfactual"]["score"])
        accepted += 1
    assert accepted > 5


def test_contributions_are_of_every_feature(served: Served) -> None:
    decided = served.decide(amount=9_000, income_monthly=900.0)
    found = _explained(served, decided["decision_id"])
    assert {one["feature"] for one in found["contributions"]} == set(found["decision"]["features"])
    sizes = [abs(one["contribution"]) for one in found["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    by_feature = {one["feature"]: one for one in found["contributions"]}
    for reason in found["reasons"]:
        if "rule" not in reason:
            assert by_feature[reason["feature"]]["contribution"] == reason["contribution"]
            assert by_feature[reason["feature"]]["score_if_usual"] == reason["score_if_usual"] < decided["score"]


def test_the_command_gives_the_same_without_the_service(served: Served) -> None:
    declined = next(one for request in requests() if (one := served.decide(**request))["outcome"] == "decline")
    answer = answer_of(["explain", str(declined["decision_id"]), "--json"], dict(served.workspace.variables))
    assert answer.status == 0, answer.people
    assert answer.told == _explained(served, declined["decision_id"])
    assert f"Decision {declined['decision_id']} of {PRODUCT}, version 1: decline" in answer.people
    for reason in declined["reasons"]:
        assert reason["text"] in answer.people
    assert "allowed changes" in answer.people
    unknown = answer_of(["explain", "0198c0de-7c1f-7abc-8def-0123456789ab"], dict(served.workspace.variables))
    assert unknown.status == 1
    assert "0198c0de" in unknown.people
