"""The reference profile of a bundle: what its test rows are like, beside which live rows are watched.

Belongs here: the profile of rows that a candidate scores. Does not belong here: the profile's form
(`assets.bundle.profile`), which rows these are (`assets.py`), writing it into the bundle.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.bundle.profile import build_profile
from assets.product import Product
from assets.serving.engine import Engine


def reference_profile(
    product: Product, test: pa.Table, bundle: Bundle, *, positive_rate: float, auc: float
) -> Mapping[str, Any]:
    """The profile of the test rows, the reference for live rows.

    Args:
        test: The test rows of the training set, in the order of the split.
        bundle: The candidate, which scores the rows.
        positive_rate: The share of bad ones among them.
        auc: The candidate's AUC on them.
    """
    features = product.features
    scores = Engine(bundle, None).score(test)
    profile = build_profile(
        test, scores, features.numeric, features.categories, positive_rate=positive_rate, auc=auc
    )  # fmt: skip
    return profile.to_dict()
