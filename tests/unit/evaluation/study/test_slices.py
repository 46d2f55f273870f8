"""Weak slices: a planted one is found and confirmed, pure noise is not."""

from dataclasses import replace

import numpy as np
import pytest

from assets.evaluation.study.parts import Studied
from assets.evaluation.study.slices import worst_slices
from assets.product import DecisionPolicy, Profit
from tests.unit.training.conftest import SOURCES, make_rows

_ROWS = 10_000


def planted(seed: int, *, factor: float = 1.0, shuffled: bool = False) -> Studied:
    """A model that knows the true probability, but for cars with a large amount, where it is wrong as told."""
    rows, generator = make_rows(_ROWS, seed=seed), np.random.default_rng(seed + 100)
    amount, income, visits, _, car, _ = np.nan_to_num(rows.matrix.T.astype(float))
    known = 1 / (1 + np.exp(-(1.3 * amount - 0.9 * income + 0.25 * (visits - 3) + 0.8 * car - 2)))
    there = (amount > 0.67) & (car == 1)
    y = (generator.random(_ROWS) < np.where(there, np.minimum(known * factor, 0.99), known)).astype(np.int8)
    if shuffled:
        y[there] = generator.permutation(y[there])
    rows = replace(rows, y=y)
    train, test = np.arange(_ROWS // 2), np.arange(_ROWS // 2, _ROWS)
    return Studied(
        rows.take(train), rows.take(test), known[train], known[test], np.arange(len(test)) // 2, lambda m: m[:, 0],
        (0.5,), {source: source for source in SOURCES}, DecisionPolicy("yes", "no", Profit(0.1, 0.5)), seed,
    )  # fmt: skip


def test_noise_is_confirmed_hardly_ever() -> None:
    """By the correction at most one search in twenty may confirm anything; of thirty, hardly more than four do."""
    assert sum(any(one.confirmed for one in worst_slices(planted(seed))) for seed in range(30)) <= 4


@pytest.mark.parametrize(
    ("factor", "weakness", "sign"), [(1.6, "too few bad rows expected", 1), (0.5, "too many bad rows expected", -1)]
)
def test_a_slice_with_another_rate_is_found_over_two_features(factor: float, weakness: str, sign: int) -> None:
    confirmed = [one for one in worst_slices(planted(1, factor=factor)) if one.confirmed]
    assert confirmed
    found = next(one for one in confirmed if one.weakness == weakness)
    assert [condition.split(" 0.")[0] for condition in found.conditions] == ["amount above", "purpose is car"]
    assert sign * found.error > 0.05
    assert found.low < found.error < found.high
    assert found.observed == pytest.approx(found.bad / found.rows)


def test_a_slice_in_which_the_ranking_is_lost_is_found() -> None:
    confirmed = [one for one in worst_slices(planted(2, shuffled=True)) if one.confirmed]
    within = [one for one in confirmed if any("amount above" in condition for condition in one.conditions)]
    assert within, [one.conditions for one in confirmed]


def test_a_miscalibration_of_all_rows_is_no_slices() -> None:
    """The calibration gate refuses it; slices are those that stand out from the rest."""
    studied = planted(3)
    odds = np.log(studied.scores / (1 - studied.scores)) + 1.0
    moved = replace(studied, scores=1 / (1 + np.exp(-odds)))
    assert [one for one in worst_slices(moved) if one.confirmed] == []


def test_without_bad_rows_there_is_nothing_to_find() -> None:
    studied = planted(4)
    none = replace(studied.test, y=np.zeros(len(studied.test), dtype=np.int8))
    assert worst_slices(replace(studied, test=none)) == ()
