"""The features of the card protocol, against pandas' rolling windows on the published transactions.

Some cards and terminals of three months; with `LOOPLINE_CAMPAIGN=1` all of them, over all six.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Events, FeatureSet, Night, Number, Weekend, days
from resources.environments import CHECKOUT

DATA = Path(os.environ.get("LOOPLINE_REAL_DATA", CHECKOUT.parent / "shared" / "data")) / "card_transactions"
CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
MONTHS = range(4, 10 if CAMPAIGN else 7)
EVERY = 1 if CAMPAIGN else 40
WINDOWS = (1, 7, 30)
DELAY = 7
MICROS = pa.timestamp("us", tz="UTC")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the published card transactions are not at {DATA}")

CARD = Events("card_transactions", key="card_id", includes_request=True)
TERMINAL = Events("fraud_labels", key="terminal_id", time="known_at")
FEATURES = FeatureSet(
    request=[Number("amount")],
    history=[
        feature
        for n in WINDOWS
        for feature in (
            CARD.count(days(n), name=f"card_count_{n}d"),
            CARD.mean("amount", days(n), name=f"card_mean_amount_{n}d"),
            TERMINAL.count(days(n), name=f"terminal_count_{n}d"),
            TERMINAL.mean("is_fraud", days(n), name=f"terminal_risk_{n}d", empty=0),
        )
    ],
    derived=[Weekend("is_weekend"), Night("is_night")],
)
KERNEL = compile_features(FEATURES, {"card_transactions": {"amount": 0.01}, "fraud_labels": {"is_fraud": 1}})


@pytest.fixture(scope="module")
def transactions() -> pd.DataFrame:
    """Every transaction of the chosen cards, and every transaction at the chosen terminals."""
    frame = pd.concat([pd.read_parquet(DATA / f"2018-{month:02}.parquet") for month in MONTHS])
    chosen = _chosen(frame.CUSTOMER_ID) | _chosen(frame.TERMINAL_ID)
    return frame[chosen].sort_values("TRANSACTION_ID", ignore_index=True)


@pytest.fixture(scope="module")
def computed(transactions: pd.DataFrame) -> pd.DataFrame:
    """The kernel's features, in order of TRANSACTION_ID."""
    moments = transactions.TX_DATETIME.to_numpy().astype("datetime64[us]")
    shared = {
        "card_id": pa.array(transactions.CUSTOMER_ID),
        "terminal_id": pa.array(transactions.TERMINAL_ID),
        "amount": pa.array(transactions.TX_AMOUNT),
        "sequence": pa.array(transactions.TRANSACTION_ID),
    }
    known = moments + np.timedelta64(DELAY, "D")
    events = {
        "card_transactions": pa.table(
            {**shared, "event_time": pa.array(moments, MICROS), "known_at": pa.array(moments, MICROS)}
        ),
        "fraud_labels": pa.table(
            {
                "terminal_id": shared["terminal_id"],
                "is_fraud": pa.array(transactions.TX_FRAUD),
                "event_time": pa.array(moments, MICROS),
                "known_at": pa.array(known, MICROS),
            }
        ),
    }
    return KERNEL.compute(events, pa.table({**shared, "as_of": pa.array(moments, MICROS)})).to_pandas()


def _chosen(entity: pd.Series) -> pd.Series:
    return entity % EVERY == 3 % EVERY


def _rolled(frame: pd.DataFrame, column: str, length: str, how: str) -> np.ndarray:
    """A rolling aggregate over one entity's rows, which are in order of time and TRANSACTION_ID."""
    return getattr(frame.set_index("TX_DATETIME")[column].rolling(length), how)().to_numpy()


def _cards(frame: pd.DataFrame) -> pd.DataFrame:
    out = pd.DataFrame({"TRANSACTION_ID": frame.TRANSACTION_ID})
    for n in WINDOWS:
        out[f"card_count_{n}d"] = _rolled(frame, "TX_AMOUNT", f"{n}D", "count")
        out[f"card_mean_amount_{n}d"] = _rolled(frame, "TX_AMOUNT", f"{n}D", "mean")
    return out


def _terminals(frame: pd.DataFrame) -> pd.DataFrame:
    """The book's way: a window of delay + n days less one of the delay."""
    out = pd.DataFrame({"TRANSACTION_ID": frame.TRANSACTION_ID})
    recent = [_rolled(frame, "TX_FRAUD", f"{DELAY}D", how) for how in ("count", "sum")]
    for n in WINDOWS:
        count, frauds = (
            _rolled(frame, "TX_FRAUD", f"{DELAY + n}D", how) - less
            for how, less in zip(("count", "sum"), recent, strict=True)
        )
        out[f"terminal_count_{n}d"] = count
        out[f"terminal_risk_{n}d"] = np.divide(frauds, count, out=np.zeros(len(frame)), where=count > 0)
    return out


@pytest.mark.parametrize("key", ["CUSTOMER_ID", "TERMINAL_ID"])
def test_windows_are_those_of_pandas(transactions: pd.DataFrame, computed: pd.DataFrame, key: str) -> None:
    rolled = _cards if key == "CUSTOMER_ID" else _terminals
    # Only entities whose every transaction was taken.
    whole = transactions[_chosen(transactions[key])].sort_values(["TX_DATETIME", "TRANSACTION_ID"])
    expected = pd.concat([rolled(frame) for _, frame in whole.groupby(key)])
    found = computed.set_index(transactions.TRANSACTION_ID).loc[expected.TRANSACTION_ID]
    assert len(found) > 5_000
    for name in expected.columns.drop("TRANSACTION_ID"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_some_terminals_have_frauds_behind_them(computed: pd.DataFrame) -> None:
    assert computed.terminal_risk_30d.max() > 0.5


def test_the_request_and_the_moment_are_as_published(transactions: pd.DataFrame, computed: pd.DataFrame) -> None:
    np.testing.assert_array_equal(computed.amount, transactions.TX_AMOUNT)
    np.testing.assert_array_equal(computed.is_weekend, (transactions.TX_DATETIME.dt.weekday >= 5).astype(float))
    np.testing.assert_array_equal(computed.is_night, (transactions.TX_DATETIME.dt.hour <= 6).astype(float))
