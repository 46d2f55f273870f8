"""The features of `card_fraud`: the spending of a card, the frauds at a terminal.

Belongs here: declarations over the history of a terminal, and the shared groups that the product uses. Does not belong
here: the features of a card (`pipelines.shared.card`), their computation, the decision (`product.py`). A card's windows
include the transaction to be decided; a terminal's windows cover the labels that are known at decision time, and a
label becomes known seven days after its transaction.
"""

from assets.vocabulary import Difference, Events, FeatureSet, Night, Number, Ratio, Weekend, days
from pipelines.shared.card import SPENDING, USUAL_AMOUNTS

terminal = Events("fraud_labels", key="terminal_id", time="known_at")

FEATURES = FeatureSet(
    owner="fraud-modelling",
    request=(Number("amount", unit="EUR", description="Amount of the transaction"),),
    history=(
        *SPENDING,
        *USUAL_AMOUNTS,
        terminal.where(is_fraud=1).time_since_first(days(30), name="terminal_first_fraud_days"),
        terminal.count(days(1), name="terminal_count_1d"),
        terminal.share(days(1), is_fraud=1, name="terminal_risk_1d", empty=0),
        terminal.count(days(7), name="terminal_count_7d"),
        terminal.share(days(7), is_fraud=1, name="terminal_risk_7d", empty=0),
        terminal.count(days(30), name="terminal_count_30d"),
        terminal.share(days(30), is_fraud=1, name="terminal_risk_30d", empty=0),
    ),
    derived=(
        Weekend("is_weekend"),
        Night("is_night"),
        Ratio("amount_to_mean_30d", numerator="amount", denominator="card_mean_amount_30d"),
        Ratio("amount_to_usual_mean", numerator="amount", denominator="card_usual_mean"),
        Ratio("amount_to_usual_max", numerator="amount", denominator="card_usual_max"),
        Difference("amount_less_usual_mean", left="amount", right="card_usual_mean", unit="EUR"),
        Ratio("amount_deviation", numerator="amount_less_usual_mean", denominator="card_usual_std"),
    ),
)
