"""Default names of features and their definitions in words."""

from datetime import timedelta

import pytest

from assets.vocabulary import (
    Events,
    FeatureSet,
    History,
    below,
    days,
    hours,
    last_events,
    last_months,
    this_month,
    today,
)
from tests.unit.vocabulary.samples import cash, labels, tx


@pytest.mark.parametrize(
    ("feature", "name", "words"),
    [
        (tx.count(days(30)), "transactions_count_30d", "Number of transactions in the 30 days up to the decision"),
        (tx.count(), "transactions_count", "Number of transactions at any time up to the decision"),
        (
            cash.mean("amount", days(1)),
            "transactions_category_cash_gambling_mean_amount_1d",
            "Mean amount of transactions with category = cash or gambling in the day up to the decision",
        ),
        (
            tx.where(amount=below(5)).max("amount", hours(36)),
            "transactions_amount_below_5_max_amount_36h",
            "Largest amount of transactions with amount < 5 in the 36 hours up to the decision",
        ),
        (
            labels.share(days(7), is_fraud=1),
            "labels_share_is_fraud_1_7d",
            "Share of labels with is_fraud = 1 that became known in the 7 days up to the decision",
        ),
        (
            Events("orders", key="k", includes_request=True).count(timedelta(seconds=90)),
            "orders_count_90s",
            "Number of orders in the 90 seconds up to the decision, the request included",
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
            "Standard deviation of the days between consecutive events of transactions in the 90 days up to the "
            "decision",
        ),
        (
            tx.streak(days(90), status="late"),
            "transactions_streak_status_late_90d",
            "Number of latest consecutive events of transactions in the 90 days up to the decision that have "
            "status = late",
        ),
        (
            tx.slope("balance", days(90)),
            "transactions_slope_balance_90d",
            "Daily slope of balance over transactions in the 90 days up to the decision",
        ),
        (
            tx.decayed_sum("amount", days(7), days(90)),
            "transactions_decayed_sum_amount_half_life_7d_90d",
            "Sum of amount over transactions in the 90 days up to the decision, each weight halving with every "
            "7 days of age",
        ),
        (
            tx.decayed_count(hours(36)),
            "transactions_decayed_count_half_life_36h",
            "Number of transactions at any time up to the decision, each weight halving with every 36 hours of age",
        ),
        (
            tx.time_since_last(),
            "transactions_time_since_last",
            "Days since the latest event of transactions at any time up to the decision",
        ),
        (
            tx.sum("amount", days(30), lag=days(7)),
            "transactions_sum_amount_30d_lag_7d",
            "Sum of amount over transactions in the 30 days up to 7 days before the decision",
        ),
        (
            labels.share(lag=hours(12), is_fraud=1),
            "labels_share_is_fraud_1_lag_12h",
            "Share of labels with is_fraud = 1 that became known at any time up to 12 hours before the decision",
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
            "Largest amount of transactions in the 3 calendar months before the month of the decision (UTC)",
        ),
        (
            cash.mean("amount", last_events(10)),
            "transactions_category_cash_gambling_mean_amount_last_10_events",
            "Mean amount of the last 10 transactions with category = cash or gambling up to the decision",
        ),
        (
            labels.last("is_fraud", last_events(1)),
            "labels_last_is_fraud_last_event",
            "Latest is_fraud of the last event of labels to become known up to the decision",
        ),
        (
            Events("orders", key="k", includes_request=True).count(last_months(1)),
            "orders_count_last_month",
            "Number of orders in the calendar month before the month of the decision (UTC)",
        ),
    ],
)
def test_a_feature_has_a_default_name_and_a_definition(feature: History, name: str, words: str) -> None:
    assert feature.name == name
    assert FeatureSet(history=[feature]).describe(name) == words
