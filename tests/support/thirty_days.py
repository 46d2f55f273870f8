"""The features of cards whose windows are of thirty days at most.

Belongs here: leaving the longer windows of the example out. Does not belong here: assertions.
"""

from dataclasses import replace
from datetime import timedelta

from assets.product import Product
from assets.vocabulary import Difference, Ratio


def of_thirty_days(product: Product) -> Product:
    """The product without longer windows, and without what is derived from two features."""
    short = tuple(one for one in product.features.history if (one.lookback or timedelta.max) <= timedelta(days=30))
    derived = tuple(one for one in product.features.derived if not isinstance(one, Ratio | Difference))
    features = replace(product.features, history=short, derived=derived)
    reasons = {name: words for name, words in product.decision.reasons.items() if name in features.names}
    monotone = {name: way for name, way in product.model.monotone.items() if name in features.names}
    return replace(
        product, features=features, decision=replace(product.decision, reasons=reasons),
        model=replace(product.model, monotone=monotone),
    )  # fmt: skip
