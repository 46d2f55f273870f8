"""Deciding with texts of any value: a hashed category of the request, the most frequent text of a history."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle, Policy
from assets.bundle.files import load_bundle, write_bundle
from assets.features.kernel.kernel import compile_features
from assets.replay.decision import replay
from assets.serving.engine import Engine
from assets.serving.requests.parse import RequestError
from assets.vocabulary import Events, FeatureSet, HashedCategory, Missing, Number, days
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from tests.support.models.serving_samples import NOW, trained, transactions

_TRANSACTIONS = Events("transactions", key="customer_id")
KERNEL = compile_features(
    FeatureSet(
        request=(Number("amount", unit="EUR"), HashedCategory("merchant", buckets=16)),
        history=(
            _TRANSACTIONS.mode("category", days(20), values=("rent", "travel", "cash"), name="habit"),
            _TRANSACTIONS.median("amount", days(30), name="median"),
            _TRANSACTIONS.streak(days(30), direction="debit", name="debits"),
        ),
        derived=(Missing("no_habit", of="habit"),),
    ),
    {"transactions": {"amount": 0.01}},
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Trained on features of the sample transactions, then written and read."""
    random = np.random.default_rng(1)
    moments = int(NOW.timestamp() * 1e6) - random.integers(0, 30 * 86_400_000_000, 800)
    spine = pa.table(
        {
            "customer_id": [f"C{number}" for number in random.integers(0, 55, 800)],
            "as_of": pa.array(moments, pa.int64()).cast(TIMESTAMP),
            "amount": np.round(random.uniform(500, 20_000, 800), 2),
            "merchant": [f"shop {number}" for number in random.integers(0, 300, 800)],
        }
    )
    table = KERNEL.compute({"transactions": transactions(events_each=200)}, spine)
    policy = Policy(threshold=0.5, accept="approve", refuse="decline", fallback="review", reasons={}, reasons_shown=2,
                    row_id="application_id")  # fmt: skip
    label = (table["median"].fill_null(0).to_numpy() > np.median(table["median"].fill_null(0))).astype(np.int64)
    parts = trained("loans", "1", KERNEL, policy, table, label, rounds=10)
    folder: Path = tmp_path_factory.mktemp("bundles") / "1"
    write_bundle(parts, folder, b"k" * 32)
    return load_bundle(folder, b"k" * 32, None)


def test_a_decision_has_the_texts_that_training_computes(bundle: Bundle, store: LmdbStore) -> None:
    """Any merchant is taken; the habit is that of the offline kernel; the decision replays to the last bit."""
    engine = Engine(bundle, store, as_of_allowed=True)
    engine.warm()
    habits = set()
    for customer in ("C1", "C2", "C3", "C4", "C5", "stranger"):
        request = {"customer_id": customer, "amount": 50, "merchant": "never seen", "as_of": NOW.isoformat()}
        decision = engine.decide(request, now=NOW)
        spine = pa.table({"customer_id": [customer], "as_of": pa.array([NOW], TIMESTAMP), "amount": [50.0],
                          "merchant": ["never seen"]})  # fmt: skip
        expected = KERNEL.compute({"transactions": transactions(events_each=200)}, spine)
        assert decision.features == expected.to_pylist()[0]
        assert decision.score == engine.score(expected)[0]
        assert replay(decision, bundle) == ()
        habits.add(decision.features["habit"])
    assert None in habits
    assert len(habits) > 2


@pytest.mark.parametrize("merchant", [7, "", "x" * 300, "a\nb", True])
def test_a_merchant_is_a_plain_text(bundle: Bundle, store: LmdbStore, merchant: object) -> None:
    """A category of any value still takes no numbers and no control characters."""
    with pytest.raises(RequestError, match="field 'merchant' is .*; it must be a text of 1 to 255 bytes"):
        Engine(bundle, store).decide({"customer_id": "C1", "amount": 5, "merchant": merchant}, now=NOW)
