"""A small real product for the tests of serving: a feature set, a model trained on it, its bundle, its events.

Belongs here: samples for the unit tests, integration test and benchmark of the decision service. Does not belong here:
fixtures, assertions.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from assets.bundle.bundle import Bundle, BundleParts, Policy
from assets.bundle.calibration import Calibration
from assets.bundle.encoder import Encoder
from assets.bundle.scorecard import Scorecard
from assets.features.kernel.kernel import Kernel, compile_features
from assets.vocabulary import Category, Events, FeatureSet, Log1p, Number, Ratio, days
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import OnlineStore

PRODUCT = "loans"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMERS = 50
_TRANSACTIONS = Events("transactions", key="customer_id")
_SPENT = _TRANSACTIONS.where(direction="debit")
FEATURES = FeatureSet(
    request=(
        Number("amount", unit="EUR", description="Amount asked for"),
        Number("income_monthly", unit="EUR", description="Stated monthly income"),
        Category("purpose", values=("car", "home", "education")),
    ),
    history=(
        _TRANSACTIONS.count(days(30), name="transactions_30d"),
        _SPENT.sum("amount", days(30), name="spent_30d"),
        _SPENT.mean("amount", days(90), name="mean_spent_90d"),
        _SPENT.max("amount", days(90), name="max_spent_90d"),
        _TRANSACTIONS.distinct("category", days(90), name="categories_90d"),
        _TRANSACTIONS.share(days(90), category="gambling", name="gambling_90d"),
        _TRANSACTIONS.time_since_last(name="since_last"),
    ),
    derived=(Ratio("amount_to_income", "amount", "income_monthly"), Log1p("log_amount", "amount")),
    owner="risk",
)
REQUEST = {
    "customer_id": "C7",
    "amount": 9000,
    "income_monthly": 2500,
    "purpose": "car",
    "as_of": "2026-03-01T12:00:00+00:00",
}


def fill_store(store: OnlineStore, *, events_each: int = 200, version: str = "v1", seed: int = 3) -> None:
    """Loads the sample customers' transactions up to `NOW` as one version."""
    table = transactions(events_each=events_each, seed=seed)
    store.put_events("transactions", "customer_id", table, version=version, watermark=NOW)
    store.publish(version)


def transactions(*, events_each: int, seed: int = 3) -> pa.Table:
    """Transactions of customers C0 … C49 in the 100 days before `NOW`."""
    random = np.random.default_rng(seed)
    n = CUSTOMERS * events_each
    now = int(NOW.timestamp() * 1e6)
    times = np.sort(now - random.integers(1, 100 * 86_400_000_000, n))
    moments = pa.array(times, pa.int64()).cast(TIMESTAMP)
    return pa.table(
        {
            "customer_id": pa.array([f"C{number}" for number in random.integers(0, CUSTOMERS, n)]),
            "event_time": moments,
            "known_at": moments,
            "amount": pa.array(np.round(random.gamma(2.0, 40.0, n), 2)),
            "direction": pa.array(random.choice(["debit", "credit"], n)),
            "category": pa.array(random.choice(["groceries", "rent", "gambling", "travel", "cash"], n)),
        }
    )


def sample_features(rows: int = 2000, seed: int = 5) -> pa.Table:
    """A feature table for training, computed by the kernel from random requests and the sample transactions."""
    random = np.random.default_rng(seed)
    moments = int(NOW.timestamp() * 1e6) - random.integers(0, 30 * 86_400_000_000, rows)
    spine = pa.table(
        {
            "customer_id": pa.array([f"C{number}" for number in random.integers(0, CUSTOMERS + 5, rows)]),
            "as_of": pa.array(moments, pa.int64()).cast(TIMESTAMP),
            "amount": pa.array(np.round(random.uniform(500, 20_000, rows), 2)),
            "income_monthly": pa.array(np.where(random.random(rows) < 0.05, np.nan, random.uniform(800, 6000, rows))),
            "purpose": pa.array(random.choice(["car", "home", "education"], rows)),
        }
    )
    return kernel().compute({"transactions": transactions(events_each=200)}, spine)


