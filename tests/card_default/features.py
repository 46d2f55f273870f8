"""The features of `card_default`: what six monthly statements say of a card's holder.

Belongs here: declarations over a client's statements. Does not belong here: their computation, the decision
(`product.py`). Sex and age are in no feature.
"""

from assets.vocabulary import Category, Events, FeatureSet, Number, Ratio, at_least, days

statements = Events("statements", key="client_id")

FEATURES = FeatureSet(
    owner="cards",
    request=(
        Number("credit_limit", unit="TWD", description="Amount of the credit line"),
        Category("education", values=("graduate", "university", "school")),
        Category("marriage", values=("married", "single")),
    ),
    history=(
        *(
            statements.last(column, days(35), lag=days(30 * back) if back else None, name=f"{column}_{back}_months_ago")
            for column in ("months_late", "billed", "paid")
            for back in range(6)
        ),
        statements.max("months_late", days(190), name="most_months_late"),
        statements.mean("months_late", days(190), name="mean_months_late"),
        statements.where(months_late=at_least(1)).count(days(190), name="late_statements"),
        statements.where(months_late=at_least(2)).count(days(190), name="statements_two_months_late"),
        statements.streak(days(190), months_late=at_least(1), name="late_streak"),
        statements.sum("paid", days(190), name="paid_6m", unit="TWD"),
        statements.min("paid", days(190), name="least_paid_6m", unit="TWD"),
        statements.max("paid", days(190), name="most_paid_6m", unit="TWD"),
        statements.mean("billed", days(190), name="mean_billed_6m", unit="TWD"),
        statements.slope("billed", days(190), name="billed_slope"),
    ),
    derived=(
        Ratio("utilisation", numerator="billed_0_months_ago", denominator="credit_limit"),
        Ratio("mean_utilisation", numerator="mean_billed_6m", denominator="credit_limit"),
        Ratio("paid_to_limit", numerator="paid_6m", denominator="credit_limit"),
        Ratio("paid_to_billed", numerator="paid_0_months_ago", denominator="billed_1_months_ago"),
    ),
)
