"""Faults planted in data, model and bundle: each is refused by the gate that is meant for it, on the way to a version.

The assets run as in a retraining: the model, its evaluation with a blocking check for each gate, and its registration,
which must not happen. The gates by themselves are in `tests/integration/commands/test_planted_faults.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import numpy as np
import onnx
import pyarrow as pa
import pytest
import xgboost as xgb

from assets.bundle.bundle import BundleParts
from assets.bundle.calibration import Calibration
from assets.bundle.files import write_bundle
from assets.evaluation.assets import evaluation_asset
from assets.governance.audit_database import audit_of
from assets.product import FairnessPolicy, GatePolicy, Jurisdiction, Limit, Product
from assets.product.names import TRAINING_SET, table_name
from assets.registry.assets import registered_model_asset
from assets.training.assets import model_asset
from assets.training.candidate import CANDIDATE, candidate_parts, labelled_rows
from assets.training.candidates import train_candidates
from assets.training.fitting.export import booster_bytes, export_onnx
from assets.training.recipe import recipe_of
from pipelines.operations.rollout import keeper_of
from resources.clock import WallClock
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.online_store.opening import OnlineStores
from resources.rollout_store.store import RolloutStore
from resources.spark.sessions import SparkSessions
from resources.tracking import Tracking
from tests.support.models.two_versions import two_versions

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Change = Callable[[BundleParts], BundleParts]
EU = FairnessPolicy((Jurisdiction("eu", "equal treatment", (Limit("selection_ratio", 0.8, crossed=False),)),))


@dataclass(frozen=True)
class Planted:
    """The home in which faults are planted.

    Attributes:
        product: It decides by amount, income and shop; the sex of a person is known and is no feature.
        table: The honest training set.
        parts: The candidate that was trained on it.
    """

    environment: Environment
    product: Product
    table: pa.Table
    parts: BundleParts

    def refused_by(
        self, *, table: pa.Table | None = None, model: Change | None = None, product: Product | None = None
    ) -> set[str]:
        """The blocking checks that failed, or why the run did; nothing where the candidate became a version.

        Args:
            table: The training set, on which the candidate is trained.
            model: What is done to the honest candidate in place of a training.
        """
        product, lake = product or self.product, Lake(self.environment.lake)
        version = lake.replace(table_name(product.name, TRAINING_SET), table or self.table, days=None).version
        given = {
            "version": version, "pins": {"loans/features": 0}, "rows": 5_000, "as_known_at": NOW.isoformat(),
            "audit": {"action": "train", "changed_features": 0},
        }  # fmt: skip
        keys, tracking = Keys.of(self.environment.home), Tracking.of(self.environment)
        changed = None if model is None else model(self.parts)
        first = _training_set(product, given) if changed is None else _model(product, given, changed, tracking, keys)
        assets = [*first, evaluation_asset(product), registered_model_asset(product)]
        before = len(tracking.versions(product.name))
        environment, stores = self.environment, OnlineStores(self.environment.online_store)
        resources = {
            "lake": lake, "tracking": tracking, "keys": keys, "audit": audit_of(environment), "clock": WallClock(),
            "rollout": RolloutStore.open(environment.rollout, environment.home / "fetched"),
            "environment": environment, "online_stores": stores, "io_manager": dg.InMemoryIOManager(),
            # No session is started for rows as few as these.
            "spark": SparkSessions(environment.spark_master, environment.home),
        }  # fmt: skip
        made = dg.materialize(assets, resources=resources, raise_on_error=False)
        stores.close()
        failed = {check.check_name for check in made.get_asset_check_evaluations() if not check.passed}
        told = failed or {_said(event) for event in made.all_events if event.event_type_value == "STEP_FAILURE"}
        registered = len(tracking.versions(product.name)) - before
        assert (made.success, registered) == (not told, int(not told)), "no version without a passed gate"
        return told


def _said(failure: dg.DagsterEvent) -> str:
    """What a run that failed says."""
    data = failure.step_failure_data
    return str(data.user_failure_data.description if data.user_failure_data else data.error)


def _training_set(product: Product, given: dict[str, Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(key=[product.name, "training_set"])
    def training_set() -> dict[str, Any]:
        return given

    return [training_set, model_asset(product)]


def _model(
    product: Product, given: dict[str, Any], parts: BundleParts, tracking: Tracking, keys: Keys
) -> list[dg.AssetsDefinition]:
    """The asset `model` with these parts; those that name their own run keep its name."""

    @dg.asset(key=[product.name, "model"])
    def model() -> dict[str, Any]:
        with tracking.run(product.name, "planted") as run, TemporaryDirectory() as place:
            pins = {**given, "mlflow_run": run.run_id, "dagster_run": "0b7c", "recipe": recipe_of(product).to_dict()}
            write_bundle(replace(parts, pins=pins | dict(parts.pins)), Path(place) / CANDIDATE, keys.signing)
            run.folder(CANDIDATE, Path(place) / CANDIDATE)
        return {"mlflow_run": run.run_id, "training_set": given}

    return [model]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    sample = two_versions(folder, drops=False)
    gates = GatePolicy(min_auc=0.7, max_calibration_error=0.06, min_group_rows=50)
    table = sample.lake.read(table_name(sample.product.name, TRAINING_SET))
    table = table.take(pa.array(range(0, table.num_rows, 2)))
    product = replace(sample.product, owner="risk@bank.example", gates=gates, fairness=EU)
    rows, split, encoder = labelled_rows(product, table)
    candidates = train_candidates(rows, split, product.model)
    parts = candidate_parts(product, rows, split, candidates, encoder, pins={}, created_at=NOW)
    return Planted(load_environment({"LOOPLINE_HOME": str(folder / "home")}), product, table, parts)


def column(table: pa.Table, name: str, values: Any) -> pa.Table:
    """The table with another column."""
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def labels(table: pa.Table) -> np.ndarray:
    return np.asarray(table["label"].to_numpy())


def with_booster(parts: BundleParts, booster: xgb.Booster, matrix: np.ndarray) -> BundleParts:
    return replace(
        parts, model=export_onnx(booster, matrix[:512]), booster=booster_bytes(booster), calibration=Calibration()
    )


def test_the_honest_candidate_becomes_a_version(planted: Planted) -> None:
    assert planted.refused_by(table=planted.table) == set()


def test_a_leak_is_refused(planted: Planted) -> None:
    noise = np.random.default_rng(1).normal(scale=0.1, size=planted.table.num_rows)
    leaking = column(planted.table, "income", labels(planted.table) + noise)
    assert {"auc_not_too_good", "single_feature_auc"} <= planted.refused_by(table=leaking)


def test_an_unfair_proxy_is_refused(planted: Planted) -> None:
    """The past treated women worse, and the shop tells who is one."""
    random, woman = np.random.default_rng(2), np.asarray(planted.table["sex"].to_pylist()) == "female"
    worse = np.where(woman & (random.random(len(woman)) < 0.5), 1, labels(planted.table)).astype(np.int8)
    unfair = column(planted.table, "label", worse)
    unfair = column(unfair, "shop", np.where(woman, "bar", "inn").tolist())
    assert {"selection_ratio", "eu_selection_ratio"} <= planted.refused_by(table=unfair)


def test_shuffled_labels_are_refused(planted: Planted) -> None:
    shuffled = column(planted.table, "label", np.random.default_rng(8).permutation(labels(planted.table)))
    assert "auc" in planted.refused_by(table=shuffled)


def test_a_model_that_learned_its_rows_by_heart_is_refused(planted: Planted) -> None:
    rows, split, _ = labelled_rows(planted.product, planted.table)
    learn = xgb.DMatrix(rows.matrix[split.train], rows.y[split.train])
    settings = {"max_depth": 12, "eta": 0.9, "min_child_weight": 0, "lambda": 0, "objective": "binary:logistic"}
    booster = xgb.train(settings, learn, 12)
    assert "overfit" in planted.refused_by(model=lambda parts: with_booster(parts, booster, rows.matrix))


def test_a_miscalibrated_model_is_refused(planted: Planted) -> None:
    surer = replace(planted.parts.calibration, method="platt", knots=(), slope=1.0, intercept=1.5)
    assert "calibration_error" in planted.refused_by(model=lambda parts: replace(parts, calibration=surer))


def test_a_bundle_that_serves_another_model_than_was_evaluated_is_refused(planted: Planted) -> None:
    """The form that is served is of a model that takes amounts in another unit."""

    def in_cents(model: bytes) -> bytes:
        graph = onnx.load_model_from_string(model)
        attributes = {one.name: one for one in graph.graph.node[0].attribute}
        thresholds, columns = attributes["nodes_values"].floats, attributes["nodes_featureids"].ints
        for place, column in enumerate(columns):
            if column == 0:
                thresholds[place] *= 100
        return bytes(graph.SerializeToString())

    assert "serving_skew" in planted.refused_by(model=lambda parts: replace(parts, model=in_cents(parts.model)))


def test_a_bundle_over_its_budgets_is_refused(planted: Planted) -> None:
    gates = replace(planted.product.gates, max_latency_ms=1e-4, max_bundle_mb=1e-4)
    tight = replace(planted.product, gates=gates)
    assert planted.refused_by(model=lambda parts: parts, product=tight) == {"latency_ms", "bundle_mb"}


@pytest.mark.parametrize("other", ["product", "run"])
def test_a_candidate_that_was_exchanged_for_another_signed_one_is_refused(planted: Planted, other: str) -> None:
    """Whoever writes MLflow's files has signed bundles enough: those of other runs and products."""
    change = {"product": "cards"} if other == "product" else {"pins": {"mlflow_run": "f00d"}}
    (said,) = planted.refused_by(model=lambda parts: replace(parts, **change))  # type: ignore[arg-type]
    assert "its files were exchanged; train again" in said


def test_a_worse_challenger_is_refused(planted: Planted) -> None:
    """The honest model decides; the challenger knows nothing of the amount, and would do for a first model."""
    keeper = keeper_of(planted.environment)
    lenient = replace(planted.product, gates=replace(planted.product.gates, min_auc=0.5, max_calibration_error=1.0))
    rows, split, _ = labelled_rows(planted.product, planted.table)
    matrix = rows.matrix.copy()
    matrix[:, 0] = np.nan
    booster = xgb.train(
        {"max_depth": 2, "objective": "binary:logistic"}, xgb.DMatrix(matrix[split.train], rows.y[split.train]), 20
    )
    worse = lambda parts: with_booster(parts, booster, rows.matrix)  # noqa: E731
    assert planted.refused_by(model=worse, product=lenient) == set(), "without a champion nothing refuses it"
    assert planted.refused_by(model=lambda parts: parts) == set()
    version = keeper.tracking.versions("loans")[-1].version
    keeper.begin("loans", keeper.release("loans", version), by="Ada", reason="it decides", at=NOW)
    assert planted.refused_by(model=worse, product=lenient) == {"champion_comparison"}