def kernel() -> Kernel:
    """The compiled feature set."""
    return compile_features(FEATURES, {"transactions": {"amount": 0.01}})


def sample_parts(version: str, *, seed: int = 1, threshold: float = 0.5, rounds: int = 60) -> BundleParts:
    """A bundle's parts with a model trained on the sample features; another seed gives another model."""
    table = sample_features()
    risk = table["amount_to_income"].to_numpy() / 4 + table["gambling_90d"].to_numpy() * 2
    noise = np.random.default_rng(seed).normal(0, 0.5, len(risk))
    label = (np.nan_to_num(risk, nan=1.0) + noise > np.nanmedian(risk)).astype(int)
    policy = Policy(
        threshold=threshold,
        accept="approve",
        refuse="decline",
        fallback="review",
        reasons={"amount_to_income": "The amount is high for the income"},
        reasons_shown=3,
        row_id="application_id",
    )
    return trained(PRODUCT, version, kernel(), policy, table, label, seed=seed, rounds=rounds)


def trained(
    product: str,
    version: str,
    compiled: Kernel,
    policy: Policy,
    table: pa.Table,
    label: NDArray[np.int64],
    *,
    seed: int = 1,
    rounds: int = 60,
) -> BundleParts:
    """A bundle's parts with a model trained on a feature table."""
    encoder = Encoder.from_features(compiled.features)
    matrix = encoder.encode(table)
    model = xgb.XGBClassifier(n_estimators=rounds, max_depth=3, learning_rate=0.2, n_jobs=1, random_state=seed)
    model.fit(matrix, label)
    onnx = convert_xgboost(model, initial_types=[("input", FloatTensorType([None, matrix.shape[1]]))], target_opset=15)
    return BundleParts(
        product=product,
        version=version,
        created_at=NOW + timedelta(days=1),
        pins={"code": "0123abc", "tables": {"features": 4}},
        model=onnx.SerializeToString(),
        booster=bytes(model.get_booster().save_raw("ubj")),
        scorecard=_scorecard(encoder),
        calibration=Calibration(slope=0.9, intercept=-0.1),
        kernel=compiled,
        encoder=encoder,
        policy=policy,
        reference={"features": {}},
        metrics={"auc": 0.9},
    )


def _scorecard(encoder: Encoder) -> Scorecard:
    """A scorecard with a single bin edge, for the ratio of amount to income."""
    columns = tuple(encoder.columns)
    return Scorecard(
        columns=columns,
        edges=tuple((3.0,) if name == "amount_to_income" else () for name in columns),
        points=tuple((-1.0, 1.0, 0.0) if name == "amount_to_income" else (0.0, 0.0) for name in columns),
        centre=tuple(0.0 for _ in columns),
        intercept=0.0,
    )


def bundle_of(parts: BundleParts) -> Bundle:
    """The parts as a loaded bundle."""
    return Bundle(parts=parts, digest="cd" * 32, size=1)


def broken_model(model: bytes) -> bytes:
    """The model with NaN for every leaf: it loads, but gives no probability."""
    import onnx

    graph = onnx.load_model_from_string(model)
    for attribute in graph.graph.node[0].attribute:
        if attribute.name in ("nodes_values", "base_values", "class_weights"):
            del attribute.floats[:]
            attribute.floats.extend([float("nan")] * _count(graph, attribute.name))
    return graph.SerializeToString()


def _count(graph: object, name: str) -> int:
    attributes = {a.name: a for a in graph.graph.node[0].attribute}  # type: ignore[attr-defined]
    sizes = {"nodes_values": len(attributes["nodes_nodeids"].ints), "class_weights": len(attributes["class_ids"].ints)}
    return sizes.get(name, 1)
