"""Years of a product's rows on which nothing is wrong: weekdays, a season, and days that differ a little by chance.

Belongs here: drawing days of rows, the faults that a test plants in them, and their counts. Does not belong here:
assertions.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from assets.bundle.answers import REFUSE
from assets.bundle.profile import ReferenceProfile, build_profile
from assets.monitoring.distributions.cells import Layout
from assets.monitoring.distributions.counting import Rows, counted
from tests.support.data.monitored_rows import POLICY, layout

Fault = Literal["all null", "times 100", "constant", "category renamed", "half the rows"]
YEAR = 364
_NUMBERS = ("amount", "income", "late", "other")


def rows_of_day(rng: np.random.Generator, day: int, *, per_day: int, season: float, fault: Fault | None = None) -> Rows:
    """The rows of a day: fewer at weekends, larger amounts in summer, and each day with a little of its own."""
    weekend, wave = day % 7 >= 5, season * np.sin(2 * np.pi * day / YEAR)
    expected = per_day * (0.7 if weekend else 1.0) * np.exp(rng.normal(0, 0.05)) * (1 + 0.1 * wave)
    n = int(rng.poisson(expected * (0.5 if fault == "half the rows" else 1.0)))
    amount = rng.lognormal(3 + 0.05 * wave + 0.1 * weekend + rng.normal(0, 0.03), 1, n)
    late = rng.poisson(0.3 + 0.02 * wave, n).astype(float)
    other = rng.normal(rng.normal(0, 0.03), 1, n)
    income = np.where(rng.random(n) < 0.05 + 0.01 * wave, np.nan, rng.normal(3000, 500, n))
    purpose = rng.choice(["car", "home", "other"], n, p=[0.5 + 0.02 * wave, 0.3, 0.2 - 0.02 * wave])
    score = 1 / (1 + np.exp(2.5 - 0.5 * (np.log(amount) - 3) - 0.5 * late - 0.3 * other))
    if fault == "all null":
        income = np.full(n, np.nan)
    if fault == "times 100":
        amount = amount * 100
    if fault == "constant":
        other = np.full(n, 0.3)
    if fault == "category renamed":
        purpose = np.where(purpose == "other", "andere", purpose)
    table = pa.table({"amount": amount, "income": income, "late": late, "other": other, "purpose": purpose})
    return Rows(table, score, (score >= POLICY.threshold).astype(np.int64) * REFUSE)


def profile_of(rows: Sequence[Rows]) -> ReferenceProfile:
    """The reference profile of all these rows."""
    table, scores = pa.concat_tables([one.features for one in rows]), np.concatenate([one.scores for one in rows])
    return build_profile(table, scores, _NUMBERS, ["purpose"], positive_rate=0.1, auc=0.8)


def quiet_years(seed: int, days: int, *, per_day: int, season: float) -> tuple[Layout, np.ndarray]:
    """The cells, by the last four weeks of the first year, and the counts of so many days, int64 [days, cells]."""
    rng = np.random.default_rng(seed)
    approval = [rows_of_day(rng, day, per_day=per_day, season=season) for day in range(YEAR - 28, YEAR)]
    cells = layout(profile_of(approval))
    drawn = (rows_of_day(rng, day, per_day=per_day, season=season) for day in range(days))
    return cells, np.stack([counted(cells, rows) for rows in drawn])
