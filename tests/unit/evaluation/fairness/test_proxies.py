"""Planted proxies: found by name, with the gap that goes through them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from assets.evaluation.evaluate import Evaluation, draw, evaluate_model
from assets.evaluation.gates import GateVerdict, evaluate
from assets.product import FairnessPolicy, GatePolicy, Jurisdiction, Limit, Protected
from assets.training.candidates import train_candidates
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import split_rows
from tests.support.data.unfair_rows import DECISION, MATURITY, SPEC, unfair_rows
from tests.support.models.studied import with_study

GATES = GatePolicy(min_auc=0.6, min_selection_ratio=0.01, max_odds_gap=1.0)
POLICY = FairnessPolicy((Jurisdiction("eu", "the equal treatment directive", (Limit("selection_ratio", 0.8),)),))


def evaluated(rows: TrainingRows, policy: FairnessPolicy | None = POLICY) -> Evaluation:
    split = split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)
    candidates = train_candidates(rows, split, SPEC)
    figures = evaluate_model(
        rows, split, candidates.boosted, candidates.scorecard, decision=DECISION, protected=(Protected("sex"),),
        gates=GATES, seed=7, fairness=policy,
    )  # fmt: skip
    return with_study(figures, rows, split, candidates.boosted, DECISION)


@cache
def planted() -> Evaluation:
    return evaluated(unfair_rows())


def verdict_of(evaluation: Evaluation) -> GateVerdict:
    signals = evaluation.signals(first_model=True, future_features=0, latency_ms=1.0, bundle_mb=1.0)
    assert evaluation.assessment is not None
    return evaluate(signals, GATES, evaluation.assessment.gates)


def test_an_unfair_proxy_is_refused_by_the_gate_meant_for_it() -> None:
    verdict = verdict_of(planted())
    assert verdict.action == "refuse"
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["eu_selection_ratio", "proxies"]
    assert "goes through shoe_size (AUC 0.9" in verdict.reasons[1]


def test_a_proxy_that_decides_nothing_is_told_and_not_refused() -> None:
    evaluation = evaluated(unfair_rows(unfairness=0.0))
    verdict = verdict_of(evaluation)
    assert verdict.action == "promote", verdict.reasons
    assert evaluation.assessment is not None
    for group in evaluation.assessment.proxies[0].groups:
        assert group.features[0].feature == "shoe_size"
        assert group.together > 0.9
        assert abs(group.through_proxies) < 0.05


def test_the_gap_goes_through_the_proxy_and_not_through_the_others() -> None:
    assessment = planted().assessment
    assert assessment is not None
    assert [group.group for group in assessment.proxies[0].groups] == ["female", "male"]
    for group in assessment.proxies[0].groups:
        by_feature = {one.feature: one for one in group.features}
        assert by_feature["shoe_size"].auc > 0.9
        assert by_feature["skill"].auc < 0.6
        assert group.through_proxies == by_feature["shoe_size"].through
        assert group.through_proxies > 0.5 * abs(group.gap)
        assert abs(by_feature["noise"].through) < 0.03


def test_without_the_proxy_nothing_tells_the_group() -> None:
    rows = unfair_rows(unfairness=0.0)
    names = ("skill", "noise")
    blind = replace(rows, matrix=np.ascontiguousarray(rows.matrix[:, [0, 2]]), columns=names, sources=names)
    evaluation = evaluated(blind)
    assert evaluation.assessment is not None
    for group in evaluation.assessment.proxies[0].groups:
        assert group.together == pytest.approx(0.5, abs=0.06)
    (gate,) = [gate for gate in evaluation.assessment.gates if gate.name == "proxies"]
    assert gate.reason == "proxies: no feature alone tells a group with an AUC of 0.7 or above"


def test_the_assessment_is_recorded_and_drawn() -> None:
    record = planted().to_dict()["fairness_policy"]
    assert isinstance(record, dict)
    assert [gate["name"] for gate in record["gates"]] == ["eu_selection_ratio", "proxies"]
    assert [one["attribute"] for one in record["attributes"]] == ["sex"]
    picture = draw(planted())["fairness_intervals"]
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_without_a_policy_nothing_is_added() -> None:
    plain = evaluated(unfair_rows(), None)
    assert plain.assessment is None
    assert "fairness_policy" not in plain.to_dict()
    assert "fairness_intervals" not in draw(plain)
