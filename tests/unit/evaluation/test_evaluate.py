"""The whole evaluation: its figures, its gate signals, its pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from assets.evaluation.evaluate import Evaluation, draw, evaluate_model
from assets.evaluation.gates import evaluate
from assets.metrics.profit import choose_threshold
from assets.metrics.ranking import EvaluationError
from assets.product import Protected
from tests.unit.evaluation.conftest import DECISION, GATES, PROTECTED, Trained


def test_figures_are_of_the_test_rows(evaluation: Evaluation, trained: Trained) -> None:
    test = trained.rows.take(trained.split.test)
    assert evaluation.test.rows == len(test)
    assert evaluation.test.auc == roc_auc_score(test.y, trained.candidates.boosted.predict(test.matrix))
    assert sum(group.rows for group in evaluation.fairness[0].groups) == len(test)


def test_the_threshold_is_chosen_on_calibration_rows_and_tried_on_test_rows(
    evaluation: Evaluation, trained: Trained
) -> None:
    calibrate = trained.rows.take(trained.split.calibrate)
    scores = trained.candidates.boosted.predict(calibrate.matrix)
    assert evaluation.chosen == choose_threshold(
        scores, calibrate.y, DECISION.profit, calibrate.stake, DECISION.max_refused
    )
    assert evaluation.tested.threshold == evaluation.chosen.threshold
    assert evaluation.tested.profit > evaluation.tested.profit_accept_all


def test_it_is_ready_for_json_and_holds_no_rows(evaluation: Evaluation) -> None:
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    assert len(text) < 25_000
    assert json.loads(text)["metrics"]["test"]["auc"] == evaluation.test.auc


def test_signals_take_the_worst_of_all_attributes(evaluation: Evaluation) -> None:
    signals = evaluation.signals(first_model=True, future_features=0, latency_ms=1.0, bundle_mb=1.0)
    assert signals.selection_ratio == min(r.selection_ratio for r in evaluation.fairness if r.selection_ratio)
    assert signals.odds_gap == max(r.odds_gap for r in evaluation.fairness if r.odds_gap)
    assert evaluate(signals, replace(GATES, min_selection_ratio=0.6)).action == "promote"


def test_an_attribute_that_cannot_be_judged_makes_fairness_unknown(evaluation: Evaluation) -> None:
    blind = replace(evaluation.fairness[1], selection_ratio=None)
    partly = replace(evaluation, fairness=(evaluation.fairness[0], blind))
    assert partly.signals(first_model=True, future_features=0, latency_ms=1, bundle_mb=1).selection_ratio is None


def test_a_later_model_that_was_not_compared_is_refused(evaluation: Evaluation) -> None:
    signals = evaluation.signals(first_model=False, future_features=0, latency_ms=1.0, bundle_mb=1.0)
    reasons = evaluate(signals, replace(GATES, min_selection_ratio=0.6)).reasons
    assert [reason.split(":")[0] for reason in reasons] == ["champion_comparison"]


def test_every_picture_is_a_png_and_the_same_each_time(evaluation: Evaluation) -> None:
    pictures = draw(evaluation)
    assert set(pictures) == {"ranking", "calibration", "profit", "importance", "dependence", "scores", "fairness"}
    for picture in pictures.values():
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000
    assert draw(evaluation) == pictures


def test_without_protected_attributes_there_is_no_fairness_picture(evaluation: Evaluation) -> None:
    assert "fairness" not in draw(replace(evaluation, fairness=()))


def test_a_referred_row_and_one_that_a_rule_takes_are_not_accepted(trained: Trained) -> None:
    """Fairness and profit are those of the answers, ranking is the model's over all rows."""
    ruled = np.zeros(len(trained.rows), dtype=np.int8)
    ruled[::7] = 2
    three = replace(DECISION, refer="review", review_cost=1.0, review_accuracy=0.95, review_capacity=2.0)
    rows = replace(trained.rows, ruled=ruled)
    found = evaluate_model(
        rows,
        trained.split,
        trained.candidates.boosted,
        trained.candidates.scorecard,
        decision=three,
        protected=PROTECTED,
        gates=GATES,
        seed=7,
    )
    test = rows.take(trained.split.test)
    scores = trained.candidates.boosted.predict(test.matrix)
    accepted = (scores < found.chosen.refer_from) & (test.ruled == 0)
    assert found.chosen.refer_from < found.chosen.threshold
    assert sum(g.accepted_share * g.rows for g in found.fairness[0].groups) == pytest.approx(accepted.sum())
    assert found.tested.referred_share > 0
    assert 1 - accepted.mean() == pytest.approx(found.tested.refused_share + found.tested.referred_share)
    assert found.test.auc == roc_auc_score(test.y, scores)


def test_a_protected_attribute_that_was_not_carried_is_named(trained: Trained) -> None:
    with pytest.raises(EvaluationError, match="nationality"):
        evaluate_model(
            trained.rows,
            trained.split,
            trained.candidates.boosted,
            trained.candidates.scorecard,
            decision=DECISION,
            protected=(*PROTECTED, Protected("nationality")),
            gates=GATES,
            seed=7,
        )


def test_the_champion_must_have_scored_the_same_rows(trained: Trained) -> None:
    with pytest.raises(EvaluationError, match="shape"):
        evaluate_model(
            trained.rows,
            trained.split,
            trained.candidates.boosted,
            trained.candidates.scorecard,
            decision=DECISION,
            protected=(),
            gates=GATES,
            seed=7,
            champion_scores=np.zeros(3),
        )
