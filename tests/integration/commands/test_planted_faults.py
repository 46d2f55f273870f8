"""Faults planted in the data are found by the gates, from rows to verdict; a clean model passes all of them."""

from dataclasses import replace

import numpy as np
import pytest

from assets.evaluation.evaluate import Evaluation, evaluate_model
from assets.evaluation.gates import GateVerdict, evaluate
from assets.product import DecisionPolicy, GatePolicy, Profit, Protected
from assets.training.candidates import Candidates, train_candidates
from assets.training.rows import TrainingRows
from assets.training.split import Split, split_rows
from tests.support.studied import with_study
from tests.unit.training.conftest import MATURITY, SPEC, make_rows

DECISION = DecisionPolicy("approve", "decline", Profit(good=0.1, bad=0.5, stake="amount"))
GATES = GatePolicy(min_auc=0.7, max_calibration_error=0.06)


@pytest.fixture(scope="module")
def clean() -> TrainingRows:
    return make_rows(5000)


def train(rows: TrainingRows) -> tuple[Split, Candidates]:
    split = split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)
    return split, train_candidates(rows, split, SPEC)


def judge(
    rows: TrainingRows,
    split: Split,
    candidates: Candidates,
    champion_scores: np.ndarray | None = None,
    served: np.ndarray | None = None,
) -> Evaluation:
    figures = evaluate_model(
        rows,
        split,
        candidates.boosted,
        candidates.scorecard,
        decision=DECISION,
        protected=(Protected("sex"),),
        gates=GATES,
        seed=SPEC.seed,
        champion_scores=champion_scores,
    )
    return with_study(figures, rows, split, candidates.boosted, DECISION, served)


def verdict_of(evaluation: Evaluation, *, first_model: bool = True) -> GateVerdict:
    return evaluate(
        evaluation.signals(first_model=first_model, future_features=0, latency_ms=2.0, bundle_mb=1.0), GATES
    )


def closed(verdict: GateVerdict) -> set[str]:
    return {result.name for result in verdict.results if result.passed is False}


def with_feature(rows: TrainingRows, name: str, values: np.ndarray) -> TrainingRows:
    matrix = np.column_stack([rows.matrix, values]).astype(np.float32)
    return replace(rows, matrix=matrix, columns=(*rows.columns, name), sources=(*rows.sources, name))


@pytest.fixture(scope="module")
def honest(clean: TrainingRows) -> tuple[Split, Candidates, Evaluation]:
    split, candidates = train(clean)
    return split, candidates, judge(clean, split, candidates)


def test_a_clean_model_is_promoted(honest: tuple[Split, Candidates, Evaluation]) -> None:
    verdict = verdict_of(honest[2])
    assert verdict.action == "promote", verdict.reasons


def test_a_retrain_with_the_same_seed_gives_the_same_bits(
    clean: TrainingRows, honest: tuple[Split, Candidates, Evaluation]
) -> None:
    _, again = train(make_rows(5000))
    first = honest[1]
    assert again.boosted.predict(clean.matrix).tobytes() == first.boosted.predict(clean.matrix).tobytes()
    assert again.scorecard.apply(clean.matrix).tobytes() == first.scorecard.apply(clean.matrix).tobytes()
    assert again.boosted.booster.save_raw("ubj") == first.boosted.booster.save_raw("ubj")


def test_another_seed_gives_another_model(clean: TrainingRows, honest: tuple[Split, Candidates, Evaluation]) -> None:
    other = train_candidates(clean, honest[0], replace(SPEC, seed=8))
    assert not np.array_equal(other.boosted.predict(clean.matrix), honest[1].boosted.predict(clean.matrix))


def test_a_leaked_label_is_caught_and_named(clean: TrainingRows) -> None:
    noise = np.random.default_rng(1).normal(scale=0.2, size=len(clean))
    leaking = with_feature(clean, "days_past_due_later", clean.y + noise)
    verdict = verdict_of(judge(leaking, *train(leaking)))
    assert verdict.action == "refuse"
    assert {"auc_not_too_good", "single_feature_auc"} <= closed(verdict)
    assert any("'days_past_due_later'" in reason for reason in verdict.reasons)


def test_a_leak_by_missing_values_is_caught(clean: TrainingRows) -> None:
    generator = np.random.default_rng(1)
    values = np.where(clean.y == 1, np.nan, generator.normal(size=len(clean)))
    leaking = with_feature(clean, "closing_note_length", values)
    assert {"auc_not_too_good", "single_feature_auc"} <= closed(verdict_of(judge(leaking, *train(leaking))))


def test_a_model_that_learned_a_stand_in_for_sex_is_refused(clean: TrainingRows) -> None:
    # The past treated women worse, and a harmless-looking feature reveals who is one.
    generator = np.random.default_rng(2)
    woman = clean.protected["sex"] == "female"
    y = np.where(woman & (generator.random(len(clean)) < 0.35), 1, clean.y).astype(np.int8)
    stand_in = woman + generator.normal(scale=0.2, size=len(clean))
    unfair = with_feature(replace(clean, y=y), "part_time_index", stand_in)
    verdict = verdict_of(judge(unfair, *train(unfair)))
    assert verdict.action == "refuse"
    assert "selection_ratio" in closed(verdict)


def test_a_worse_challenger_is_not_promoted(clean: TrainingRows, honest: tuple[Split, Candidates, Evaluation]) -> None:
    split, champion, _ = honest
    scores = champion.boosted.predict(clean.matrix[split.test])
    matrix = clean.matrix.copy()
    # The challenger's feed of incomes broke.
    matrix[:, 1] = np.nan
    weaker = replace(clean, matrix=matrix)
    challenger = train_candidates(weaker, split, SPEC)
    evaluation = judge(weaker, split, challenger, champion_scores=scores)
    verdict = verdict_of(evaluation, first_model=False)
    assert verdict.action == "refuse"
    assert "champion_comparison" in closed(verdict)
    assert evaluation.comparison is not None
    assert evaluation.comparison.low > 0


def test_an_equal_challenger_passes_the_comparison(
    clean: TrainingRows, honest: tuple[Split, Candidates, Evaluation]
) -> None:
    split, champion, _ = honest
    scores = champion.boosted.predict(clean.matrix[split.test])
    assert verdict_of(judge(clean, split, champion, champion_scores=scores), first_model=False).action == "promote"


@pytest.mark.parametrize("missing", ["future_features", "latency_ms", "bundle_mb"])
def test_a_missing_signal_refuses(honest: tuple[Split, Candidates, Evaluation], missing: str) -> None:
    known: dict[str, float | None] = {"future_features": 0.0, "latency_ms": 2.0, "bundle_mb": 1.0, missing: None}
    verdict = evaluate(honest[2].signals(first_model=True, **known), GATES)
    assert (verdict.action, closed(verdict)) == ("refuse", {missing})


def test_scores_that_moved_since_training_are_refused(clean: TrainingRows) -> None:
    split = split_rows(clean.as_of, clean.y, spec=SPEC, maturity=MATURITY)
    matrix = clean.matrix.copy()
    # After training, amounts arrive in another unit.
    matrix[split.test, 0] += 2.0
    moved = replace(clean, matrix=matrix)
    verdict = verdict_of(judge(moved, split, train_candidates(moved, split, SPEC)))
    assert "score_stability" in closed(verdict)
