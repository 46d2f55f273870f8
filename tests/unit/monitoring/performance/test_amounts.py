"""Realised figures of amounts, their verdict, and what is said in place of figures of a binary target."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.monitoring.performance.amounts import (
    amount_figures,
    amount_verdict,
    figures_of_target,
    not_asked_rows,
    realised_amounts,
)
from assets.monitoring.performance.by_bundle import performance_by_bundle
from assets.monitoring.performance.estimates import ESTIMATED_SCHEMA
from assets.monitoring.performance.kpis import KPI_SCHEMA
from assets.product import Amount, MonitoringPolicy
from assets.product.names import LABEL_AMOUNT
from tests.claims.product import PRODUCT as CLAIMS
from tests.support.models.evaluated_bundle import PRODUCT as LOANS

DAY = date(2026, 4, 20)
NOW = datetime(2026, 4, 21, tzinfo=UTC)
POLICY = MonitoringPolicy(window_days=7, min_rows=50)
PRODUCT = replace(CLAIMS, monitoring=POLICY)
assert isinstance(CLAIMS.model.target, Amount)
TARGET = CLAIMS.model.target


def outcomes(count: int = 200, *, factor: float = 1.0) -> pa.Table:
    """Answered decisions of the last week, each bundle with half of them; the second one states twice the amount."""
    random = np.random.default_rng(3)
    amount = random.gamma(4.0, 250.0, count)
    second = np.arange(count) % 2 == 1
    score = np.where(second, 2.0, 1.0) * amount * factor
    return pa.table(
        {
            "day": pa.array([DAY - timedelta(days=n % 7) for n in range(count)], pa.date32()),
            "bundle": np.where(second, "2", "1"), "digest": np.where(second, "d2", "d1"), "role": ["champion"] * count,
            "score": score, "outcome": np.where(np.arange(count) % 4 < 2, "settle", "inspect"),
            "label": pa.array((amount >= 1_500).astype(np.int8)), LABEL_AMOUNT: amount,
            "fallback": pa.nulls(count, pa.string()), "row_id": [f"C{n}" for n in range(count)],
        }
    )  # fmt: skip


def figures(rows: pa.Table) -> list[dict[str, object]]:
    decision = PRODUCT.decision
    by_bundle = performance_by_bundle(
        rows, [DAY], POLICY.window_days, accept=decision.accept, profit=decision.profit, min_rows=POLICY.min_rows
    )
    return list(amount_figures(PRODUCT, TARGET, by_bundle, rows, version="bundle").to_pylist())


def test_each_bundle_has_the_errors_of_its_own_decisions() -> None:
    rows = outcomes()
    found = {(row["bundle"], row["role"]): row for row in figures(rows)}
    exact, doubled = found["1", "all"], found["2", "all"]
    assert exact["mae"] == exact["bias"] == 0.0
    own = rows.filter(pa.array(np.array(rows["bundle"].to_pylist()) == "2"))[LABEL_AMOUNT].to_numpy()
    assert doubled["bias"] == doubled["mae"] == pytest.approx(own.mean())
    assert doubled["mean_error"] == pytest.approx(1.0)
    assert doubled["auc"] is doubled["brier"] is None
    settled = rows.filter(
        pa.array((np.array(rows["bundle"].to_pylist()) == "2") & (np.array(rows["outcome"].to_pylist()) == "settle"))
    )
    assert doubled["profit"] == pytest.approx(float((1_200.0 - settled[LABEL_AMOUNT].to_numpy()).sum()))


def test_too_few_labels_give_no_figure() -> None:
    rows = outcomes(80)
    assert {row["mae"] for row in figures(rows)} == {None}


@pytest.mark.parametrize(
    ("row", "action"),
    [
        ({"mae": 110.0, "mae_error": 2.0}, "none"),
        ({"mae": 140.0, "mae_error": 2.0}, "retrain"),
        ({"mae": 140.0, "mae_error": 30.0}, "unknown"),
        ({"mae": None, "mae_error": None}, "unknown"),
        ({"mae": 140.0, "mae_error": 2.0, "approved_mae": None}, "unknown"),
    ],
)
def test_an_error_that_grew_beyond_chance_asks_for_a_retraining(row: dict[str, float | None], action: str) -> None:
    told = {"labelled": 200, "approved_mae": 100.0, **row}
    assert amount_verdict(told, DAY, POLICY, NOW).action == action


def test_old_figures_are_unknown() -> None:
    row = {"labelled": 200, "approved_mae": 100.0, "mae": 500.0, "mae_error": 1.0}
    assert amount_verdict(row, DAY - timedelta(days=60), POLICY, NOW).action == "unknown"


def test_business_figures_of_amounts_have_no_expectation_by_probabilities() -> None:
    rows = outcomes(40)
    empty = dict.fromkeys(KPI_SCHEMA.names)
    kpis = pa.Table.from_pylist(
        [{**empty, "day": DAY, "figure": name, "rows": 9, "over": "all", "value": 1.0, "expected": 2.0, "low": 1.0,
          "high": 3.0, "basis": "scores", "outside": False} for name in ("realised_loss", "profit", "decisions")],
        schema=KPI_SCHEMA,
    )  # fmt: skip
    found = {row["figure"]: row for row in realised_amounts(PRODUCT, rows, kpis).to_pylist()}
    own = np.array(rows["day"].to_pylist()) == DAY
    settled = own & (np.array(rows["outcome"].to_pylist()) == "settle")
    amount = rows[LABEL_AMOUNT].to_numpy()[settled]
    assert found["realised_loss"]["value"] == pytest.approx(amount.sum())
    assert found["profit"]["value"] == pytest.approx((1_200.0 - amount).sum())
    assert found["profit"]["expected"] is found["profit"]["outside"] is None
    assert found["decisions"]["expected"] == 2.0
    assert realised_amounts(LOANS, rows, kpis) is kpis


def test_what_is_of_a_binary_target_says_so() -> None:
    table = not_asked_rows(
        ESTIMATED_SCHEMA, [DAY], method="pape", part="all", group="all", rows=0, accepted=0, withheld="amount",
        reason="of a binary target",
    )  # fmt: skip
    assert table["auc"].to_pylist() == [None]
    figures = pa.table({"auc": [0.7], "brier": [0.1], "bad_rate": [0.2]})
    assert figures_of_target(LOANS, figures, figures) is figures
