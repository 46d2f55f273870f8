"""Business figures beside their expectation: calm when nothing changes, outside when something does."""

from datetime import date, timedelta

import numpy as np
import pytest

from assets.monitoring.performance.kpis import KPI_SCHEMA, DayRows, Matured, kpis_by_day
from assets.product import MonitoringPolicy, ProductError, Profit

FIRST = date(2026, 1, 5)
START = (FIRST - date(1970, 1, 1)).days
PROFIT = Profit(0.1, 0.6, "amount")
POLICY = MonitoringPolicy(window_days=14)


def decisions(days: int, seed: int, *, threshold: float = 0.3, a_day: int = 200, first: int = 0) -> DayRows:
    rng = np.random.default_rng(seed)
    day = START + first + np.repeat(np.arange(days), rng.poisson(a_day, days))
    score = rng.beta(1.5, 5, len(day))
    accepted, refused = score < threshold - 0.05, score >= threshold
    loss = np.where(accepted, score * 0.6 * rng.lognormal(3, 0.5, len(day)), 0.0)
    return DayRows(day, accepted, ~accepted & ~refused, refused, loss)


def matured(days: int, seed: int, *, worse: float = 1.0) -> Matured:
    rng = np.random.default_rng(seed)
    day = START + np.repeat(np.arange(days), 100)
    score = rng.beta(1.5, 12, len(day))
    label = (rng.random(len(day)) < worse * score).astype(np.int8)
    return Matured(day, score, label, rng.lognormal(3, 0.5, len(day)), only_accepted=True)


def kpis(rows: DayRows, labels: Matured, days: list[int], policy: MonitoringPolicy = POLICY) -> list[dict]:
    wanted = [FIRST + timedelta(days=n) for n in days]
    approved = decisions(30, 99)
    table = kpis_by_day(rows, labels, wanted, approved=approved, profit=PROFIT, policy=policy)
    assert table.schema == KPI_SCHEMA
    return table.to_pylist()


def test_days_as_before_are_rarely_outside() -> None:
    found = [row for seed in range(20) for row in kpis(decisions(40, seed), matured(40, seed), list(range(14, 40)))]
    judged = [row["outside"] for row in found if row["outside"] is not None]
    assert len(judged) == len(found) == 20 * 26 * 7
    assert np.sum(judged) <= 3, "a fifth of a false alarm a year is left to these figures"


def test_a_day_s_figures_are_the_plain_ones() -> None:
    rows, labels = decisions(20, 1), matured(20, 1)
    found = {row["figure"]: row for row in kpis(rows, labels, [16])}
    own, of_labels = rows.day == START + 16, labels.day == START + 16
    assert found["decisions"]["value"] == own.sum()
    assert found["approval_rate"]["value"] == pytest.approx(rows.accepted[own].mean(), abs=1e-12)
    assert found["expected_loss"]["value"] == pytest.approx(rows.loss[own].sum())
    bad, stake = labels.label[of_labels] == 1, labels.stake[of_labels]
    assert found["realised_loss"]["value"] == pytest.approx(0.6 * stake[bad].sum())
    assert found["profit"]["value"] == pytest.approx(0.1 * stake[~bad].sum() - 0.6 * stake[bad].sum())
    assert (found["profit"]["over"], found["approval_rate"]["over"]) == ("accepted", "all")
    assert {row["basis"] for row in found.values()} == {"days before", "approval", "scores"}


@pytest.mark.parametrize(
    ("rows", "labels", "outside"),
    [
        (decisions(20, 1, threshold=0.15), matured(20, 1), {"approval_rate", "refused_share", "expected_loss"}),
        (decisions(20, 1), matured(20, 1, worse=4.0), {"realised_loss", "profit"}),
    ],
    ids=["another threshold", "worse outcomes"],
)
def test_what_changes_lies_outside(rows: DayRows, labels: Matured, outside: set[str]) -> None:
    assert outside <= {row["figure"] for row in kpis(rows, labels, [16]) if row["outside"]}


def test_a_day_without_rows_has_no_shares_and_a_missing_day_is_outside() -> None:
    found = {row["figure"]: row for row in kpis(decisions(16, 1), matured(16, 1), [16])}
    assert (found["decisions"]["value"], found["decisions"]["outside"]) == (0.0, True)
    assert (found["approval_rate"]["value"], found["approval_rate"]["outside"]) == (None, None)
    assert found["profit"]["value"] is None


def test_a_target_stands_in_place_of_the_expectation() -> None:
    policy = MonitoringPolicy(window_days=14, targets={"approval_rate": (0.99, None), "decisions": (None, 1000)})
    found = {row["figure"]: row for row in kpis(decisions(20, 1), matured(20, 1), [16], policy)}
    assert (found["approval_rate"]["basis"], found["approval_rate"]["low"], found["approval_rate"]["outside"]) == (
        "target", 0.99, True,
    )  # fmt: skip
    assert (found["decisions"]["basis"], found["decisions"]["outside"]) == ("target", False)


def test_targets_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ProductError, match="targets={'speed'.*write one of decisions"):
        MonitoringPolicy(targets={"speed": (0, 1)})  # type: ignore[dict-item]
    with pytest.raises(ProductError, match="the least before the most"):
        MonitoringPolicy(targets={"profit": (5, 1)})
