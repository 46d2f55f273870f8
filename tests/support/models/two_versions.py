"""Two versions of a model, really trained, with the training sets that their bundles name.

Belongs here: samples for tests of what compares versions. Does not belong here: assertions.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.bundle.files import load_bundle, write_bundle
from assets.product import DecisionPolicy, Files, GatePolicy, Label, ModelSpec, Product, Profit, Protected, Spine
from assets.product.names import TRAINING_SET, table_name
from assets.training.candidate import candidate_parts, labelled_rows
from assets.training.candidates import train_candidates
from assets.vocabulary import Category, FeatureSet, Number
from resources.lake import Lake

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_KEY = b"k" * 32
_COLUMNS = {
    "application_id": "integer", "customer_id": "string", "amount": "number", "income": "number", "shop": "string",
    "sex": "string", "event_time": "timestamp", "known_at": "timestamp",
}  # fmt: skip
_FIRST = 1_767_225_600_000_000
"""2026-01-01 in microseconds."""


@dataclass(frozen=True)
class TwoVersions:
    """The product as it is now, its lake, and both bundles."""

    product: Product
    lake: Lake
    one: Bundle
    other: Bundle


def two_versions(folder: Path, *, drops: bool = True) -> TwoVersions:
    """Version 1 knows amount and income, of 100 days; version 2 amount and shop, of 120 days.

    The risk depends on all three.

    Args:
        drops: Whether version 2 dropped the income; if not it knows all three.
    """
    lake = Lake(str(folder / "lake"))
    product = _product(folder)
    table = _rows()
    early = table.filter(pa.array(_days(table) < 100))
    kept = () if drops else ("income",)
    first, second = _with_features(product, "amount", "income"), _with_features(product, "amount", "shop", *kept)
    late = table.drop_columns(["income"]) if drops else table
    one = _trained(first, lake, early, "1", NOW - timedelta(days=20), folder)
    other = _trained(second, lake, late, "2", NOW, folder)
    return TwoVersions(second, lake, one, other)


def _product(folder: Path) -> Product:
    columns = "\n".join(
        f"  {name}: {{type: {kind}, description: {name}{', unit: EUR, resolution: 0.01' if kind == 'number' else ''}}}"
        for name, kind in _COLUMNS.items()
    )
    (folder / "applications.yaml").write_text(
        "source: applications\ndescription: Applications.\nowner: a@b.example\nkey: [application_id]\n"
        f"event_time: event_time\nknown_at: known_at\nmax_quarantined: 0.02\ncolumns:\n{columns}\n"
    )
    return Product(
        name="loans", title="Loans", question="Bad?", owner="risk", impact="standard", start=date(2026, 1, 1),
        contracts=folder, sources=(Files("applications", "a/{day}.csv"),),
        spine=Spine(source="applications", row_id="application_id", passthrough=("sex",)),
        label=Label("applications", "application_id", "late", 1, timedelta(days=4), timedelta(days=1), "late"),
        features=FeatureSet(request=(Number("amount", unit="EUR"),)),
        model=ModelSpec(train_days=None, test_days=30, trials=2),
        decision=DecisionPolicy(accept="approve", refuse="decline", profit=Profit(1, 3)), gates=GatePolicy(min_auc=0.5),
        protected=(Protected("sex"),),
    )  # fmt: skip


def _with_features(product: Product, *names: str) -> Product:
    known = {
        "amount": Number("amount", unit="EUR"), "income": Number("income", unit="EUR"),
        "shop": Category("shop", values=("bar", "book", "inn")),
    }  # fmt: skip
    return replace(product, features=FeatureSet(request=tuple(known[name] for name in names)))


def _rows(count: int = 5_000) -> pa.Table:
    random = np.random.default_rng(2)
    days = np.sort(random.uniform(0, 120, count))
    shop = random.choice(["book", "bar", "inn"], count)
    amount, income = np.round(random.exponential(100, count), 2), np.round(random.normal(2_000, 500, count), 2)
    odds = amount / 80 - (income - 2_000) / 400 + (shop == "bar") * 1.6 - 2.5
    at = pa.array((days * 86_400_000_000).astype(np.int64) + _FIRST, pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "application_id": np.arange(count), "as_of": at, "amount": amount, "income": income,
            "shop": pa.array(shop.tolist()), "sex": pa.array(random.choice(["female", "male"], count).tolist()),
            "label": pa.array((random.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int8)),
            "label_known_at": at,
        }
    )  # fmt: skip


def _days(table: pa.Table) -> np.ndarray:
    return (table["as_of"].cast(pa.int64()).to_numpy() - _FIRST) / 86_400_000_000


def _trained(product: Product, lake: Lake, table: pa.Table, version: str, at: datetime, folder: Path) -> Bundle:
    written = lake.replace(table_name(product.name, TRAINING_SET), table, days=None, metadata={})
    rows, split, encoder = labelled_rows(product, table)
    parts = candidate_parts(
        product, rows, split, train_candidates(rows, split, product.model), encoder,
        pins={"version": written.version}, created_at=at,
    )  # fmt: skip
    place = folder / f"bundle_{version}"
    write_bundle(replace(parts, version=version, metrics={"windows": split.to_dict()}), place, _KEY)
    return load_bundle(place, _KEY, None)
