"""The gates: exact at their thresholds, and closed to unknown values."""

import json
from dataclasses import fields, replace

import pytest

from assets.evaluation.gates import GateSignals, evaluate
from assets.product import GatePolicy

POLICY = GatePolicy(min_auc=0.7)
GOOD = GateSignals(
    auc=0.8,
    calibration_error=0.02,
    profit_gain=0.3,
    champion_loss=0.01,
    slice_auc=0.75,
    selection_ratio=0.9,
    odds_gap=0.05,
    score_psi=0.05,
    single_feature_auc=0.7,
    future_features=0,
    latency_ms=2.0,
    bundle_mb=1.0,
    overfit=0.02,
    explanation_agreement=0.95,
    noise_flips=0.01,
    unseen_share=0.01,
    serving_skew=0.0,
)
NAMES = (
    "auc",
    "auc_not_too_good",
    "calibration_error",
    "profit_gain",
    "champion_comparison",
    "slice_auc",
    "selection_ratio",
    "odds_gap",
    "score_stability",
    "single_feature_auc",
    "future_features",
    "latency_ms",
    "bundle_mb",
    "overfit",
    "explanation_stability",
    "noise_flips",
    "unseen_rows",
    "serving_skew",
)
_NO_SIGNALS = ("first_model", "no_protected", "single_feature", "few_features")
SIGNALS = [field.name for field in fields(GateSignals) if field.name not in _NO_SIGNALS]


def failed(signals: GateSignals) -> set[str]:
    return {result.name for result in evaluate(signals, POLICY).results if result.passed is False}


def test_a_good_model_is_promoted_by_every_gate() -> None:
    verdict = evaluate(GOOD, POLICY)
    assert tuple(result.name for result in verdict.results) == NAMES
    assert (verdict.action, verdict.reasons) == ("promote", ("all 18 gates passed",))


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"auc": 0.6999}, "auc"),
        ({"auc": 0.9701}, "auc_not_too_good"),
        ({"calibration_error": 0.0501}, "calibration_error"),
        ({"profit_gain": -0.0001}, "profit_gain"),
        ({"champion_loss": 0.0201}, "champion_comparison"),
        ({"slice_auc": 0.5999}, "slice_auc"),
        ({"selection_ratio": 0.7999}, "selection_ratio"),
        ({"odds_gap": 0.2001}, "odds_gap"),
        ({"score_psi": 0.2501}, "score_stability"),
        ({"single_feature_auc": 0.9001}, "single_feature_auc"),
        ({"future_features": 1.0}, "future_features"),
        ({"latency_ms": 10.01}, "latency_ms"),
        ({"bundle_mb": 50.01}, "bundle_mb"),
        ({"overfit": 0.1501}, "overfit"),
        ({"explanation_agreement": 0.4999}, "explanation_stability"),
        ({"noise_flips": 0.1001}, "noise_flips"),
        ({"unseen_share": 0.9001}, "unseen_rows"),
        ({"serving_skew": 0.0011}, "serving_skew"),
    ],
)
def test_one_bad_signal_closes_one_gate_and_refuses(change: dict[str, float], gate: str) -> None:
    signals = replace(GOOD, **change)  # type: ignore[arg-type]
    assert failed(signals) == {gate}
    verdict = evaluate(signals, POLICY)
    assert verdict.action == "refuse"
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith(f"{gate}: ")


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("signal", SIGNALS)
def test_what_is_unknown_never_passes(signal: str, value: float | None) -> None:
    signals = replace(GOOD, **{signal: value})  # type: ignore[arg-type]
    assert evaluate(signals, POLICY).action == "refuse"
    for result in evaluate(signals, POLICY).results:
        if not result.passed:
            assert result.value is None
            assert "unknown" in result.reason


def test_nothing_known_closes_every_gate() -> None:
    assert failed(GateSignals()) == set(NAMES)


def test_a_value_exactly_at_its_threshold_passes() -> None:
    edge = GateSignals(0.7, 0.05, 0.0, 0.02, 0.6, 0.8, 0.2, 0.25, 0.9, 0.0, 10.0, 50.0, 0.15, 0.5, 0.1, 0.5, 0.001)
    assert evaluate(edge, POLICY).action == "promote"


def test_a_first_model_has_no_champion_to_lose_to() -> None:
    first = replace(GOOD, champion_loss=None, first_model=True)
    result = next(r for r in evaluate(first, POLICY).results if r.name == "champion_comparison")
    assert (result.passed, result.value) == (None, None), "not asked, and not a passed 0.0"
    assert result.reason == (
        "champion_comparison: not asked: this is the first model, so there is no champion to compare with"
    )
    verdict = evaluate(first, POLICY)
    assert (verdict.action, verdict.reasons) == ("promote", ("all 17 gates passed; not asked: champion_comparison",))


def test_two_features_have_no_ranks_to_compare() -> None:
    few = replace(GOOD, explanation_agreement=None)
    assert failed(few) == {"explanation_stability"}, "unknown is no pass"
    result = next(
        r for r in evaluate(replace(few, few_features=True), POLICY).results if r.name == "explanation_stability"
    )
    assert (result.passed, result.value) == (None, None)
    assert "not asked: there are fewer than three features" in result.reason


def test_a_product_without_protected_attributes_has_no_groups_to_judge() -> None:
    plain = replace(GOOD, slice_auc=None, selection_ratio=None, odds_gap=None)
    assert failed(plain) == {"slice_auc", "selection_ratio", "odds_gap"}
    verdict = evaluate(replace(plain, no_protected=True), POLICY)
    of_groups = [r for r in verdict.results if r.name in ("slice_auc", "selection_ratio", "odds_gap")]
    assert [(r.passed, r.value) for r in of_groups] == [(None, None)] * 3, "not asked, and not a passed 1.0"
    assert all("not asked: no protected attribute is declared" in r.reason for r in of_groups)
    assert verdict.action == "promote"
    assert verdict.reasons == ("all 15 gates passed; not asked: slice_auc, selection_ratio, odds_gap",)


def test_the_reason_names_the_leaking_feature() -> None:
    verdict = evaluate(replace(GOOD, single_feature_auc=0.99, single_feature="days_past_due"), POLICY)
    assert "'days_past_due'" in verdict.reasons[0]
    assert "leak" in verdict.reasons[0]


def test_the_verdict_is_ready_for_json() -> None:
    values = json.loads(json.dumps(evaluate(GateSignals(auc=float("nan")), POLICY).to_dict(), allow_nan=False))
    assert values["action"] == "refuse"
    assert values["results"][0] == {
        "name": "auc",
        "value": None,
        "threshold": 0.7,
        "comparison": "at_least",
        "passed": False,
        "reason": "auc: AUC on the test rows is unknown (nan); an unknown value does not pass",
    }
