"""The search: time order, constraints, determinism."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from assets.product import SearchPolicy
from assets.training.fitting.boosting import monotone_signs
from assets.training.rows.folds import TrainingError, time_folds
from assets.training.rows.learning import TrainingRows
from assets.training.search.boosters import search_settings
from tests.unit.training.conftest import SPEC, make_rows


@pytest.mark.parametrize("count", [1000, 13_000])
def test_judged_rows_are_always_later_than_learned_ones(count: int) -> None:
    as_of = np.random.default_rng(5).permutation(count).astype("datetime64[us]")
    folds = time_folds(as_of)
    for fold in folds:
        assert as_of[fold.learn].max() < as_of[fold.judge].min()
    assert as_of[folds[0].judge].max() < as_of[folds[1].judge].min()
    assert as_of[folds[-1].judge].max() == as_of.max()


def test_constraints_are_mapped_from_features_to_columns(rows: TrainingRows) -> None:
    assert monotone_signs(rows, {"amount": "increasing", "income": "decreasing"}) == (1, -1, 0, 0, 0, 0)


def test_a_constraint_that_does_not_fit_is_named(rows: TrainingRows) -> None:
    with pytest.raises(TrainingError, match="monotone salary: no such feature"):
        monotone_signs(rows, {"salary": "increasing"})
    with pytest.raises(TrainingError, match=r"'purpose': it is a category \(purpose=car\)"):
        monotone_signs(rows, {"purpose": "increasing"})


def test_the_search_tries_what_was_asked_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    search = search_settings(make_rows(1500), SPEC)
    assert len(search.trials) == SPEC.trials
    assert search.best.loss == min(trial.loss for trial in search.trials)
    assert search.trials[0].settings["max_depth"] == 4
    assert search_settings(make_rows(1500), SPEC).trials == search.trials
    assert capfd.readouterr().err == ""
    assert optuna.logging.get_verbosity() == before


def test_rows_that_allow_no_search_are_refused_with_their_counts(rows: TrainingRows) -> None:
    calm = replace(rows, y=np.where(np.arange(len(rows)) < 100, rows.y, 0).astype(np.int8))
    with pytest.raises(TrainingError, match="0 of them positive"):
        search_settings(calm, SPEC)
    with pytest.raises(TrainingError, match="trials 0"):
        search_settings(rows, replace(SPEC, trials=0))


def test_rows_of_the_purge_gap_are_not_learned_from_unless_too_few_are_left() -> None:
    as_of = np.datetime64("2026-01-01", "us") + np.arange(1000).astype("timedelta64[h]").astype("timedelta64[us]")
    gap = np.timedelta64(5 * 24, "h").astype("timedelta64[us]")
    for fold in time_folds(as_of, gap):
        assert as_of[fold.judge].min() - as_of[fold.learn].max() == gap == fold.gap
    for fold in time_folds(as_of, 10 * gap):
        assert as_of[fold.judge].min() - as_of[fold.learn].max() == np.timedelta64(1, "h")
        assert fold.gap == np.timedelta64(0, "us")


def test_a_budget_of_minutes_ends_the_search_after_a_trial() -> None:
    hasty = replace(SPEC, trials=20, search=SearchPolicy(minutes=1e-6))
    search = search_settings(make_rows(1500), hasty)
    assert (len(search.trials), search.ended_by) == (1, "minutes")
    patient = replace(hasty, search=SearchPolicy(minutes=60), trials=2)
    assert search_settings(make_rows(1500), patient).ended_by == "trials"


def test_trials_that_are_not_promising_end_early_and_none_of_them_is_the_best() -> None:
    spec = replace(SPEC, trials=15)
    pruned, whole = (
        search_settings(make_rows(1500), replace(spec, search=SearchPolicy(pruning=on))) for on in (True, False)
    )
    short = [trial for trial in pruned.trials if trial.pruned]
    assert 0 < len(short) < len(pruned.trials)
    assert all(len(trial.losses) == 1 == len(trial.curves) for trial in short)
    assert not pruned.best.pruned
    first = sorted(trial.losses[0] for trial in pruned.trials)
    assert all(trial.losses[0] > first[0] for trial in short), "the best on the first fold was pruned"
    assert not any(trial.pruned for trial in whole.trials)


def test_a_gpu_that_is_not_there_is_refused_and_not_replaced() -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a GPU")
    with pytest.raises(TrainingError, match="device 'cuda': XGBoost .* finds no GPU on this machine"):
        search_settings(make_rows(500), replace(SPEC, device="cuda"))
