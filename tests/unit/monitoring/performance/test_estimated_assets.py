"""The assets of performance in a run: a champion that was evaluated on pinned rows, and days after it."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from assets.monitoring.performance.assets import (
    calibration_asset,
    estimated_performance_asset,
    group_performance_asset,
    kpis_asset,
    vintages_asset,
)
from assets.monitoring.signals import estimated_cause, kpi_figures
from tests.support.data.scored_cards import A_DAY, DAYS, PRODUCT, Bank
from tests.support.models.champions import crown


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return Bank(tmp_path_factory.mktemp("bank"))


def test_estimates_are_given_beside_labels_that_agree(bank: Bank) -> None:
    assert bank.make(calibration_asset, estimated_performance_asset).success
    (calibration,) = bank.lake.read("card_fraud/calibration").to_pylist()
    assert (calibration["rows"], calibration["moved"]) == (7 * A_DAY, False)
    assert "as before" in calibration["reason"]
    whole = [row for row in bank.lake.read("card_fraud/estimated_performance").to_pylist() if row["part"] == "all"]
    assert {(row["method"], row["withheld"]) for row in whole} == {("cbpe", None), ("pape", None)}
    for row in whole:
        assert row["rows"] == 7 * A_DAY
        assert row["auc_low"] < row["auc"] < row["auc_high"]
        assert (row["approved_auc"], row["model_version"]) == (0.8, "2")
    parts = {row["part"] for row in bank.lake.read("card_fraud/estimated_performance").to_pylist()}
    assert parts == {"all", "is_night"}


def test_an_estimate_far_below_the_auc_at_approval_is_a_cause_behind_the_realised_one(bank: Bank) -> None:
    """The crowned profile says 0.8; its model knows nothing, and its scores say so."""
    now = datetime.combine(DAYS[-1] + timedelta(days=1), time(), UTC)
    cause = estimated_cause(PRODUCT, bank.lake, "2", now)
    assert (cause.kind, cause.action) == ("estimated", "retrain")
    assert "without labels" in cause.reasons[0]
    assert estimated_cause(PRODUCT, bank.lake, "9", now).action == "unknown"


def test_business_figures_of_the_day_are_as_expected(bank: Bank) -> None:
    assert bank.make(kpis_asset).success
    rows = {row["figure"]: row for row in bank.lake.read("card_fraud/kpis").to_pylist()}
    assert rows["decisions"]["value"] == A_DAY
    assert rows["approval_rate"]["basis"] == "approval"
    now = datetime.combine(DAYS[-1] + timedelta(days=1), time(), UTC)
    found = kpi_figures(PRODUCT, bank.lake, now)
    assert (found.day, found.verdict.action) == (DAYS[-1], "none"), found.verdict.reasons


def test_realised_figures_are_told_apart_by_slice(bank: Bank) -> None:
    assert bank.make(group_performance_asset).success
    rows = bank.lake.read("card_fraud/group_performance").to_pylist()
    assert [(row["part"], row["group"]) for row in rows] == [("is_night", "0.0"), ("is_night", "1.0")]
    assert sum(row["rows"] for row in rows) == 7 * A_DAY
    assert all(abs(row["auc"] - 0.5) < 0.2 and row["over"] in ("all", "accepted") for row in rows)


def test_vintages_of_the_day_end_where_older_ones_did(bank: Bank) -> None:
    assert bank.make(vintages_asset).success
    rows = bank.lake.read("card_fraud/vintages").to_pylist()
    assert [row["age"] for row in rows] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert rows[2]["completion"] == 1.0, "reported within two days"
    assert rows[-1]["completion"] == 0.0
    assert rows[-1]["final_low"] < rows[0]["bad_rate"] + 0.1
    assert rows[-1]["positives"] == 0


def test_a_champion_without_pinned_rows_has_no_estimate(bank: Bank, tmp_path: Path) -> None:
    crown(PRODUCT, bank.environment, tmp_path, version="3", seed=5)
    assert bank.make(calibration_asset, estimated_performance_asset, day=DAYS[-2]).success
    rows = bank.lake.read("card_fraud/estimated_performance", days=[DAYS[-2]]).to_pylist()
    assert {row["withheld"] for row in rows} == {"no reference"}
    now = datetime.combine(DAYS[-1], time(), UTC)
    cause = estimated_cause(PRODUCT, bank.lake, "3", now)
    assert cause.action == "unknown"
    assert "withheld: the champion's bundle does not say" in cause.reasons[0]
