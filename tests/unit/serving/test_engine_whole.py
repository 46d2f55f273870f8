"""Deciding with features over all events of a source: neither requests nor posted events have a key for them."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle, Policy
from assets.features.columns.columns import with_whole
from assets.features.kernel.kernel import compile_features
from assets.replay.decision import replay
from assets.serving.engine import Engine
from assets.serving.live.product import LiveProduct
from assets.vocabulary import Events, FeatureSet, Number, days
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.support.models.serving_samples import NOW, bundle_of, trained, transactions

LOAD = Events("transactions")
KERNEL = compile_features(
    FeatureSet(
        request=(Number("amount", unit="EUR"),),
        history=(
            LOAD.count(days(1), name="load_1d"),
            LOAD.where(direction="debit").sum("amount", days(7), name="spent_7d"),
            Events("transactions", key="customer_id").count(days(30), name="own_30d"),
        ),
    ),
    {"transactions": {"amount": 0.01}},
)
BANK = with_whole(transactions(events_each=4), KERNEL.features.keys)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    random = np.random.default_rng(1)
    moments = int(NOW.timestamp() * 1e6) - random.integers(0, 30 * 86_400_000_000, 400)
    spine = pa.table(
        {
            "customer_id": [f"C{number}" for number in random.integers(0, 55, 400)],
            "as_of": pa.array(moments, pa.int64()).cast(TIMESTAMP),
            "amount": np.round(random.uniform(500, 20_000, 400), 2),
        }
    )
    table = KERNEL.compute({"transactions": BANK}, with_whole(spine, KERNEL.features.keys))
    policy = Policy(threshold=0.5, accept="approve", refuse="decline", fallback="review", reasons={}, reasons_shown=2,
                    row_id="application_id")  # fmt: skip
    label = (table["load_1d"].to_numpy() > np.median(table["load_1d"])).astype(np.int64)
    return bundle_of(trained("loans", "1", KERNEL, policy, table, label, rounds=5))


@pytest.fixture
def store(tmp_path: Path) -> LmdbStore:
    opened = LmdbStore(tmp_path / "online" / "loans")
    for key in KERNEL.features.keys:
        opened.put_events("transactions", key, BANK, version="v1", watermark=NOW)
    opened.publish("v1")
    return opened


def test_a_decision_counts_the_load_of_the_whole_bank(bundle: Bundle, store: LmdbStore) -> None:
    engine = Engine(bundle, store, as_of_allowed=True)
    engine.warm()
    assert engine.shape.columns == {"application_id", "customer_id", "amount", "as_of"}
    decision = engine.decide({"customer_id": "stranger", "amount": 50, "as_of": NOW.isoformat()}, now=NOW)
    last_day = [moment > NOW - timedelta(days=1) for moment in BANK["event_time"].to_pylist()]
    assert decision.features["load_1d"] == sum(last_day) > 0
    assert decision.features["own_30d"] == 0.0
    assert replay(decision, bundle) == ()


def test_a_posted_event_counts_for_everybody(bundle: Bundle, store: LmdbStore) -> None:
    engine = Engine(bundle, store, as_of_allowed=True)
    manifest = RolloutManifest(
        product="loans", champion=Release(version="1", digest=bundle.digest), updated_at=NOW, by="Ada", reason="a test"
    )
    live = LiveProduct("loans", manifest, engine, (), None, NOW)
    assert live.event_keys("transactions") == {"customer_id"}
    assert "whole_source" not in live.event_columns["transactions"]
    request = {"customer_id": "stranger", "amount": 50, "as_of": (NOW + timedelta(minutes=2)).isoformat()}
    before = engine.decide(request, now=NOW).features["load_1d"]
    moment = NOW + timedelta(minutes=1)
    event = {"customer_id": "C1", "amount": 3.0, "direction": "debit", "event_time": moment, "known_at": moment}
    assert store.append_event("transactions", live.stored("transactions", event | {"category": "rent"}), event_id="1")
    after = engine.decide(request, now=NOW).features["load_1d"]
    assert (before, after) != (None, None)
    assert float(str(after)) >= float(str(before)), "older ones leave the window within these two minutes"
    assert engine.decide({**request, "customer_id": "C1"}, now=NOW).features["load_1d"] == after
