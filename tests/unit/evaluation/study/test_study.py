"""The parts of a study on a model that was really trained, and on data whose answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from assets.evaluation.evaluate import Evaluation
from assets.evaluation.study.ablation import ablation
from assets.evaluation.study.ageing import ageing
from assets.evaluation.study.parts import Studied, continuous, feature_groups
from assets.evaluation.study.representative import representativeness
from assets.evaluation.study.robustness import robustness
from assets.evaluation.study.steadiness import steadiness
from assets.product import DecisionPolicy, Profit
from assets.training.rows.learning import TrainingRows
from assets.vocabulary import Events, FeatureSet, Number, Ratio, days
from tests.support.models.studied import parts_of_study
from tests.unit.evaluation.conftest import DECISION, Trained


@pytest.fixture(scope="module")
def studied(evaluation: Evaluation, trained: Trained) -> Studied:
    return parts_of_study(evaluation, trained.rows, trained.split, trained.candidates.boosted, DECISION)


def made(scores: np.ndarray, y: np.ndarray, matrix: np.ndarray, as_of: np.ndarray, names: tuple[str, ...]) -> Studied:
    """A model whose probability is its first feature."""
    rows = TrainingRows(matrix.astype(np.float32), names, names, y.astype(np.int8), as_of, np.arange(len(y)))
    return Studied(
        rows, rows, scores, scores, np.arange(len(y)), lambda m: m[:, 0].astype(np.float64), (0.5,),
        {name: name for name in names}, DecisionPolicy("yes", "no", Profit(1.0, 5.0)), 7,
    )  # fmt: skip


def test_figures_have_intervals_around_them(evaluation: Evaluation) -> None:
    study = evaluation.study
    assert study is not None
    assert study.figures["auc"].value == pytest.approx(evaluation.test.auc, abs=1e-12)
    assert study.figures["average_precision"].value == pytest.approx(evaluation.test.average_precision, abs=1e-12)
    for figure in study.figures.values():
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.high
    assert study.overfit == pytest.approx(evaluation.train.auc - evaluation.test.auc)
    assert study.overfit_low < study.overfit
    assert study.serving_skew == 0.0
    assert study.curves["profit"].value[0] == pytest.approx(evaluation.tested.profit_accept_all)
    json.dumps(study.to_dict(), allow_nan=False)


def test_a_model_that_ages_is_seen_to() -> None:
    """Half a year in which the score means less and less."""
    generator, count = np.random.default_rng(5), 6_000
    as_of = np.datetime64("2026-01-01", "us") + np.sort(generator.integers(0, 180 * 86_400, count)).astype(
        "timedelta64[s]"
    )
    signal, part = generator.normal(size=count), np.linspace(0.0, 1.0, count)
    y = generator.random(count) < 1 / (1 + np.exp(-((2.5 - 2.4 * part) * signal - 1.5)))
    scores = 1 / (1 + np.exp(-(1.3 * signal - 1.5)))
    matrix = np.column_stack([scores, generator.normal(size=count)])
    found = ageing(made(scores, y, matrix, as_of, ("score", "noise")), np.datetime64("2025-12-02", "us"))
    assert found.unit == 30
    assert [round(period.days) for period in found.periods][:2] == [45, 75]
    aucs = [period.auc for period in found.periods if period.auc is not None]
    assert aucs[0] > 0.85 > 0.65 > aucs[-1]
    assert found.loss_a_month is not None
    assert found.low is not None
    assert found.low > 0.02, "AUC lost a month"
    first = found.periods[0]
    within = as_of < np.datetime64("2026-01-31", "us")
    assert first.auc == pytest.approx(roc_auc_score(y[within], scores[within]), abs=1e-12)
    assert first.rows == within.sum()


def test_a_stable_model_does_not_age(studied: Studied, trained: Trained) -> None:
    found = ageing(studied, trained.split.calibrate_window.end)
    assert found.unit == 7
    assert sum(period.rows for period in found.periods) == len(studied.test)
    assert found.low is None or found.low <= 0.0


def test_a_group_of_stand_ins_is_worth_what_both_are() -> None:
    """Two copies of the signal: each alone looks useless, as a group they are everything."""
    generator, count = np.random.default_rng(3), 4_000
    signal = generator.normal(size=count)
    y = generator.random(count) < 1 / (1 + np.exp(-(1.5 * signal - 1.0)))
    matrix = np.column_stack([signal, signal, generator.normal(size=count)])
    as_of = np.datetime64("2026-01-01", "us") + np.arange(count).astype("timedelta64[m]")
    names = ("one", "two", "noise")
    both = replace(
        made(signal, y, matrix, as_of, names),
        predict=lambda m: np.maximum(m[:, 0], m[:, 1]).astype(np.float64),
        groups={"one": "signal", "two": "signal", "noise": "noise"},
    )
    found = {one.group: one for one in ablation(both)}
    assert found["signal"].auc_lost == pytest.approx(roc_auc_score(y, signal) - 0.5, abs=0.03)
    assert found["signal"].features == ("one", "two")
    assert found["signal"].low is not None
    assert found["signal"].low > 0.2
    assert found["noise"].auc_lost == pytest.approx(0.0, abs=1e-12)
    assert list(found) == ["signal", "noise"]


def test_derived_features_go_with_their_inputs() -> None:
    payments = Events("payments", key="customer_id")
    count = payments.count(days(30))
    features = FeatureSet(
        request=(Number("amount"),), history=(count,), derived=(Ratio("per_payment", "amount", count.name),), owner="x"
    )
    assert feature_groups(features) == {
        "amount": "request", count.name: "payments", "per_payment": "payments and request"
    }  # fmt: skip


def test_disturbances_do_what_they_say(studied: Studied, evaluation: Evaluation) -> None:
    found = robustness(studied, evaluation.explanation.features)
    noise = [one for one in found if one.kind == "noise"]
    assert [one.what for one in noise] == ["1%", "5%", "20%"]
    assert noise[0].flipped < noise[2].flipped
    missing = {one.what: one for one in found if one.kind == "missing"}
    assert missing["amount"].auc_lost > 0.05 > missing["noise"].auc_lost
    against = found[-1]
    assert against.kind == "against the model"
    assert against.flipped > noise[0].flipped, "moves that are chosen do more than moves at random"
    assert {one.kind for one in found} == {"noise", "missing", "out of range", "against the model"}


def test_noise_leaves_categories_alone(studied: Studied) -> None:
    moving = continuous(studied.test.matrix)
    assert dict(zip(studied.test.columns, moving.tolist(), strict=True)) == {
        "amount": True, "income": True, "visits": False, "noise": True, "purpose=car": False, "purpose=home": False
    }  # fmt: skip


def test_explanations_of_a_real_model_agree_and_those_of_noise_do_not(evaluation: Evaluation) -> None:
    real = steadiness(evaluation.explanation.contributions, seed=1)
    assert real is not None
    assert real.agreement > 0.9
    noise = steadiness(np.random.default_rng(2).normal(size=(200, 12)), seed=1)
    assert noise is not None
    assert noise.agreement < 0.5
    assert steadiness(np.ones((50, 2)), seed=1) is None


def test_the_agreement_is_spearmans() -> None:
    """With rows that are the same, every halving has the ranks of the whole; with two kinds it is SciPy's figure."""
    generator = np.random.default_rng(4)
    values = np.abs(generator.normal(size=(40, 6)))
    found = steadiness(values, seed=9)
    chosen = []
    again = np.random.default_rng(9)
    for _ in range(50):
        half = again.permutation(40)[:20]
        rest = np.setdiff1d(np.arange(40), half)
        chosen.append(spearmanr(values[half].mean(axis=0), values[rest].mean(axis=0)).statistic)
    assert found is not None
    assert found.agreement == pytest.approx(np.median(chosen), abs=1e-9)
    assert found.low == pytest.approx(np.percentile(chosen, 5), abs=1e-9)


def test_rows_of_another_kind_are_outside(studied: Studied) -> None:
    like = representativeness(studied)
    assert not like.told_apart
    assert like.outside == 0.0
    matrix = studied.test.matrix.copy()
    matrix[: len(matrix) // 3, 0] += 9.0
    moved = representativeness(replace(studied, test=replace(studied.test, matrix=matrix)))
    assert moved.told_apart
    assert moved.outside == pytest.approx(1 / 3, abs=0.03)
    assert moved.beyond >= 1 / 3 - 0.03
