"""The features of one request: those of its row in a table of many."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    Multiply,
    Number,
    Ratio,
    Weekend,
    days,
    hours,
    last_events,
)
from resources.online_store.opening import open_store
from tests.support.stores import fetch
from tests.unit.features.one_person import CENTS, MICROS, NOON, own, payments, request, revised, revision, tx

SATURDAY = datetime(2026, 1, 31, 12, tzinfo=UTC)
FEATURES = FeatureSet(
    request=[
        Number("amount"),
        Category("purpose", values=("car",)),
        LearnedCategory("shop", top=2),
        HashedCategory("bank", buckets=3),
    ],
    history=[tx.count(days(1)), tx.mean("paid", days(1), name="mean_paid"), tx.mode("kind", values=("a", "b"))],
    derived=[
        Ratio("share", "amount", "mean_paid"),
        Multiply("huge", "amount", "amount"),
        Missing("no_purpose", of="purpose"),
        Missing("no_kind", of="tx_mode_kind"),
        Log1p("size", of="amount"),
        Weekend("weekend"),
    ],
)
KERNEL = compile_features(FEATURES, {"tx": {"paid": 0.01}})


def _events(*kinds: str | None) -> pa.Table:
    moments = pa.array([SATURDAY] * len(kinds), MICROS)
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
    columns: dict[str, Any] = {
        "who": ["me"],
        "as_of": pa.array([SATURDAY], MICROS),
        "amount": pa.array([amount], "double"),
    }
    return pa.table(columns | {name: pa.array([text], pa.string()) for name in ("purpose", "shop", "bank")})


@pytest.mark.parametrize("kinds", [(), ("b", "b", "a", None), (None,)])
@pytest.mark.parametrize("amount", [10.0, -0.0, -5.0, 1e300, None])
@pytest.mark.parametrize("text", ["car", "boat", None])
def test_a_request_s_features_are_the_row_of_its_table(
    kinds: tuple[str | None, ...], amount: float | None, text: str | None
) -> None:
    """Numbers, texts and derived features, also missing and too large ones; to the last bit and in order."""
    spine, events = _spine(amount, text), _events(*kinds)
    found = compute_one(KERNEL, {("tx", "who"): events}, spine)
    (expected,) = KERNEL.compute({"tx": events}, spine).to_pylist()
    assert repr(found) == repr(expected)
    if not kinds:
        assert repr(compute_one(KERNEL, {}, spine)) == repr(expected)


def test_a_category_of_a_request_is_text() -> None:
    """A number is refused, as in a table of many rows."""
    spine = _spine(1.0, "car").set_column(3, "purpose", pa.array([1]))
    with pytest.raises(FeatureError, match="spine: 'purpose' is int64; a category is text"):
        compute_one(KERNEL, {}, spine)


def test_a_request_is_one_row() -> None:
    """The message names the method for many rows."""
    kernel = compile_features(FeatureSet(history=[tx.count(days(1))]), CENTS)
    with pytest.raises(FeatureError, match="a request is one row; this spine has 0: use Kernel.compute"):
        compute_one(kernel, {}, request().slice(1))


@pytest.mark.parametrize(
    ("events_shops", "request_shop", "expected"),
    [
        ([17, 18], ["T17"], 3.0), ([17, 18], ["17"], 2.0), ([17, 18], [None], 2.0), ([17, 18], [17.5], 3.0),
        ([17.5, 18.5], [17], 3.0), ([17.5, 18.0], [18], 2.0), (["17", "x"], [17], 2.0), (["17", "x"], [18], 3.0),
        ([True, True], ["T17"], 2.0), ([NOON, NOON], [True], 2.0), ([], ["T17"], 1.0),
    ],
)  # fmt: skip
def test_a_request_of_another_type_than_the_events_is_an_ordinary_value(
    events_shops: list[Any], request_shop: list[Any], expected: float
) -> None:
    """It is a new value where no event can have it; for one request and for many, with events and without."""
    kernel = compile_features(FeatureSet(history=[own.distinct("shop", days(1), name="shops")]), {})
    events, spine = payments(*[(1, None)] * len(events_shops), shop=events_shops), request(shop=request_shop)
    assert kernel.compute({"tx": events}, spine)["shops"].to_pylist() == [expected]
    assert compute_one(kernel, {("tx", "who"): events}, spine) == {"shops": expected}
    others = request(who="nobody", shop=["T18"])
    together = pa.concat_tables([spine, others]) if isinstance(request_shop[0], str) else spine
    assert kernel.compute({"tx": events}, together)["shops"][0].as_py() == expected


def test_the_online_store_gives_a_decision_what_training_saw(tmp_path: Path) -> None:
    """From revisions that were loaded and revisions posted since; the kernel needs the record key."""
    keyed = Events("tx", key="who", record_key="id")
    kernel = compile_features(
        FeatureSet(history=[keyed.sum("amount", days(1)), keyed.count(hours(6)), keyed.last("amount", last_events(3))]),
        CENTS,
    )
    (need,) = kernel.needs
    assert need.columns == ("amount", "id")
    loaded = [revision("a", -9, -9, 10), revision("a", -9, -8, 12), revision("b", -5, -5, 1), revision("c", -4, -4, 3)]
    posted = [revision("b", -5, -1, 7), revision("c", -90, -0.5, 3)]
    store = open_store(f"lmdb://{tmp_path}", "product")
    names = ["who", "event_time", "known_at", *need.columns]
    store.put_events(
        "tx", "who", revised(*loaded).select(names), version="v1", watermark=NOON - timedelta(hours=2),
        lookback=timedelta(microseconds=need.lookback) if need.lookback else None,
    )  # fmt: skip
    store.publish("v1")
    for event in posted:
        assert store.append_event("tx", {name: event[name] for name in names})
    spine = pa.table({"who": ["me"], "as_of": pa.array([NOON], MICROS)})
    online = compute_one(kernel, {("tx", "who"): fetch(store, "tx", "who", "me")}, spine)
    store.close()
    assert kernel.compute({"tx": revised(*loaded, *posted)}, spine).to_pylist() == [online]
    assert online == {"tx_sum_amount_1d": 19.0, "tx_count_6h": 1.0, "tx_last_amount_last_3_events": 7.0}
