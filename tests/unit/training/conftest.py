"""Synthetic labelled rows, and one training run over them that the tests of this folder share."""

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.product import ModelSpec
from assets.training.candidates import Candidates, train_candidates
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, split_rows

COLUMNS = ("amount", "income", "visits", "noise", "purpose=car", "purpose=home")
SOURCES = ("amount", "income", "visits", "noise", "purpose", "purpose")
SPEC = ModelSpec(train_days=None, test_days=20, trials=3, seed=7, monotone={"amount": "increasing"})
MATURITY = timedelta(days=5)


def make_rows(count: int = 4000, *, seed: int = 0) -> TrainingRows:
    """120 days of rows: risk grows with amount and visits, falls with income, and is higher for cars."""
    generator = np.random.default_rng(seed)
    amount, income, noise = (generator.normal(size=count) for _ in range(3))
    visits = generator.poisson(3.0, count).astype(np.float64)
    car = generator.integers(0, 2, count)
    odds = 1.3 * amount - 0.9 * income + 0.25 * (visits - 3.0) + 0.8 * car - 2.0
    matrix = np.column_stack([amount, income, visits, noise, car, 1 - car]).astype(np.float32)
    matrix[generator.random(count) < 0.1, 1] = np.nan
    offsets = np.sort(generator.integers(0, 120 * 86_400_000_000, count)).astype("timedelta64[us]")
    return TrainingRows(
        matrix=matrix,
        columns=COLUMNS,
        sources=SOURCES,
        y=_draw(odds, generator),
        as_of=np.datetime64("2026-01-01", "us") + offsets,
        row_ids=np.arange(count),
        protected={
            "sex": np.where(generator.integers(0, 2, count) == 1, "male", "female").astype(object),
            "age": generator.integers(18, 80, count).astype(np.float64),
        },
        stake=np.round(np.exp(generator.normal(8.0, 0.5, count)), 2),
    )


def _draw(odds: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int8]:
    return (generator.random(len(odds)) < 1.0 / (1.0 + np.exp(-odds))).astype(np.int8)


@pytest.fixture(scope="session")
def rows() -> TrainingRows:
    return make_rows()


@pytest.fixture(scope="session")
def split(rows: TrainingRows) -> Split:
    return split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)


@pytest.fixture(scope="session")
def candidates(rows: TrainingRows, split: Split) -> Candidates:
    return train_candidates(rows, split, SPEC)
