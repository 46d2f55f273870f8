"""Each method at least halves a planted disparity, states what it costs, and needs no attribute when it decides."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from assets.metrics.ranking import EvaluationError
from assets.metrics.review import choose_answers
from assets.product import Mitigation, Protected
from assets.product.policies.fairness import MitigatedMeasure, MitigationMethod
from assets.training.candidates import BoostedModel, Candidates, train_candidates
from assets.training.fitting.export import export_onnx
from assets.training.mitigation.mitigate import Mitigated, mitigate
from assets.training.mitigation.picture import frontier_picture
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, split_rows
from tests.support.data.unfair_rows import DECISION, MATURITY, SPEC, unfair_rows

SEX = Protected("sex")


@cache
def trained() -> tuple[TrainingRows, Split, Candidates]:
    rows = unfair_rows()
    split = split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)
    return rows, split, train_candidates(rows, split, SPEC)


@cache
def mitigated(method: MitigationMethod, measure: MitigatedMeasure = "selection_gap", bound: float = 0.1) -> Mitigated:
    rows, split, candidates = trained()
    return mitigate(
        Mitigation(method, "sex", bound, measure=measure, strengths=6), SEX, rows, split, candidates.boosted,
        spec=SPEC, decision=DECISION, min_group_rows=100,
    )  # fmt: skip


def on_test_rows(model: BoostedModel) -> float:
    """The difference in accepted share on the test rows, at the threshold of the calibration rows."""
    rows, split, _ = trained()
    calibrate, test = rows.take(split.calibrate), rows.take(split.test)
    chosen = choose_answers(
        model.predict(calibrate.matrix), calibrate.y, DECISION, None, ruled=None, days=calibrate.span_days
    )
    accepted = model.predict(test.matrix) < chosen.threshold
    shares = [accepted[test.protected["sex"] == sex].mean() for sex in ("female", "male")]
    return float(abs(shares[0] - shares[1]))


@pytest.mark.parametrize("method", ["reweighing", "penalty", "reduction"])
def test_disparity_falls_by_half_and_the_loss_of_profit_is_stated(method: MitigationMethod) -> None:
    rows, _, candidates = trained()
    found = mitigated(method)
    frontier = found.frontier
    assert frontier is not None
    before, after = frontier.points[0], frontier.chosen
    assert before.method == "none"
    assert after.method == method
    assert after.disparity <= min(0.1, before.disparity / 2)
    assert on_test_rows(found.model) < 0.6 * on_test_rows(candidates.boosted)
    assert 0 < frontier.profit_lost < 0.2 * before.profit
    assert f"for {frontier.profit_lost:,.4g} less profit ({frontier.profit_lost / before.profit:.1%})" in frontier.words
    # The bundle's form of the model answers from the features alone, and as the booster does.
    assert found.model.columns == rows.columns == ("skill", "shoe_size", "noise")
    assert export_onnx(found.model.booster, rows.matrix[:256])


@pytest.mark.parametrize("method", ["reweighing", "penalty"])
def test_a_gap_of_a_rate_is_reduced_too(method: MitigationMethod) -> None:
    frontier = mitigated(method, "false_positive_gap", 0.05).frontier
    assert frontier is not None
    assert frontier.chosen.disparity <= 0.05 < frontier.points[0].disparity / 2


def test_it_is_the_same_again() -> None:
    rows, split, candidates = trained()
    first, again = (
        mitigate(
            Mitigation("penalty", "sex", 0.1, strengths=2), SEX, rows, split, candidates.boosted,
            spec=SPEC, decision=DECISION, min_group_rows=100,
        )
        for _ in range(2)
    )  # fmt: skip
    assert again.frontier == first.frontier
    assert again.model.predict(rows.matrix).tobytes() == first.model.predict(rows.matrix).tobytes()


def test_a_candidate_within_the_bound_is_kept() -> None:
    _, _, candidates = trained()
    found = mitigated("reweighing", bound=0.9)
    assert found.frontier is not None
    assert found.frontier.chosen.method == "none"
    assert found.model is candidates.boosted


def test_one_group_has_no_disparity_to_reduce() -> None:
    rows, split, candidates = trained()
    alone = replace(rows, protected={"sex": np.full(len(rows), "female", dtype=object)})
    with pytest.raises(EvaluationError, match="mitigation: 1 groups have 100 calibration rows; two are needed"):
        mitigate(
            Mitigation("reweighing", "sex", 0.1), SEX, alone, split, candidates.boosted,
            spec=SPEC, decision=DECISION, min_group_rows=100,
        )  # fmt: skip


def test_the_picture_is_a_png() -> None:
    frontier = mitigated("penalty").frontier
    assert frontier is not None
    picture = frontier_picture(frontier)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
