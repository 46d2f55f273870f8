"""The features of `claims`: what a claim says, and what its policy has claimed before.

Belongs here: declarations. Does not belong here: their computation, the decision (`product.py`).
"""

from assets.vocabulary import Category, Events, FeatureSet, Number, days

claims = Events("claims", key="policy_id")

FEATURES = FeatureSet(
    owner="claims",
    request=(
        Number("insured_value", unit="EUR", description="Amount for which the thing is insured"),
        Number("driver_age", unit="years", description="Age of who drove"),
        Category("kind", values=("car", "bike"), description="What the claim is about"),
    ),
    history=(
        claims.count(days(30), name="claims_30d"),
        claims.mean("insured_value", days(30), name="mean_insured_30d"),
    ),
)
