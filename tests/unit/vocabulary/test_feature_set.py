"""The feature set: order, definitions, digest, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from assets.vocabulary import Category, FeatureError, FeatureSet, Log1p, Number, Trend, days, hours, this_month
from tests.unit.vocabulary.samples import FEATURES, own, tx


def test_the_order_is_request_history_derived() -> None:
    assert FEATURES.names == (
        "amount", "purpose", "transactions_count_7d", "transactions_count_30d", "cash_36h",
        "labels_share_is_fraud_1_30d", "transactions_distinct_counterparty", "amount_to_cash", "trend", "is_weekend",
        "no_purpose",
    )  # fmt: skip
    assert FEATURES.sources == ("transactions", "labels")
    assert FEATURES.keys == ("customer_id", "terminal_id")
    assert FEATURES.categories == {"purpose": ("car", "home")}
    assert FEATURES.numeric == tuple(name for name in FEATURES.names if name != "purpose")
    assert FEATURES.of_the_date == ("is_weekend",)
    assert FEATURES.owner_of("transactions_count_30d") == "someone"
    assert FEATURES.owner_of("trend") == "risk"


def test_lookback_is_the_longest_window_unless_one_has_none() -> None:
    assert FEATURES.lookback is None
    assert FeatureSet(history=[tx.count(days(7)), tx.count(hours(200))]).lookback == timedelta(hours=200)
    assert FeatureSet(request=[Number("amount")]).lookback == timedelta(0)


def test_a_declared_description_precedes_the_definition() -> None:
    features = FeatureSet(request=[Number("amount", description="Amount applied for")])
    assert features.describe("amount") == "Amount applied for"
    assert features.define("amount") == "Amount as stated in the request"


def test_every_feature_has_a_definition() -> None:
    for name in FEATURES.names:
        assert FEATURES.define(name)[0].isupper() or FEATURES.define(name).startswith(("amount", "transactions"))


def test_a_set_is_read_back_from_json() -> None:
    again = FeatureSet.from_dict(json.loads(json.dumps(FEATURES.to_dict())))
    assert again == FEATURES
    assert again.digest == FEATURES.digest


def test_different_declarations_have_different_digests() -> None:
    sets = [
        FEATURES,
        replace(FEATURES, owner="other"),
        replace(FEATURES, request=(Number("amount", unit="USD"), *FEATURES.request[1:])),
        replace(FEATURES, history=(tx.count(days(8), name="transactions_count_7d"), *FEATURES.history[1:])),
    ]
    assert len({features.digest for features in sets}) == len(sets)


def test_declarations_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        FEATURES.owner = "me"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        tx.source = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            lambda: FeatureSet(history=[tx.count(days(1)), replace(tx, record_key="id").count(days(2))]),
            "'transactions_count_2d' .* with record_key='id', 'transactions_count_1d' with record_key=None; give every",
        ),
        (
            lambda: FeatureSet(history=[tx.count(days(1)), tx.count(this_month())],
                               derived=[Trend("t", "transactions_count_1d", "transactions_count_this_month")]),
            "'transactions_count_this_month' must be a count or a sum over a window of a certain length",
        ),
        (
            lambda: FeatureSet(history=[own.where(sequence=9).count(days(1), name="n")]),
            "'n' reads a column 'sequence' of 'transactions', whose requests are events; .* another one",
        ),
        (
            lambda: FeatureSet(history=[own.count(days(1)), tx.max("as_of", days(1), name="n")]),
            "'n' reads a column 'as_of' of 'transactions'",
        ),
        (
            lambda: FeatureSet(history=[own.sum("amount", days(1), name="amount")]),
            "'amount' has the name of a column of 'transactions' .* another name=",
        ),
        (
            lambda: FeatureSet(history=[tx.mode("kind", name="m", values=("x",))], derived=[Log1p("d", of="m")]),
            "derived 'd': 'm' is a category",
        ),
        (
            lambda: FeatureSet(history=[tx.mode("kind", values=("x",)), tx.mode("kind", name="other")]),
            "'other' takes transactions.kind as number, 'transactions_mode_kind' as text",
        ),
        (lambda: FeatureSet(request=[Number("a"), Number("a")]), "'a' is declared twice"),
        (lambda: FeatureSet(request=[tx.count(days(1))]), "request holds .* it takes Number, Category"),
        (lambda: FeatureSet(history=[tx.count(days(1), name="customer_id")]), "name of an entity key"),
        (lambda: FeatureSet(derived=[Log1p("l", of="a")]), "derived 'l': 'a' is not a feature declared before"),
        (
            lambda: FeatureSet(derived=[Log1p("l", of="m"), Log1p("m", of="l")]),
            "derived 'l': 'm' is not a feature declared before",
        ),
        (
            lambda: FeatureSet(request=[Category("c", values=("x",))], derived=[Log1p("d", of="c")]),
            "derived 'd': 'c' is a category",
        ),
        (
            lambda: FeatureSet(request=[Number("a")], history=[tx.count(days(1))],
                               derived=[Trend("t", "a", "transactions_count_1d")]),
            "trend 't': 'a' must be a count or a sum over a window",
        ),
        (
            lambda: FeatureSet(history=[tx.count(days(1)), tx.count(days(2))],
                               derived=[Trend("t", "transactions_count_2d", "transactions_count_1d")]),
            "must be shorter",
        ),
        (
            lambda: FeatureSet(history=[tx.where(kind="a").count(days(1)), tx.sum("kind", days(1))]),
            "'transactions_sum_kind_1d' takes transactions.kind as number, 'transactions_kind_a_count_1d' as text",
        ),
    ],
)  # fmt: skip
def test_a_wrong_set_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()


def test_a_sequence_is_an_ordinary_column_where_requests_are_no_events() -> None:
    """Only the spine has a sequence and an as-of time of its own."""
    assert FeatureSet(history=[tx.max("sequence", days(1), name="n")]).names == ("n",)
    assert FeatureSet(history=[own.count(days(1), name="n"), tx.sum("amount", name="amount")]).names == ("n", "amount")


def test_the_vocabulary_needs_only_the_standard_library() -> None:
    script = (
        "import sys, assets.vocabulary.feature_set\n"
        "print([m for m in ('numpy', 'pyarrow', 'pandas', 'pyspark', 'yaml') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_parentheses_without_a_comma_are_named() -> None:
    """They are no tuple: the one feature within them is named, with what to write."""
    for part, one in (("request", Number("amount")), ("history", tx.count(days(1))), ("derived", FEATURES.derived[0])):
        with pytest.raises(FeatureError, match=f"{part}= is the one feature .*write a comma after it: {part}="):
            FeatureSet(**{part: one})  # type: ignore[arg-type]
    with pytest.raises(FeatureError, match="write a tuple of features"):
        FeatureSet(request="amount")  # type: ignore[arg-type]
