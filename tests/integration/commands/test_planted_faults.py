"""Faults planted in the data are found by the gates, from rows to verdict; a clean model passes all of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import xgboost as xgb

from assets.bundle.calibration import Calibration
from assets.evaluation.evaluate import Evaluation, evaluate_model
from assets.evaluation.gates import GateVerdict, evaluate
from assets.product import DecisionPolicy, GatePolicy, Profit, Protected
from assets.training.candidates import Candidates, train_candidates
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, split_rows
from tests.support.models.studied import with_study
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
    one, other = (
        train_candidates(clean, honest[0], replace(SPEC, seed=seed, candidates=("xgboost",))) for seed in (7, 8)
    )
    assert not np.array_equal(other.boosted.predict(clean.matrix), one.boosted.predict(clean.matrix))


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


def test_a_model_that_learned_its_rows_by_heart_is_refused(clean: TrainingRows) -> None:
    """Deep trees without any restraint, on top of noise that tells every training row from the others."""
    generator = np.random.default_rng(6)
    noisy = clean
    for number in range(12):
        noisy = with_feature(noisy, f"noise_{number}", generator.normal(size=len(clean)))
    split, candidates = train(noisy)
    learn = xgb.DMatrix(noisy.matrix[split.train], noisy.y[split.train])
    booster = xgb.train({"max_depth": 12, "eta": 0.5, "min_child_weight": 0, "objective": "binary:logistic"}, learn, 80)
    by_heart = replace(candidates, boosted=replace(candidates.boosted, booster=booster, calibration=Calibration()))
    evaluation = judge(noisy, split, by_heart)
    assert evaluation.train.auc > 0.999
    verdict = verdict_of(evaluation)
    assert "overfit" in closed(verdict)
    assert any("learned rows by heart" in reason for reason in verdict.reasons)


def test_probabilities_that_are_too_high_are_refused(
    clean: TrainingRows, honest: tuple[Split, Candidates, Evaluation]
) -> None:
    split, candidates, _ = honest
    sure = Calibration(method="platt", slope=1.0, intercept=1.0)
    boosted = candidates.boosted
    twice = replace(boosted, calibration=Chained(boosted.calibration, sure))  # type: ignore[arg-type]
    assert closed(verdict_of(judge(clean, split, replace(candidates, boosted=twice)))) == {"calibration_error"}


@dataclass(frozen=True)
class Chained:
    """One calibration after another."""

    first: Calibration
    second: Calibration

    def apply(self, raw: np.ndarray) -> np.ndarray:
        return self.second.apply(self.first.apply(raw))


def test_a_model_of_shuffled_labels_is_refused(clean: TrainingRows) -> None:
    shuffled = replace(clean, y=np.random.default_rng(8).permutation(clean.y))
    verdict = verdict_of(judge(shuffled, *train(shuffled)))
    assert verdict.action == "refuse"
    assert "auc" in closed(verdict)


def test_a_bundle_that_serves_another_unit_than_it_was_trained_on_is_refused(
    clean: TrainingRows, honest: tuple[Split, Candidates, Evaluation]
) -> None:
    """Incomes reach the model in another unit when it is served; everything else is as it was."""
    split, candidates, _ = honest
    matrix = clean.matrix[split.test].copy()
    matrix[:, 1] *= 12
    served = candidates.boosted.predict(matrix)
    verdict = verdict_of(judge(clean, split, candidates, served=served))
    assert closed(verdict) == {"serving_skew"}
    assert verdict.reasons[0].startswith("serving_skew: share of test rows to which the served bundle gives another")


def test_a_slow_bundle_is_refused_by_its_latency(honest: tuple[Split, Candidates, Evaluation]) -> None:
    signals = honest[2].signals(first_model=True, future_features=0, latency_ms=12.5, bundle_mb=1.0)
    assert closed(evaluate(signals, GATES)) == {"latency_ms"}
