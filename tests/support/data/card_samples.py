"""A product whose requests are events themselves, with two entities and ordered rows within one microsecond.

Belongs here: its feature set, events, bundle and store, which the tests of serving and of replay share. Does not belong
here: assertions.
"""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle, Policy
from assets.features.kernel.kernel import Kernel, compile_features
from assets.vocabulary import Events, FeatureSet, Number, days
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from tests.support.models.serving_samples import NOW, trained

CARDS = Events("card_transactions", key="card_id", includes_request=True)
TERMINALS = Events("card_transactions", key="terminal_id", includes_request=True)
LABELS = Events("fraud_labels", key="terminal_id", time="known_at")
FEATURES = FeatureSet(
    request=(Number("amount"),),
    history=(
        CARDS.count(days(7), name="card_count_7d"),
        CARDS.mean("amount", days(7), name="card_mean_amount_7d"),
        CARDS.distinct("country", days(7), name="card_countries_7d"),
        TERMINALS.count(days(7), name="terminal_count_7d"),
        LABELS.mean("is_fraud", days(7), name="terminal_risk_7d", empty=0.0),
    ),
)
N = 600


def kernel() -> Kernel:
    return compile_features(FEATURES, {"card_transactions": {"amount": 0.01}, "fraud_labels": {"is_fraud": 1.0}})


def history() -> tuple[pa.Table, pa.Table]:
    """Transactions of few cards at few terminals, many in the same second, and labels of the older transactions."""
    random = np.random.default_rng(11)
    seconds = np.sort(random.integers(0, 4000, N)) * 300
    moments = pa.array([NOW - timedelta(days=14) + timedelta(seconds=int(s)) for s in seconds], TIMESTAMP)
    table = pa.table(
        {
            "transaction_id": np.arange(N),
            "sequence": np.arange(N),
            "card_id": random.integers(0, 5, N),
            "terminal_id": random.integers(100, 104, N),
            "event_time": moments,
            "known_at": moments,
            "amount": np.round(random.uniform(1, 200, N), 2),
            "country": random.choice(["AT", "DE", "FR"], N),
        }
    )
    labels = table.select(["card_id", "terminal_id", "event_time"]).append_column(
        "known_at", pa.array([moment + timedelta(days=7) for moment in moments.to_pylist()], TIMESTAMP)
    )
    return table, labels.append_column("is_fraud", pa.array(random.integers(0, 2, N)))


@pytest.fixture(scope="session")
def card_bundle() -> Bundle:
    table, labels = history()
    spine = table.append_column("as_of", table["event_time"])
    features = kernel().compute({"card_transactions": table, "fraud_labels": labels}, spine)
    policy = Policy(
        threshold=0.5, accept="pass", refuse="block", fallback="pass", reasons={}, reasons_shown=2,
        row_id="transaction_id", sequence="transaction_id",
    )  # fmt: skip
    label = (table["amount"].to_numpy() > 100).astype(int)
    return Bundle(parts=trained("cards", "1", kernel(), policy, features, label, rounds=5), digest="ab" * 32, size=1)


def filled(tmp_path: Path, until: datetime, lookback: timedelta | None = None, *, tells: bool = True) -> LmdbStore:
    """A store with the events of the lookback before `until`.

    Args:
        tells: Whether the store knows that it keeps no more; services of old decisions did not.
    """
    store = LmdbStore(tmp_path / "cards")
    told = lookback if tells else None
    card_events, labels = (_since(table, until, lookback) for table in history())
    for key in ("card_id", "terminal_id"):
        store.put_events("card_transactions", key, card_events, version="1", watermark=until, lookback=told)
    store.put_events("fraud_labels", "terminal_id", labels, version="1", watermark=until, lookback=told)
    store.publish("1")
    return store


def _since(table: pa.Table, until: datetime, lookback: timedelta | None) -> pa.Table:
    if lookback is None:
        return table
    return table.filter(pc.greater(table["known_at"], pa.scalar(until - lookback, TIMESTAMP)))


def request(row: dict[str, object]) -> dict[str, object]:
    names = ("transaction_id", "card_id", "terminal_id", "amount", "country")
    moment = row["event_time"]
    assert isinstance(moment, datetime)
    return {name: row[name] for name in names} | {"as_of": moment.isoformat()}
