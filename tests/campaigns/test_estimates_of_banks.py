"""Estimates without labels on years of the sandbox's bank: they hold the realised figures, or they are withheld.

Both products; on the published card transactions the same is measured by `tests/unit/monitoring/performance`. Rows are
those that get labels. `LOOPLINE_CAMPAIGN_SEEDS` seeds, 3 by default.
"""

import os
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from assets.monitoring.performance.estimates import Estimator, ReferenceRows, Rows
from assets.monitoring.performance.matured import calibration_by_day
from assets.monitoring.performance.recalibration import recalibrate
from assets.product import Product
from pipelines.operations.gameday.scenarios import scenario_of
from pipelines.products import load_product
from tests.support.processes.killing import CAMPAIGN
from tests.support.quiet_bank.models import approved, matrix_of
from tests.support.quiet_bank.rows import quiet_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not CAMPAIGN, reason="minutes: LOOPLINE_CAMPAIGN=1"),
]

SEEDS = int(os.environ.get("LOOPLINE_CAMPAIGN_SEEDS", "3"))
SCENARIO = replace(scenario_of("quiet"), days=420)
NAMES = SCENARIO.products
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Week:
    """A window: why its estimate is withheld, or whether it holds the realised AUC and profit."""

    withheld: str | None
    auc: bool = False
    profit: bool = False


def weeks_of(product: Product, seed: int, *, changed: bool) -> list[Week]:
    """The windows of a seed, one a week; if `changed`, those after labels of the other outcome have become final."""
    rows = quiet_rows((product,), SCENARIO.settings(seed), SCENARIO.keenness)[product.name]
    matrix, profit = matrix_of(product, rows.features), product.decision.profit
    model = approved(product, rows, matrix, SCENARIO.first - timedelta(days=1))
    stake = np.asarray(rows.features[profit.stake].to_numpy(), dtype=np.float64)
    first, last = (SCENARIO.first - _EPOCH).days, int(rows.day.max())
    maturity, window = product.label.maturity // timedelta(days=1), product.monitoring.window_days
    label, rng = rows.bad.astype(np.int8), np.random.default_rng(seed)
    if changed:  # half of the bad rows are others, which look like any
        late = np.flatnonzero((rows.day >= first) & rows.labelled)
        gone = late[(label[late] == 1) & (rng.random(len(late)) < 0.5)]
        label[gone] = 0
        label[rng.choice(late, len(gone), replace=False)] = 1

    def within(begin: int, end: int, which: np.ndarray = rows.labelled) -> tuple[np.ndarray, Rows]:
        kept = which & (rows.day >= begin) & (rows.day < end)
        return kept, Rows(model.scores[kept], model.answers[kept] == 0, stake[kept], matrix[kept])

    kept = model.tested & rows.labelled
    _, tested = within(0, last, kept)
    keys = [np.unique(rows.features[name].to_numpy(), return_inverse=True)[1] for name in product.features.key_columns]
    reference = ReferenceRows(tested, label[kept], tuple(one[kept] for one in (rows.day, *keys)))
    before = recalibrate(tested.score, reference.label, None, reference.clusters)
    estimator = Estimator(reference, profit, min_rows=product.monitoring.min_rows)
    later = rows.labelled & (rows.day > int(rows.day[kept].max()))
    outcomes = pa.table(
        {
            "day": pa.array((rows.day[later] + maturity).astype(np.int32), pa.int32()).cast(pa.date32()),
            "score": model.scores[later], "label": label[later],
        }
    )  # fmt: skip
    ends = range(first + (maturity + window if changed else window), last + 1, 7)
    days = [_EPOCH + timedelta(days=end - 1) for end in ends]
    calibration = calibration_by_day(
        outcomes, days, window, reference=before, min_rows=product.monitoring.min_rows
    ).to_pylist()
    found = []
    for end, told in zip(ends, calibration, strict=True):
        now, rows_now = within(end - window, end)
        found.append(_week(estimator, rows_now, label[now], product, told["reason"] if told["moved"] else None))
    return found


def _week(estimator: Estimator, rows: Rows, label: np.ndarray, product: Product, why: str | None) -> Week:
    (_, one) = estimator.of_window(rows, moved=why)
    if one["withheld"] is not None:
        return Week(one["withheld"])
    profit = product.decision.profit
    earned = np.where(label == 1, -profit.bad, profit.good) * rows.stake
    auc = roc_auc_score(label, rows.score) if 0 < label.sum() < len(label) else None
    holds = auc is None or one["auc_low"] <= auc <= one["auc_high"]
    return Week(None, holds, bool(one["profit_low"] <= earned[rows.accepted].sum() <= one["profit_high"]))


@pytest.mark.parametrize("name", NAMES)
def test_estimates_hold_the_realised_figures_of_quiet_weeks(name: str) -> None:
    product = SCENARIO.played(load_product(name))
    weeks = [week for seed in range(1, SEEDS + 1) for week in weeks_of(product, seed, changed=False)]
    given = [week for week in weeks if week.withheld is None]
    auc, profit = (float(np.mean([getattr(one, figure) for one in given])) for figure in ("auc", "profit"))
    print(f"{name}: of {len(weeks)} weeks {len(given)} have estimates; AUC {auc:.1%}, profit {profit:.1%} held")
    assert len(given) >= 0.5 * len(weeks)
    assert auc >= 0.9
    assert profit >= 0.9


@pytest.mark.parametrize("name", NAMES)
def test_estimates_are_withheld_once_outcomes_are_others(name: str) -> None:
    product = SCENARIO.played(load_product(name))
    weeks = [week for seed in range(1, SEEDS + 1) for week in weeks_of(product, seed, changed=True)]
    share = float(np.mean([week.withheld is not None for week in weeks]))
    print(f"{name}: {share:.1%} of {len(weeks)} weeks are withheld")
    assert share >= 0.8
