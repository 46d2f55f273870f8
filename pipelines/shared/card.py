"""The features of a card, for every product that decides its transactions.

Belongs here: groups of features over the history of a card. Does not belong here: the features of one product (its
`features.py`). Windows include the transaction to be decided, but for those that end two weeks before it: a thief's
payments of these weeks do not count as usual.
"""

from assets.vocabulary import Events, FeatureGroup, days

transactions = Events("card_transactions", key="card_id", includes_request=True)

SPENDING = FeatureGroup(
    "card_spending",
    owner="fraud-modelling",
    description="How often a card is used, and for which amounts",
    features=(
        transactions.count(days(1), name="card_count_1d"),
        transactions.mean("amount", days(1), name="card_mean_amount_1d", unit="EUR"),
        transactions.count(days(7), name="card_count_7d"),
        transactions.mean("amount", days(7), name="card_mean_amount_7d", unit="EUR"),
        transactions.count(days(30), name="card_count_30d"),
        transactions.mean("amount", days(30), name="card_mean_amount_30d", unit="EUR"),
    ),
)

USUAL_AMOUNTS = FeatureGroup(
    "card_usual_amounts",
    owner="fraud-modelling",
    description="A card's latest amounts, and those from before the last two weeks, which no thief has paid",
    features=(
        transactions.mean("amount", days(3), name="card_mean_amount_3d", unit="EUR"),
        transactions.max("amount", days(14), name="card_max_amount_14d", unit="EUR"),
        transactions.mean("amount", days(60), lag=days(14), name="card_usual_mean", unit="EUR"),
        transactions.std("amount", days(60), lag=days(14), name="card_usual_std", unit="EUR"),
        transactions.max("amount", days(60), lag=days(14), name="card_usual_max", unit="EUR"),
    ),
)
