"""A home in which a version of `card_fraud` was trained on a pinned training set, and decides.

Belongs here: the training set, and the steps of training and evaluation that make the bundle, without their runs. Does
not belong here: assertions.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Bundle, BundleParts
from assets.bundle.files import load_bundle, write_bundle
from assets.evaluation.reference_profile import reference_profile
from assets.metrics.ranking import measure
from assets.training.candidate import boosted_model, candidate_parts, labelled_rows
from assets.training.candidates import train_candidates
from assets.training.recipe import recipe_of
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore

PRODUCT = load_product("card_fraud")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TABLE = "card_fraud/training_set"


@dataclass(frozen=True)
class TrainedHome:
    """The home.

    Attributes:
        bundle: The bundle that was trained, version 1.
        training_set: The rows that it was trained on.
    """

    environment: Environment
    bundle: Bundle
    training_set: pa.Table

    @property
    def variables(self) -> dict[str, str]:
        """What names the home in the environment of a command."""
        return {"LOOPLINE_HOME": str(self.environment.home)}

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def publish(self, parts: BundleParts) -> Release:
        """Publishes a bundle under its version and makes it the champion."""
        environment = self.environment
        folder = environment.home / f"made-{parts.version}"
        digest = write_bundle(parts, folder, Keys.of(environment.home).signing)
        store = RolloutStore.open(environment.rollout, environment.home / "fetched")
        store.publish_bundle(parts.product, parts.version, folder)
        release, before = Release(version=parts.version, digest=digest), store.read_manifest(parts.product)
        generation = 1 if before is None else before.generation + 1
        store.publish_manifest(
            parts.product,
            RolloutManifest(
                product=parts.product, champion=release, updated_at=NOW, by="tests", reason="trained",
                generation=generation, former=() if before is None else (before.champion,),
            ),
        )  # fmt: skip
        return release


def trained_home(home: Path, rows: int = 4_000) -> TrainedHome:
    """A home with a training set of so many rows and the bundle that was trained on it."""
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    lake = Lake(environment.lake)
    lake.replace("card_fraud/features", pa.table({"transaction_id": [1]}), days=None)
    table = training_rows(rows)
    version = lake.replace(TABLE, table, days=None).version
    pins = {
        "version": version, "pins": {"card_fraud/features": lake.version("card_fraud/features")}, "rows": rows,
        "as_known_at": NOW.isoformat(), "mlflow_run": "f00d", "dagster_run": "0b7c",
        "recipe": recipe_of(PRODUCT).to_dict(), "table": lake.identity(TABLE),
    }  # fmt: skip
    key, place = Keys.of(environment.home).signing, home / "trained"
    write_bundle(_trained(table, pins), place, key)
    made = TrainedHome(environment, load_bundle(place, key, None), table)
    made.publish(made.bundle.parts)
    return made


def training_rows(rows: int, seed: int = 1) -> pa.Table:
    """Rows of sixty days: frauds have high amounts, and terminals with frauds before."""
    rng = np.random.default_rng(seed)
    moments = np.sort(rng.integers(0, 60 * 86_400_000_000, rows)) + int(NOW.timestamp() * 1e6) - 61 * 86_400_000_000
    columns: dict[str, Any] = {
        name: np.where(rng.random(rows) < 0.05, np.nan, np.round(rng.gamma(2.0, 50.0, rows), 2))
        for name in PRODUCT.features.numeric
    }
    columns |= {f"terminal_risk_{days}d": np.round(rng.beta(1, 20, rows), 4) for days in (1, 7, 30)}
    columns |= {name: rng.integers(0, 2, rows).astype(float) for name in ("is_night", "is_weekend")}
    columns["amount"] = np.round(rng.gamma(2.0, 50.0, rows), 2)
    odds = columns["amount"] / 60 + 25 * columns["terminal_risk_7d"] - 4.5
    return pa.table(
        {
            "transaction_id": np.arange(rows), "as_of": pa.array(moments, pa.timestamp("us", tz="UTC")), **columns,
            "label": (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int8),
        }
    )  # fmt: skip


def _trained(table: pa.Table, pins: dict[str, Any]) -> BundleParts:
    rows, split, encoder = labelled_rows(PRODUCT, table)
    candidates = train_candidates(rows, split, PRODUCT.model)
    parts = candidate_parts(PRODUCT, rows, split, candidates, encoder, pins=pins, created_at=NOW)
    test = rows.take(split.test)
    figures = measure(test.y, boosted_model(parts).predict(test.matrix), seed=PRODUCT.model.seed)
    ids = table["transaction_id"].to_pylist()
    tested = table.take([ids.index(one) for one in test.row_ids.tolist()])
    unsigned = Bundle(parts=parts, digest="", size=0)
    reference = reference_profile(PRODUCT, tested, unsigned, positive_rate=float(test.y.mean()), auc=figures.auc)
    return replace(parts, version="1", reference=reference, metrics={"metrics": {"test": figures.to_dict()}})
