"""Why a score is as high as it is, in words.

Belongs here: adding the contributions of encoded columns up to features, choosing the largest, and their words. Does
not belong here: computing contributions (`assets.bundle.scorer`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assets.bundle.bundle import Policy
from assets.serving.decision import Reason
from assets.vocabulary import FeatureSet


def by_feature(contributions: NDArray[np.float64], sources: Sequence[str]) -> dict[str, float]:
    """Contributions of the encoded columns [m], added up by the feature that each column comes from."""
    totals: dict[str, float] = {}
    for feature, value in zip(sources, contributions.tolist(), strict=True):
        totals[feature] = totals.get(feature, 0.0) + value
    return totals


def reasons_of(
    totals: Mapping[str, float], row: Mapping[str, object], features: FeatureSet, policy: Policy
) -> tuple[Reason, ...]:
    """What counted most against the person, the largest first; only what is above 0, and no sentence twice.

    A value that is missing is told as missing: "the score is low" would be false of a score that nobody has.
    Equal contributions stand in the order of their names, so that a replay gives the same list.

    Args:
        row: The features' values; `None` where missing.
    """
    against = sorted((name for name, value in totals.items() if value > 0), key=lambda name: (-totals[name], name))
    found: dict[str, Reason] = {}
    for name in against:
        text = _words(name, row[name], features, policy)
        found.setdefault(text, Reason(feature=name, text=text, contribution=totals[name]))
    return tuple(found.values())[: policy.reasons_shown]


def _words(name: str, value: object, features: FeatureSet, policy: Policy) -> str:
    description = features.describe(name)
    if value is None:
        return f"Nothing is known of this: {description[:1].lower()}{description[1:]}"
    return policy.reasons.get(name) or description
