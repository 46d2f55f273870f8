"""Rows to be monitored: fixtures of a table of features, of tables of decisions by day, and of a reference profile."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.profile import ReferenceProfile, build_profile

FIRST = date(2025, 1, 1)
Rows = Callable[..., pa.Table]


@pytest.fixture
def rows() -> Rows:
    """Draws n rows; `shift` multiplies the amounts, `missing` empties a share of the incomes."""

    def draw(n: int, *, seed: int = 0, shift: float = 1.0, missing: float = 0.1) -> pa.Table:
        rng = np.random.default_rng(seed)
        income = np.where(rng.random(n) < missing, np.nan, rng.normal(3000, 500, n))
        return pa.table(
            {
                "amount": rng.lognormal(8, 1, n) * shift,
                "income": income,
                "late_count": rng.poisson(0.3, n).astype(np.int64),
                "purpose": pa.array(rng.choice(["car", "home", "other"], n, p=[0.5, 0.3, 0.2])),
            }
        )

    return draw


@pytest.fixture
def scores() -> Callable[..., np.ndarray]:
    def draw(n: int, *, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).beta(2, 10, n)

    return draw


@pytest.fixture
def profile(rows: Rows, scores: Callable[..., np.ndarray]) -> ReferenceProfile:
    return build_profile(
        rows(5000), scores(5000), ["amount", "income", "late_count"], ["purpose"], positive_rate=0.12, auc=0.78
    )


@pytest.fixture
def by_day(rows: Rows, scores: Callable[..., np.ndarray]) -> Rows:
    """`per_day` rows on each of `days` days from FIRST on, with `score` and `day`."""

    def draw(per_day: int, days: int, **changes: float) -> pa.Table:
        n = per_day * days
        day = [FIRST + timedelta(days=i // per_day) for i in range(n)]
        table = rows(n, seed=1, **changes).append_column("score", pa.array(scores(n, seed=1)))
        return table.append_column("day", pa.array(day, pa.date32()))

    return draw
