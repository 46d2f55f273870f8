"""Training rows of claims whose amounts follow from two columns, with the noise of a gamma distribution.

Belongs here: rows for tests of training and evaluation. Does not belong here: the product over such claims
(`tests.claims`).
"""

from itertools import pairwise

import numpy as np

from assets.product import Amount, ModelSpec
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, Window

COLUMNS = ("age", "value", "kind=car", "kind=bike", "noise")
GAMMA = Amount(unit="EUR", objective="gamma")


def claim_rows(count: int = 3_000, *, seed: int = 3, zeros: float = 0.0) -> TrainingRows:
    """Claims a few minutes apart; with `zeros` that share of them is 0."""
    random = np.random.default_rng(seed)
    age, value = random.uniform(18, 80, count), random.lognormal(8.0, 0.6, count)
    car = random.random(count) < 0.5
    mean = true_mean(age, value, car)
    amount = random.gamma(2.0, mean / 2.0)
    amount[random.random(count) < zeros] = 0.0
    matrix = np.column_stack([age, value, car, ~car, random.normal(size=count)]).astype(np.float32)
    matrix[random.random(count) < 0.05, 1] = np.nan
    as_of = np.datetime64("2026-01-01", "us") + np.arange(count) * np.timedelta64(30, "m")
    return TrainingRows(
        matrix=matrix, columns=COLUMNS, sources=("age", "value", "kind", "kind", "noise"),
        y=(amount > np.median(amount)).astype(np.int8), as_of=as_of, row_ids=np.arange(count), amount=amount,
        protected={"region": np.where(np.arange(count) % 3 == 0, "north", "south")},
    )  # fmt: skip


def true_mean(age: np.ndarray, value: np.ndarray, car: np.ndarray) -> np.ndarray:
    """The mean amount of a claim."""
    return np.asarray(200.0 + 0.1 * value * np.where(car, 2.0, 1.0) * np.where(age < 30, 1.5, 1.0))


def split_of(rows: TrainingRows) -> Split:
    """The first 60% train, the next 20% calibrate, the rest is tested."""
    cuts = [0, int(len(rows) * 0.6), int(len(rows) * 0.8), len(rows)]
    parts = [np.arange(a, b) for a, b in pairwise(cuts)]
    step = np.timedelta64(30, "m")
    windows = [Window(rows.as_of[part[0]], rows.as_of[part[-1]] + step) for part in parts]
    return Split(*parts, *windows)


def spec_of(target: Amount = GAMMA, **changes: object) -> ModelSpec:
    """A small search."""
    return ModelSpec(**{"train_days": None, "test_days": 5, "trials": 2, "target": target, **changes})
