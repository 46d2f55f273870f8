"""The contest: the better candidate wins, the simpler one where the difference is no more than chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from assets.product import ModelSpec, ProductError, SearchPolicy
from assets.training.candidates import Candidates, train_candidates
from assets.training.contest.choice import simplest, standings_of
from assets.training.contest.recipes import ScorecardRecipe
from assets.training.contest.tuning import tune
from assets.training.rows.folds import TrainingError, time_folds
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, split_rows
from assets.training.search.space import DEFAULTS
from tests.unit.training.conftest import MATURITY, SPEC, make_rows

LEAN = replace(SPEC, trials=4, monotone={})


def drawn(odds: NDArray[np.float64], seed: int) -> NDArray[np.int8]:
    return (np.random.default_rng(seed).random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(np.int8)


def trained(rows: TrainingRows, spec: ModelSpec = LEAN) -> tuple[Split, Candidates]:
    split = split_rows(rows.as_of, rows.y, spec=spec, maturity=MATURITY)
    return split, train_candidates(rows, split, spec)


def labelled(count: int, odds: Callable[[NDArray[np.float32]], NDArray[np.float64]], seed: int = 1) -> TrainingRows:
    rows = make_rows(count, seed=seed)
    return replace(rows, y=drawn(odds(np.nan_to_num(rows.matrix)).astype(np.float64), seed))


def test_the_scorecard_wins_where_risk_is_a_sum_and_boosted_trees_where_it_is_not() -> None:
    _, linear = trained(labelled(3000, lambda x: 0.9 * x[:, 0] - 0.7 * x[:, 1] - 1.0))
    assert linear.choice.chosen == "scorecard"
    split, crossed = trained(rows := labelled(6000, lambda x: 2.5 * np.sign(x[:, 0] * x[:, 1]) - 0.5))
    assert crossed.choice.chosen in ("xgboost", "histogram")
    test = rows.take(split.test)
    assert roc_auc_score(test.y, crossed.boosted.predict(test.matrix)) > 0.8
    assert roc_auc_score(test.y, crossed.scorecard.apply(test.matrix)) < 0.6
    by_name = {standing.name: standing for standing in crossed.choice.standings}
    assert by_name["scorecard"].behind > 10 * by_name["scorecard"].error


def test_of_losses_that_differ_by_chance_the_simplest_is_chosen_and_of_others_the_lowest() -> None:
    recipes = [ScorecardRecipe(LEAN, 0.3), ScorecardRecipe(LEAN, 0.3, name="deep", simplicity=1)]
    deep = np.random.default_rng(0).random(400)
    noise = np.random.default_rng(1).normal(size=400)
    noise -= noise.mean()
    error = noise.std(ddof=1) / 20
    for behind, chosen in ((0.9 * error, "scorecard"), (1.1 * error, "deep"), (-0.1, "scorecard")):
        standings = standings_of(recipes, {"scorecard": deep + noise + behind, "deep": deep})
        assert simplest(standings).name == chosen


@dataclass(frozen=True)
class ByHeart:
    """Learns its rows by heart: deep trees of a row a leaf."""

    name: str = "by_heart"
    simplicity: int = 9

    def fit(self, matrix: NDArray[np.float32], y: NDArray[np.int8], *, signs: Sequence[int], seed: int) -> bytes:
        settings = {
            "objective": "binary:logistic", "max_depth": 12, "min_child_weight": 0, "reg_lambda": 0, "eta": 0.5,
            "nthread": 1, "seed": seed, "monotone_constraints": f"({','.join(map(str, signs))})",
        }  # fmt: skip
        return bytes(xgb.train(settings, xgb.QuantileDMatrix(matrix, y, nthread=1), 60).save_raw("ubj"))


@dataclass(frozen=True)
class Sum(ByHeart):
    """A product's own candidate that is right: stumps, which are a sum."""

    name: str = "stumps"
    simplicity: int = 4

    def fit(self, matrix: NDArray[np.float32], y: NDArray[np.int8], *, signs: Sequence[int], seed: int) -> bytes:
        rows = xgb.QuantileDMatrix(matrix, y, nthread=1)
        settings = {"objective": "binary:logistic", "max_depth": 1, "eta": 0.2, "nthread": 1, "seed": seed}
        return bytes(xgb.train(settings, rows, 60).save_raw("json"))


def test_a_model_that_learned_its_rows_by_heart_loses(rows: TrainingRows) -> None:
    """It tells its own rows best of all and is declared the simplest; later rows give it away."""
    split, found = trained(rows, replace(LEAN, candidates=("scorecard", "xgboost", ByHeart())))
    assert found.choice.chosen != "by_heart"
    train = rows.take(split.train)
    planted = xgb.Booster(model_file=bytearray(ByHeart().fit(train.matrix, train.y, signs=(0,) * 6, seed=1)))
    assert roc_auc_score(train.y, planted.inplace_predict(train.matrix)) > 0.999
    by_name = {standing.name: standing for standing in found.choice.standings}
    assert by_name["by_heart"].behind > 2 * by_name["by_heart"].error > 0


