"""A trained bundle of the product `claims`, from a table that is drawn and not read from a lake.

Belongs here: the training set as a table, and the bundle of it. Does not belong here: rows without a product
(`claim_rows.py`), assertions.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.bundle.files import load_bundle, write_bundle
from assets.product import Product
from assets.training.candidate import candidate_parts, labelled_rows
from assets.training.targets import train_model
from tests.claims.product import PRODUCT
from tests.support.claim_rows import true_mean

KEY = b"k" * 32
MADE = datetime(2026, 5, 1, tzinfo=UTC)
SMALL = replace(PRODUCT, model=replace(PRODUCT.model, trials=2))


def training_table(rows: int = 2_400, *, seed: int = 2) -> pa.Table:
    """A training set over the product's days."""
    random = np.random.default_rng(seed)
    age, value = random.integers(18, 80, rows), np.round(random.lognormal(8.5, 0.6, rows), 2)
    car = random.random(rows) < 0.5
    amount = np.round(random.gamma(4.0, true_mean(age, value, car) / 4.0), 2) + 0.01
    start = datetime.combine(PRODUCT.start, datetime.min.time(), UTC)
    as_of = [start + timedelta(days=57) * n / rows for n in range(rows)]
    return pa.table(
        {
            "claim_id": [f"C{n}" for n in range(rows)],
            "policy_id": [f"P{n}" for n in random.integers(0, 600, rows)],
            "as_of": pa.array(as_of, pa.timestamp("us", tz="UTC")),
            "region": np.where(random.random(rows) < 0.3, "north", "south"),
            "insured_value": value, "driver_age": age.astype(np.float64), "kind": np.where(car, "car", "bike"),
            "claims_30d": random.poisson(1.0, rows).astype(np.float64),
            "mean_insured_30d": random.lognormal(8.5, 0.3, rows),
            "label": pa.array((amount >= PRODUCT.label.at_least).astype(np.int8)), "label_amount": amount,
        }
    )  # fmt: skip


def trained(table: pa.Table, folder: Path, product: Product = SMALL) -> Bundle:
    """A bundle of the product, written and read back."""
    rows, split, encoder = labelled_rows(product, table)
    candidates = train_model(rows, split, product.model)
    pins = {"pins": {"claims/features": 0}, "version": 1, "as_known_at": MADE.isoformat(), "mlflow_run": "m",
            "dagster_run": "d"}  # fmt: skip
    parts = candidate_parts(product, rows, split, candidates, encoder, pins=pins, created_at=MADE)
    digest = write_bundle(parts, folder, KEY)
    return load_bundle(folder, KEY, digest)
