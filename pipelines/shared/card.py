"""The features of a card, for every product that decides its transactions.

Belongs here: groups of features over the history of a card. Does not belong here: the features of one product (its
`features.py`). The windows include the transaction to be decided.
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
