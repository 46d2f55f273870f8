"""The latency that the gate judges is that of decisions."""

from pathlib import Path

import pyarrow as pa

from assets.bundle.bundle import BundleParts
from assets.evaluation.gates import GateSignals, evaluate
from assets.product import GatePolicy
from assets.serving.engine import Engine
from assets.serving.latency import decision_latency
from resources.online_store.lmdb.store import LmdbStore
from tests.support.models.serving_samples import NOW, bundle_of, sample_features


def test_a_fallback_is_not_timed_as_a_decision(parts: BundleParts, store: LmdbStore, tmp_path: Path) -> None:
    """An empty store, which answers at once with a fallback, gives no latency; the gate refuses an unknown one."""
    table = sample_features(50)
    rows = table.append_column("customer_id", pa.array([f"C{number}" for number in range(50)]))
    timed = decision_latency(Engine(bundle_of(parts), store), rows, now=NOW, seed=1, decisions=20)
    assert timed is not None
    assert timed > 0
    empty = LmdbStore(tmp_path / "empty" / "loans")
    assert decision_latency(Engine(bundle_of(parts), empty), rows, now=NOW, seed=1, decisions=20) is None


def test_a_bundle_over_its_budget_is_refused_by_name(parts: BundleParts, store: LmdbStore) -> None:
    """Real decisions against a budget that none can keep."""
    rows = sample_features(50).append_column("customer_id", pa.array([f"C{number}" for number in range(50)]))
    timed = decision_latency(Engine(bundle_of(parts), store), rows, now=NOW, seed=1, decisions=20)
    found = evaluate(GateSignals(latency_ms=timed), GatePolicy(min_auc=0.7, max_latency_ms=0.0001)).results
    (gate,) = [one for one in found if one.name == "latency_ms"]
    assert gate.passed is False
    assert gate.value == timed
    assert "at most 0.0001 is required" in gate.reason
