"""Rows to be monitored: fixtures of a table of features, of tables of decisions by day, and of a reference profile.

Belongs here too: the counts and the figures of such rows, without a bundle. Does not belong here: assertions.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.answers import REFUSE
from assets.bundle.bundle import Policy
from assets.bundle.profile import ReferenceProfile, build_profile
from assets.monitoring.distributions.cells import Layout, layout_of
from assets.monitoring.distributions.counting import Rows as Counted
from assets.monitoring.distributions.counting import counted
from assets.monitoring.distributions.figures import Drift, drift_of_days
from assets.monitoring.distributions.limits import limits_of
from assets.product import MonitoringPolicy
from resources.naming import days_between

FIRST = date(2025, 1, 1)
Rows = Callable[..., pa.Table]
POLICY = Policy(threshold=0.4, accept="yes", refuse="no", fallback="yes", reasons={}, reasons_shown=1, row_id="id")


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


def layout(profile: ReferenceProfile) -> Layout:
    return layout_of(profile, POLICY)


def counts_by_day(profile: ReferenceProfile, table: pa.Table, days: Sequence[date]) -> np.ndarray:
    """The counts of these days, int64 [days, cells], of rows with `score` and `day`."""
    stamps, cells = np.array(table["day"]), layout(profile)
    counts = []
    for day in days:
        rows = table.filter(pa.array(stamps == np.datetime64(day)))
        scores = np.asarray(rows["score"].to_numpy(), dtype=np.float64)
        counts.append(counted(cells, Counted(rows, scores, (scores >= POLICY.threshold).astype(np.int64) * REFUSE)))
    return np.stack(counts)


def figures_by_day(
    profile: ReferenceProfile, table: pa.Table, days: Sequence[date], window: int
) -> dict[date, tuple[Drift, ...]]:
    """The figures of consecutive days by fixed limits: no history is known."""
    before = days_between(days[0] - timedelta(days=window - 1), days[-1])
    policy, cells = MonitoringPolicy(window_days=window), layout(profile)
    limits = limits_of(cells, (), np.zeros((0, cells.cells), np.int64), policy)
    return drift_of_days(cells, "batch", days, counts_by_day(profile, table, before), limits, policy)
