"""Why a score is as high as it is, in words.

Belongs here: adding the contributions of encoded columns up to features, choosing the largest, and their words. Does
not belong here: computing contributions (`scorer.py`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assets.features.vocabulary import FeatureSet
from assets.serving.bundle import Policy
from assets.serving.decision import Reason


def by_feature(contributions: NDArray[np.float64], sources: Sequence[str]) -> dict[str, float]:
    """Contributions of the encoded columns [m], added up by the feature that each column comes from."""
    totals: dict[str, float] = {}
    for feature, value in zip(sources, contributions.tolist(), strict=True):
        totals[feature] = totals.get(feature, 0.0) + value
    return totals


def reasons_of(totals: Mapping[str, float], features: FeatureSet, policy: Policy) -> tuple[Reason, ...]:
    """The features that counted most against the person, the largest first; only those above 0.

    Equal contributions stand in the order of their names, so that a replay gives the same list.
    """
    against = sorted((name for name, value in totals.items() if value > 0), key=lambda name: (-totals[name], name))
    return tuple(
        Reason(feature=name, text=policy.reasons.get(name) or features.describe(name), contribution=totals[name])
        for name in against[: policy.reasons_shown]
    )
