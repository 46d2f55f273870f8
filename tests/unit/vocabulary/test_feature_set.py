"""Declarations: names, words, what is refused, and the way to JSON and back."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from assets.vocabulary import (
    Category,
    Clip,
    Events,
    FeatureError,
    FeatureSet,
    HashedCategory,
    History,
    Hour,
    LearnedCategory,
    Log1p,
    Missing,
    Night,
    Number,
    Ratio,
    Sum,
    Trend,
    Weekend,
    at_least,
    below,
    days,
    hours,
    last_events,
    last_months,
    this_month,
    today,
)

tx = Events("transactions", key="customer_id")
cash = tx.where(category=("cash", "gambling"))
own = Events("transactions", key="customer_id", includes_request=True)
labels = Events("labels", key="terminal_id", time="known_at")

FEATURES = FeatureSet(
    owner="risk",
    request=[Number("amount", unit="EUR"), Category("purpose", values=("car", "home"))],
    history=[
        tx.count(days(7)),
        tx.count(days(30), owner="someone"),
        cash.where(amount=at_least(100)).sum("amount", hours(36), name="cash_36h", empty=0),
        labels.share(days(30), is_fraud=1),
        tx.distinct("counterparty"),
    ],
    derived=[
        Ratio("amount_to_cash", "amount", "cash_36h"),
        Trend("trend", "transactions_count_7d", "transactions_count_30d"),
        Weekend("is_weekend"),
        Missing("no_purpose", of="purpose"),
    ],
)


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
    assert FEATURES.owner_of("transactions_count_30d") == "someone"
    assert FEATURES.owner_of("trend") == "risk"


def test_lookback_is_the_longest_window_unless_one_has_none() -> None:
    assert FEATURES.lookback is None
    assert FeatureSet(history=[tx.count(days(7)), tx.count(hours(200))]).lookback == timedelta(hours=200)
    assert FeatureSet(request=[Number("amount")]).lookback == timedelta(0)


@pytest.mark.parametrize(
    ("feature", "name", "words"),
    [
        (tx.count(days(30)), "transactions_count_30d", "Number of transactions in the 30 days up to the decision"),
        (tx.count(), "transactions_count", "Number of transactions at any time up to the decision"),
        (
            cash.mean("amount", days(1)),
            "transactions_category_cash_gambling_mean_amount_1d",
            "Mean amount of transactions with category cash or gambling in the day up to the decision",
        ),
        (
            tx.where(amount=below(5)).max("amount", hours(36)),
            "transactions_amount_below_5_max_amount_36h",
            "Largest amount of transactions with amount below 5 in the 36 hours up to the decision",
        ),
        (
            labels.share(days(7), is_fraud=1),
            "labels_share_is_fraud_1_7d",
            "Share with is fraud 1 among labels that became known in the 7 days up to the decision",
        ),
        (
            Events("orders", key="k", includes_request=True).count(timedelta(seconds=90)),
            "orders_count_90s",
            "Number of orders in the 90 seconds up to the decision, this one included",
        ),
        (
            tx.first("amount", days(7)),
            "transactions_first_amount_7d",
            "Earliest amount of transactions in the 7 days up to the decision",
        ),
        (
            tx.median("amount", days(7)),
            "transactions_median_amount_7d",
            "Median amount of transactions in the 7 days up to the decision",
        ),
        (
            tx.quantile("amount", 0.999, days(7)),
            "transactions_p99_9_amount_7d",
            "99.9% quantile of amount of transactions in the 7 days up to the decision",
        ),
        (
            tx.mode("category", values=("cash", "rent")),
            "transactions_mode_category",
            "Most frequent category of transactions at any time up to the decision",
        ),
        (
            tx.time_between("std", days(90)),
            "transactions_std_time_between_90d",
            "Standard deviation of the days between consecutive transactions in the 90 days up to the decision",
        ),
        (
            tx.streak(days(90), status="late"),
            "transactions_streak_status_late_90d",
            "Number of the latest transactions in a row with status late in the 90 days up to the decision",
        ),
        (
            tx.slope("balance", days(90)),
            "transactions_slope_balance_90d",
            "Rise a day of balance over transactions in the 90 days up to the decision",
        ),
        (
            tx.decayed_sum("amount", days(7), days(90)),
            "transactions_decayed_sum_amount_half_life_7d_90d",
            "Sum of amount over transactions in the 90 days up to the decision, each weighted by half for every 7 days "
            "of its age",
        ),
        (
            tx.decayed_count(hours(36)),
            "transactions_decayed_count_half_life_36h",
            "Number of transactions at any time up to the decision, each weighted by half for every 36 hours of its "
            "age",
        ),
        (
            tx.time_since_last(),
            "transactions_time_since_last",
            "Days since the latest of transactions at any time up to the decision",
        ),
        (
            tx.sum("amount", days(30), lag=days(7)),
            "transactions_sum_amount_30d_lag_7d",
            "Sum of amount over transactions in the 30 days up to 7 days before the decision",
        ),
        (
            labels.share(lag=hours(12), is_fraud=1),
            "labels_share_is_fraud_1_lag_12h",
            "Share with is fraud 1 among labels that became known at any time up to 12 hours before the decision",
        ),
        (
            tx.sum("amount", this_month()),
            "transactions_sum_amount_this_month",
            "Sum of amount over transactions in the calendar month of the decision (UTC), up to the decision",
        ),
        (
            tx.count(today("Europe/Berlin")),
            "transactions_count_today_europe_berlin",
            "Number of transactions in the calendar day of the decision (Europe/Berlin), up to the decision",
        ),
        (
            tx.max("amount", last_months(3)),
            "transactions_max_amount_last_3_months",
            "Largest amount of transactions in the 3 calendar months before that of the decision (UTC)",
        ),
        (
            cash.mean("amount", last_events(10)),
            "transactions_category_cash_gambling_mean_amount_last_10_events",
            "Mean amount of transactions with category cash or gambling among the last 10 of them up to the decision",
        ),
        (
            labels.last("is_fraud", last_events(1)),
            "labels_last_is_fraud_last_event",
            "Latest is fraud of labels among the last of them to become known up to the decision",
        ),
        (
            Events("orders", key="k", includes_request=True).count(last_months(1)),
            "orders_count_last_month",
            "Number of orders in the calendar month before that of the decision (UTC)",
        ),
    ],
)
def test_a_feature_names_and_explains_itself(feature: History, name: str, words: str) -> None:
    assert feature.name == name
    assert FeatureSet(history=[feature]).describe(name) == words


def test_an_authors_words_come_first() -> None:
    features = FeatureSet(request=[Number("amount", description="Amount applied for")])
    assert features.describe("amount") == "Amount applied for"
    assert features.define("amount") == "Amount as stated in the request"


def test_every_feature_has_a_definition() -> None:
    for name in FEATURES.names:
        assert FEATURES.define(name)[0].isupper() or FEATURES.define(name).startswith(("amount", "transactions"))


def test_json_and_back_is_the_same_set() -> None:
    again = FeatureSet.from_dict(json.loads(json.dumps(FEATURES.to_dict())))
    assert again == FEATURES
    assert again.digest == FEATURES.digest


def test_every_window_comes_back_from_json() -> None:
    """Lags, calendars, numbers of events and corrections survive the way to JSON and back."""
    corrected = Events("transactions", key="customer_id", fact="transaction_id")
    windows = (this_month("Asia/Tokyo"), last_months(2), last_events(5), today(), None, days(2))
    lagged = (corrected.count(days(3), lag=days(1)), corrected.count(lag=hours(1)))
    features = FeatureSet(history=[*lagged, *(corrected.count(window) for window in windows)])
    again = FeatureSet.from_dict(json.loads(json.dumps(features.to_dict())))
    assert again == features
    assert again.digest == features.digest
    assert {feature.fact for feature in again.history} == {"transaction_id"}


def test_what_is_not_used_leaves_no_trace() -> None:
    """A declaration without lag and corrections is written as before there were any, so that its digest stays."""
    assert set(FEATURES.to_dict()["history"][0]) & {"lag", "fact"} == set()
    assert FEATURES.to_dict()["history"][0]["window"] == 7 * 86_400_000_000


def test_the_reach_goes_back_to_the_first_event_of_the_window() -> None:
    """A lag adds to it, a calendar bounds it, a number of events does not."""
    assert tx.count(days(30), lag=days(7)).reach == timedelta(days=37)
    assert tx.count(this_month()).reach == timedelta(days=33)
    assert tx.count(last_events(3)).reach is None
    assert FeatureSet(history=[tx.count(last_months(1)), tx.count(days(3))]).lookback == timedelta(days=64)


def test_the_digest_tells_declarations_apart() -> None:
    sets = [
        FEATURES,
        replace(FEATURES, owner="other"),
        replace(FEATURES, request=(Number("amount", unit="USD"), *FEATURES.request[1:])),
        replace(FEATURES, history=(tx.count(days(8), name="transactions_count_7d"), *FEATURES.history[1:])),
    ]
    assert len({features.digest for features in sets}) == len(sets)


def test_what_is_new_leaves_old_digests_as_they_were() -> None:
    """A recorded digest of a set that uses nothing new is still its digest."""
    assert FEATURES.digest == "aab6b837517a75093bda0a580e5fb1d8eee0bf00a20fa9a74bcc57023ef28777"
    recorded = FEATURES.to_dict()
    assert not {"level", "half_life", "values"} & {name for record in recorded["history"] for name in record}
    assert "zone" not in recorded["derived"][2]


def test_every_new_word_comes_back_from_json() -> None:
    """The way to JSON and back keeps parameters, and sets that differ in one of them apart."""
    sets = [
        FeatureSet(
            request=[LearnedCategory("shop", top=top), HashedCategory("iban", buckets=64), Number("a"), Number("b")],
            history=[
                tx.quantile("amount", level), tx.mode("kind", values=("a", "b")), tx.streak(days(3), status="late"),
                tx.decayed_sum("amount", half_life, name="decayed"), tx.time_between("mean"),
            ],
            derived=[Sum("s", of=("a", "b")), Clip("c", of="a", high=5), Hour("h", zone=zone)],
        )
        for top, level, half_life, zone in (
            (20, 0.9, days(7), "Asia/Kathmandu"), (21, 0.9, days(7), "Asia/Kathmandu"),
            (20, 0.8, days(7), "Asia/Kathmandu"), (20, 0.9, days(8), "Asia/Kathmandu"), (20, 0.9, days(7), "UTC"),
        )
    ]  # fmt: skip
    assert [FeatureSet.from_dict(json.loads(json.dumps(features.to_dict()))) for features in sets] == sets
    assert len({features.digest for features in sets}) == len(sets)
    assert sets[0].categories == {"shop": (), "iban": (), "transactions_mode_kind": ("a", "b")}


def test_conditions_mean_the_same_in_any_order() -> None:
    one = tx.where(direction="debit", category=("b", "a")).count(days(1))
    other = tx.where(category=["a", "b", "a"], direction="debit").count(days(1))
    assert one == other


def test_declarations_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        FEATURES.owner = "me"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        tx.source = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: tx.count(days(0)), "count of 'transactions': window .* write days"),
        (lambda: tx.count(30), "write days"),
        (lambda: tx.count(days(800_000)), "window of 800000 days; write at most 365000, or None for all"),
        (lambda: replace(tx.count(), window=days(365_001)), "'transactions_count': window of 365001 days; write"),
        (lambda: tx.count(days(10**11)), "days\\(100000000000\\) is no length of time; write a number as in days"),
        (lambda: tx.count(hours(float("nan"))), "hours\\(nan\\) is no length of time"),
        (lambda: tx.count(days(364_999), lag=days(2)), "a lag of 2 days; .* at most 365000 days together"),
        (lambda: tx.count(days(3), lag=timedelta.max), "a lag of 999999999 days; write one that is at most"),
        (lambda: tx.count(lag=days(365_001)), "a lag of 365001 days; write one that is at most 365000 days"),
        (lambda: tx.count(days(3), lag=7), "count of 'transactions': lag=7; write lag=days\\(7\\)"),
        (lambda: tx.count(days(3), lag=days(0)), "write lag=days"),
        (lambda: tx.count(this_month(), lag=days(1)), "a lag goes with a length of time"),
        (lambda: tx.count(last_events(3), lag=days(1)), "a lag goes with a length of time"),
        (lambda: tx.count(last_events(0)), "write last_events\\(10\\)"),
        (lambda: tx.count(last_events(True)), "write last_events\\(10\\)"),
        (lambda: tx.count(last_months(0)), "write this_month\\(\\) or last_months\\(1\\)"),
        (lambda: tx.count(last_months(-1)), "write last_months\\(3\\)"),
        (lambda: tx.count(today("Berlin")), "'Berlin', which is not known; write an IANA name"),
        (lambda: tx.count(today("../../etc/passwd")), "write an IANA name"),
        (lambda: Events("t", key="k", fact="k"), "fact 'k' names no single fact"),
        (lambda: Events("t", key="k", fact="event_time"), "fact 'event_time' names no single fact"),
        (lambda: Events("t", key="k", fact="Id"), "events of 't': fact 'Id' is not a name"),
        (
            lambda: FeatureSet(history=[tx.count(days(1)), replace(tx, fact="id").count(days(2))]),
            "'transactions_count_2d' reads transactions with fact='id', 'transactions_count_1d' with fact=None; give",
        ),
        (
            lambda: FeatureSet(history=[tx.count(days(1)), tx.count(this_month())],
                               derived=[Trend("t", "transactions_count_1d", "transactions_count_this_month")]),
            "'transactions_count_this_month' must be a count or a sum over a window of a certain length",
        ),
        (lambda: tx.where(), "where\\(\\) without a condition"),
        (lambda: tx.where(kind=()), "no value can match"),
        (lambda: tx.where(kind=None), "write a text, a finite number or a boolean"),
        (lambda: tx.where(kind=float("nan")), "write a text, a finite number or a boolean"),
        (lambda: tx.where(kind=("a", 1)), "texts and numbers cannot be mixed"),
        (lambda: tx.where(kind=at_least("a")), "compare with one number"),
        (lambda: tx.count(days(1), colour="red"), "unknown \\['colour'\\]"),
        (lambda: tx.share(days(1)), "a share of what"),
        (lambda: tx.count(days(1), name="Count"), "'Count' is not a name"),
        (lambda: tx.count(days(1), name="day"), "its own column of that name"),
        (lambda: tx.where(day=9).count(days(1), name="n"), "'n' reads a column 'day' of 'transactions'; .* another"),
        (lambda: tx.max("day", days(1), name="n"), "'n' reads a column 'day' of 'transactions'; .* another one"),
        (lambda: Events("t", key="sequence"), "events of 't': key 'sequence'; .* give the source's column another one"),
        (lambda: replace(tx.count(), key="as_of"), "'transactions_count': key 'as_of'; .* another one"),
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
        (lambda: tx.count(days(1), empty=float("inf")), "empty=inf"),
        (lambda: tx.where(category="x" * 60).count(days(1)), "give name="),
        (lambda: Events("Transactions", key="k"), "source 'Transactions' is not a name"),
        (lambda: Events("t", key="k", time="as_of"), "write 'event_time' or 'known_at'"),
        (lambda: Events("t", key="k", time="known_at", includes_request=True), "time='event_time' only"),
        (lambda: Category("purpose", values=()), "write a tuple of the values"),
        (lambda: Category("purpose", values="car"), "write a tuple of the values"),
        (lambda: Category("purpose", values=("car", "car")), "must be different"),
        (lambda: Night("night", until_hour=24), "hour from 0 to 23"),
        (lambda: Night("night", zone="Mars/Base"), "feature 'night': zone='Mars/Base' is no time zone; write an IANA"),
        (lambda: Hour("h", zone="../etc/passwd"), "feature 'h': zone='../etc/passwd' is no time zone"),
        (lambda: tx.quantile("amount", 1.5), "quantile of 'transactions': level 1.5; write a share from 0 to 1"),
        (lambda: tx.quantile("amount", 1 / 3), "level 0.33.*write at most four decimals"),
        (lambda: tx.quantile("amount", days(7)), "level datetime.*write a share from 0 to 1"),
        (lambda: tx.median("amount", 30), "write days"),
        (lambda: tx.time_between("median"), "time_between of 'transactions': 'median'; write one of mean, min, max"),
        (lambda: tx.streak(days(1)), "a streak of what\\? write streak\\(days"),
        (lambda: tx.decayed_count(7), "half_life 7; write a time such as days"),
        (lambda: tx.decayed_sum("amount", days(0)), "half_life .* write a time such as days"),
        (lambda: tx.decayed_sum("amount", days(4_000)), "at most 3650 days"),
        (lambda: tx.mode("kind", values="cash"), "'transactions_mode_kind': values='cash'; write a tuple"),
        (lambda: tx.mode("kind", values=("a", "a")), "must be different"),
        (lambda: tx.mode("kind", values=("a",), empty=0), "empty=0.0 for a text; leave it out"),
        (lambda: replace(tx.count(), level=0.5), "level= is for quantile; leave it out of count"),
        (lambda: replace(tx.count(), half_life=days(1)), "half_life= is for decayed_sum"),
        (lambda: replace(tx.count(), values=("a",)), "values= is for the mode of a text"),
        (lambda: LearnedCategory("shop"), "category 'shop': which values are kept\\? write top=20"),
        (lambda: LearnedCategory("shop", top=0), "category 'shop': top=0; write a whole number from 1 on"),
        (lambda: LearnedCategory("shop", at_least=2.5), "at_least=2.5; write a whole number"),
        (lambda: LearnedCategory("shop", top=5_000), "top=5000; write at most 1000"),
        (lambda: HashedCategory("shop", buckets=1), "category 'shop': buckets=1; write a whole number from 2 to 1000"),
        (lambda: Clip("c", of="a"), "clip 'c': low=None, high=None; write one bound or both"),
        (lambda: Clip("c", of="a", low=2, high=1), "low before high"),
        (lambda: Sum("s", of="a"), "sum 's': of='a'; write a tuple of two or more features"),
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
def test_a_wrong_declaration_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()


def test_an_order_is_a_column_like_another_where_requests_are_no_events() -> None:
    """Only the rows to be decided have an order and a moment of their own."""
    assert FeatureSet(history=[tx.max("sequence", days(1), name="n")]).names == ("n",)
    assert FeatureSet(history=[own.count(days(1), name="n"), tx.sum("amount", name="amount")]).names == ("n", "amount")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.pop("owner"), "differs in \\['owner'\\]"),
        (lambda record: record["request"][0].update(type="Secret"), "type 'Secret'; one of"),
        (lambda record: record["request"][0].update(colour="red"), "has no \\['colour'\\]"),
        (lambda record: record["history"][0].update(window=-5), "write days"),
        (lambda record: record["history"][0].update(window=10**30), "window 10+ is none"),
        (lambda record: record["history"][0].update(window={"weeks": 2}), "window {'weeks': 2} is none"),
        (lambda record: record["history"][0].update(lag={"events": 2}), "write lag=days"),
    ],
)
def test_a_wrong_record_is_refused(change: Callable[..., object], message: str) -> None:
    record = json.loads(json.dumps(FEATURES.to_dict()))
    change(record)
    with pytest.raises(FeatureError, match=message):
        FeatureSet.from_dict(record)


def test_the_vocabulary_needs_only_the_standard_library() -> None:
    script = (
        "import sys, assets.vocabulary.feature_set\n"
        "print([m for m in ('numpy', 'pyarrow', 'pandas', 'pyspark', 'yaml') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
