"""Declarations that several tests of the vocabulary share.

Belongs here: events and one feature set. Does not belong here: expectations of a test.
"""

from assets.vocabulary import (
    Category,
    Events,
    FeatureSet,
    Missing,
    Number,
    Ratio,
    Trend,
    Weekend,
    at_least,
    days,
    hours,
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