def test_a_products_own_candidate_can_win_and_one_that_gives_no_model_is_named(rows: TrainingRows) -> None:
    _, found = trained(rows, replace(LEAN, candidates=("scorecard", Sum())))
    assert found.choice.chosen == "stumps"
    assert (found.search, found.tuned, found.boosted.rounds) == (None, None, 60)

    class Broken(Sum):
        def fit(self, matrix: NDArray[np.float32], y: NDArray[np.int8], *, signs: Sequence[int], seed: int) -> bytes:
            return b"nothing"

    with pytest.raises(TrainingError, match="candidate 'stumps': fit gave no model that XGBoost runs on 6 columns"):
        trained(rows, replace(LEAN, candidates=(Broken(),)))


def test_the_same_rows_and_spec_give_the_same_bits(rows: TrainingRows) -> None:
    (_, first), (_, second) = trained(rows), trained(rows)
    assert first.boosted.booster.save_raw("ubj") == second.boosted.booster.save_raw("ubj")
    assert first.boosted.predict(rows.matrix).tobytes() == second.boosted.predict(rows.matrix).tobytes()
    assert (first.choice, first.search, first.tuned) == (second.choice, second.search, second.tuned)


@pytest.mark.parametrize("name", ["scorecard", "histogram", "xgboost"])
def test_every_candidate_keeps_a_declared_direction(rows: TrainingRows, name: str) -> None:
    """Labels that fall with the amount cannot make the score fall with it."""
    against = labelled(3000, lambda x: -1.0 * x[:, 0] - 0.8 * x[:, 1])
    _, found = trained(against, replace(SPEC, trials=2, candidates=(name,)))  # type: ignore[arg-type]
    assert found.choice.chosen == name
    some = np.repeat(against.matrix[:50], 40, axis=0)
    some[:, 0] = np.tile(np.linspace(-4, 4, 40, dtype=np.float32), 50)
    for predict in (found.boosted.predict, found.scorecard.apply):
        assert np.diff(predict(some).reshape(50, 40), axis=1).min() >= -1e-12


def test_weights_of_rare_rows_are_measured_after_calibration_and_none_stands_unless_one_is_better() -> None:
    rows = labelled(6000, lambda x: 1.0 * x[:, 0] - 4.0)
    tuned = tune(rows, time_folds(rows.as_of), LEAN, DEFAULTS)
    losses = {found.way: found.loss for found in tuned.ways}
    assert set(losses) == {"none", "weights", "focal"}
    assert len(set(losses.values())) == 3
    # Without calibration, weights of 1 to 40 would have a loss above that of knowing nothing but the base rate.
    base = float(-np.log(1 - rows.y.mean()) * (1 - rows.y.mean()) - np.log(rows.y.mean()) * rows.y.mean())
    assert max(losses.values()) < 1.1 * base
    better = [found for found in tuned.ways if found.behind_first < -found.error]
    assert tuned.way == (min(better, key=lambda found: found.loss).way if better else "none")
    other = tune(rows, time_folds(rows.as_of), replace(LEAN, search=SearchPolicy(imbalance=("focal",))), DEFAULTS)
    assert other.way == "focal"


def test_features_of_no_use_are_left_out_with_the_reason_and_change_no_score(rows: TrainingRows) -> None:
    matrix = rows.matrix.copy()
    matrix[:, 3] = np.where(np.arange(len(rows)) % 2000 == 0, 1.0, 0.0)  # nearly constant
    odd = replace(rows, matrix=matrix)
    _, found = trained(odd, replace(LEAN, candidates=("xgboost",)))
    assert found.tuned is not None
    assert found.tuned.selection is not None
    assert [name for name, _ in found.tuned.selection.candidates] == ["noise"]
    assert found.tuned.selection.dropped
    assert found.tuned.selection.loss_without is not None
    assert found.tuned.selection.loss_without <= found.tuned.selection.loss_with
    assert found.tuned.selection.reason.startswith("left out: without them the loss is")
    moved = matrix.copy()
    moved[:, 3] = np.nan
    assert found.boosted.predict(moved).tobytes() == found.boosted.predict(matrix).tobytes()
    _, whole = trained(odd, replace(LEAN, candidates=("xgboost",), search=SearchPolicy(selection="none")))
    assert whole.tuned is not None
    assert whole.tuned.ignored == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"candidates": ()}, "give at least one"),
        ({"candidates": ("scorecard", "scorecard")}, "each name once"),
        ({"candidates": ("forest",)}, "candidates has 'forest'"),
        ({"candidates": (replace(Sum(), name="xgboost"),)}, "or an OwnCandidate"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"search": SearchPolicy(minutes=0)}, "write minutes above 0"),
        ({"search": SearchPolicy(imbalance=())}, "search imbalance is"),
        ({"search": SearchPolicy(selection="lasso")}, "search selection is 'lasso'"),  # type: ignore[arg-type]
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(fault: dict[str, object], message: str) -> None:
    with pytest.raises(ProductError, match=message):
        replace(SPEC, **fault)  # type: ignore[arg-type]


def test_a_column_without_any_value_stops_no_candidate(rows: TrainingRows) -> None:
    matrix = rows.matrix.copy()
    matrix[:, 0] = np.nan
    for name in ("xgboost", "histogram", "scorecard"):
        spec = replace(LEAN, candidates=(name,), monotone={})
        _, found = trained(replace(rows, matrix=matrix), spec)
        assert roc_auc_score(rows.y, found.boosted.predict(matrix)) > 0.6
