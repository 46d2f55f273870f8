"""Candidates of an amount: every objective learns, the simpler one is preferred, the same rows give the same bytes."""

import numpy as np
import pytest

from assets.metrics.amounts import measure_amounts
from assets.product import Amount
from assets.training.amounts.candidates import train_amounts
from assets.training.amounts.interval import fit_interval
from assets.training.candidates import Candidates
from assets.training.fitting.export import booster_bytes, export_onnx
from assets.training.rows.folds import TrainingError
from assets.training.rows.learning import TrainingRows
from assets.training.targets import train_model
from tests.support.claim_rows import GAMMA, claim_rows, spec_of, split_of

TARGETS = (
    GAMMA, Amount(unit="EUR"), Amount(unit="EUR", objective="tweedie"),
    Amount(unit="EUR", objective="pinball", quantile=0.8),
)  # fmt: skip


def rows_for(target: Amount) -> TrainingRows:
    return claim_rows(2_000, zeros=0.3 if target.objective == "tweedie" else 0.0)


def made(target: Amount, rows: TrainingRows, **changes: object) -> Candidates:
    return train_model(rows, split_of(rows), spec_of(target, **changes))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.objective)
def test_every_objective_learns_and_becomes_trees_that_onnx_runs(target: Amount) -> None:
    rows = rows_for(target)
    test = rows.take(split_of(rows).test)
    found = made(target, rows)
    assert {one.name for one in found.choice.standings} == {"scorecard", "histogram", "xgboost"}
    figures = measure_amounts(target, test.amounts, found.boosted.predict(test.matrix))
    card = measure_amounts(target, test.amounts, found.scorecard.apply(test.matrix))
    assert figures.skill is not None
    assert card.skill is not None
    assert min(figures.skill, card.skill) > 0.08
    assert abs(figures.mean_error or 0.0) < 0.15
    assert found.boosted.calibration.method == "none"
    assert export_onnx(found.boosted.booster, rows.matrix[:100])


def test_the_same_rows_give_the_same_model_bit_by_bit() -> None:
    rows = rows_for(GAMMA)
    one, other = made(GAMMA, rows), made(GAMMA, rows)
    assert booster_bytes(one.boosted.booster) == booster_bytes(other.boosted.booster)
    assert one.scorecard == other.scorecard


def test_a_simpler_candidate_wins_within_one_standard_error() -> None:
    """Where the amount follows from one flag, the scorecard is as good as trees."""
    rows = claim_rows(2_000)
    random = np.random.default_rng(0)
    amount = random.gamma(2.0, np.where(rows.matrix[:, 2] > 0, 500.0, 100.0) / 2.0)
    plain = TrainingRows(
        matrix=rows.matrix, columns=rows.columns, sources=rows.sources, y=(amount > np.median(amount)).astype(np.int8),
        as_of=rows.as_of, row_ids=rows.row_ids, amount=amount,
    )  # fmt: skip
    found = made(GAMMA, plain)
    assert found.choice.chosen == "scorecard"
    test = plain.take(split_of(plain).test)
    np.testing.assert_allclose(found.boosted.predict(test.matrix), found.scorecard.apply(test.matrix), rtol=1e-4)


def test_monotone_constraints_hold_for_every_candidate() -> None:
    rows = claim_rows(1_500)
    for name in ("scorecard", "histogram", "xgboost"):
        model = made(GAMMA, rows, candidates=(name,), monotone={"value": "increasing"}).boosted
        matrix = np.repeat(rows.matrix[:1], 50, axis=0)
        matrix[:, 1] = np.linspace(500, 20_000, 50)
        assert (np.diff(model.predict(matrix)) >= -1e-6).all(), name


def test_amounts_without_a_loss_are_refused_with_the_remedy() -> None:
    rows = claim_rows(600, zeros=0.2)
    with pytest.raises(TrainingError, match="objective 'gamma' is of amounts above 0.*tweedie"):
        train_amounts(rows, split_of(rows), spec_of(GAMMA), GAMMA)


@pytest.mark.parametrize("target", [GAMMA, Amount(unit="EUR")], ids=lambda target: target.objective)
def test_the_interval_holds_the_declared_share_of_new_rows(target: Amount) -> None:
    random = np.random.default_rng(4)
    predicted = random.uniform(100, 1_000, 4_000)
    amount = random.gamma(3.0, predicted / 3.0)
    interval = fit_interval(target, amount[:2_000], predicted[:2_000])
    assert interval.form == target.link
    held = [
        interval.around(one)[0] <= value <= interval.around(one)[1]
        for one, value in zip(predicted[2_000:].tolist(), amount[2_000:].tolist(), strict=True)
    ]
    assert np.mean(held) == pytest.approx(target.coverage, abs=0.02)
