"""Whole rows: the features of one request are the row of its table."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.online.request import compute_one
from assets.vocabulary import (
    Category,
    Events,
    FeatureError,
    FeatureSet,
    HashedCategory,
    LearnedCategory,
    Log1p,
    Missing,
    Number,
    Product,
    Ratio,
    Weekend,
    days,
)

MICROS = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TX = Events("tx", key="who")
FEATURES = FeatureSet(
    request=[
        Number("amount"),
        Category("purpose", values=("car",)),
        LearnedCategory("shop", top=2),
        HashedCategory("bank", buckets=3),
    ],
    history=[TX.count(days(1)), TX.mean("paid", days(1), name="mean_paid"), TX.mode("kind", values=("a", "b"))],
    derived=[
        Ratio("share", "amount", "mean_paid"),
        Product("huge", "amount", "amount"),
        Missing("no_purpose", of="purpose"),
        Missing("no_kind", of="tx_mode_kind"),
        Log1p("size", of="amount"),
        Weekend("weekend"),
    ],
)
KERNEL = compile_features(FEATURES, {"tx": {"paid": 0.01}})


def _events(*kinds: str | None) -> pa.Table:
    moments = pa.array([NOON] * len(kinds), MICROS)
    return pa.table(
        {
            "who": pa.array(["me"] * len(kinds), pa.string()),
            "event_time": moments,
            "known_at": moments,
            "paid": pa.array([2.5] * len(kinds), pa.float64()),
            "kind": pa.array(kinds, pa.string()),
        }
    )


def _spine(amount: float | None, text: str | None) -> pa.Table:
    columns: dict[str, Any] = {"who": ["me"], "as_of": pa.array([NOON], MICROS), "amount": pa.array([amount], "double")}
    return pa.table(columns | {name: pa.array([text], pa.string()) for name in ("purpose", "shop", "bank")})


@pytest.mark.parametrize("kinds", [(), ("b", "b", "a", None), (None,)])
@pytest.mark.parametrize("amount", [10.0, -0.0, -5.0, 1e300, None])
@pytest.mark.parametrize("text", ["car", "boat", None])
def test_a_request_s_features_are_the_row_of_its_table(
    kinds: tuple[str | None, ...], amount: float | None, text: str | None
) -> None:
    """Numbers, texts, derived features, and what is missing or too large among them; to the last bit and in order."""
    spine, events = _spine(amount, text), _events(*kinds)
    found = compute_one(KERNEL, {("tx", "who"): events}, spine)
    (expected,) = KERNEL.compute({"tx": events}, spine).to_pylist()
    assert repr(found) == repr(expected)
    if not kinds:
        assert repr(compute_one(KERNEL, {}, spine)) == repr(expected)


def test_a_category_of_a_request_is_text() -> None:
    """A number is refused as in a table."""
    spine = _spine(1.0, "car").set_column(3, "purpose", pa.array([1]))
    with pytest.raises(FeatureError, match="spine: 'purpose' is int64; a category is text"):
        compute_one(KERNEL, {}, spine)
