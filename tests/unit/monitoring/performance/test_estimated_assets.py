"""The assets of performance in a run: a champion that was evaluated on pinned rows, and days after it."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.released import champion_bundle
from assets.monitoring.performance.assets import (
    calibration_asset,
    estimated_performance_asset,
    group_performance_asset,
    kpis_asset,
    vintages_asset,
)
from assets.monitoring.scoring import scored_rows
from assets.monitoring.signals import estimated_cause, kpi_figures
from assets.product import Partitions
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from tests.support.champions import crown

PRODUCT = load_product("card_fraud")
FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(30)]
"""Ten days of the test window, and twenty after it."""
TESTED = {"first": "2026-06-01T00:00:00.000000Z", "end": "2026-06-11T00:00:00.000000Z"}
A_DAY = 300


def features(days: list[date], seed: int) -> pa.Table:
    """Rows like those on which the crowned model was fitted."""
    rng, rows = np.random.default_rng(seed), A_DAY * len(days)
    moments = [datetime.combine(day, time(12), UTC) for day in days for _ in range(A_DAY)]
    columns: dict[str, object] = {
        "transaction_id": np.arange(rows) + seed * 1_000_000,
        "card_id": rng.integers(0, 5000, rows).astype(str),
        "terminal_id": rng.integers(0, 5000, rows).astype(str),
        "as_of": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "day": pa.array([moment.date() for moment in moments], pa.date32()),
    }
    columns |= {
        name: np.where(rng.random(rows) < 0.05, np.nan, rng.gamma(2.0, 50.0, rows))
        for name in PRODUCT.features.numeric
        if name not in PRODUCT.monitoring.slices
    }
    columns |= {name: rng.integers(0, 2, rows).astype(float) for name in PRODUCT.monitoring.slices}
    columns["amount"] = rng.gamma(2.0, 50.0, rows)
    return pa.table(columns)


class Bank:
    """A lake in which a champion has scored twenty days after those on which it was evaluated."""

    def __init__(self, folder: Path) -> None:
        self.environment: Environment = load_environment({"LOOPLINE_HOME": str(folder / "home")})
        self.lake = Lake(self.environment.lake)
        rows = features(DAYS, 1)
        self.lake.replace("card_fraud/features", rows, days=DAYS)
        crown(PRODUCT, self.environment, folder)  # a first one, whose scores say which rows turn out bad
        rng = np.random.default_rng(3)
        self.scores = scored_rows(self.bundle, rows, ["transaction_id", "as_of", "amount", "day"]).table
        label = pa.array((rng.random(rows.num_rows) < self.scores["score"].to_numpy()).astype(np.int8))
        tested = rows.append_column("label", label).drop_columns(["day"]).slice(0, 10 * A_DAY)
        commit = self.lake.replace("card_fraud/training_set", tested, days=None)
        before = {"first": "2026-05-01T00:00:00.000000Z", "end": "2026-05-25T00:00:00.000000Z"}
        pins = {"version": commit.version, "pins": {"card_fraud/features": self.lake.version("card_fraud/features")}}
        evaluated = {"pins": pins, "metrics": {"windows": {"train": before, "test": TESTED}}}
        crown(PRODUCT, self.environment, folder / "again", version="2", evaluated=evaluated)
        self.scores = scored_rows(self.bundle, rows, ["transaction_id", "as_of", "amount", "day"]).table
        self.lake.replace("card_fraud/scores", self.scores, days=DAYS)
        matured = self.scores.append_column("label", label).slice(10 * A_DAY, 13 * A_DAY)
        final = [day + timedelta(days=7) for day in matured["day"].to_pylist()]
        place = matured.column_names.index("day")
        self.lake.replace(
            "card_fraud/batch_outcomes", matured.set_column(place, "day", pa.array(final, pa.date32())), days=DAYS[17:]
        )
        known = pa.array([moment + timedelta(days=1) for moment in rows["as_of"].to_pylist()], rows["as_of"].type)
        events = pa.table(
            {
                "transaction_id": rows["transaction_id"], "is_fraud": label, "event_time": rows["as_of"],
                "known_at": known, "day": known.cast(pa.date32()),
            }
        )  # fmt: skip
        arrived = sorted(set(events["day"].to_pylist()))
        self.lake.replace("card_fraud/validated_fraud_labels", events, days=arrived)

    @property
    def rollout(self) -> RolloutStore:
        return RolloutStore.open(self.environment.rollout, self.environment.home / "fetched")

    @property
    def bundle(self):  # type: ignore[no-untyped-def]
        return champion_bundle("card_fraud", self.rollout, Keys.of(self.environment.home).signing)

    def make(self, *factories, day: date = DAYS[-1]) -> dg.ExecuteInProcessResult:  # type: ignore[no-untyped-def]
        assets = [factory(PRODUCT, Partitions("day", FIRST)) for factory in factories]
        resources = {"lake": self.lake, "rollout": self.rollout, "keys": Keys.of(self.environment.home)}
        return dg.materialize(assets, partition_key=day.isoformat(), resources=resources)


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
