"""The reasons for a score, in words.

Belongs here: summing the contributions of encoded columns by feature, choosing the largest, wording them, the words of
rules. Does not belong here: computing contributions (`assets.bundle.scorer`), proving a reason (`proof.py`).
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assets.bundle.answers import SEVERITY, FiredRules
from assets.bundle.bundle import Policy, ReasonWords
from assets.serving.decision import Reason
from assets.vocabulary import FeatureSet


def by_feature(contributions: NDArray[np.float64], sources: Sequence[str]) -> dict[str, float]:
    """Contributions of the encoded columns [m], summed by the feature that each column encodes.

    Args:
        sources: For each encoded column its feature.
    """
    totals: dict[str, float] = {}
    for feature, value in zip(sources, contributions.tolist(), strict=True):
        totals[feature] = totals.get(feature, 0.0) + value
    return totals


def rule_reasons(fired: FiredRules, code: int) -> tuple[Reason, ...]:
    """The words of the active rules that gave a row its answer, in their order; none for an accepted row.

    A rule that refers is no reason for a refusal.

    Args:
        code: The row's answer, of `assets.bundle.answers`.
    """
    made = [rule for rule in fired.active if SEVERITY[rule.outcome] == code]
    return tuple(Reason(feature=None, text=rule.reason, contribution=None, rule=rule.id) for rule in made)


def reasons_of(
    totals: Mapping[str, float], row: Mapping[str, object], features: FeatureSet, policy: Policy
) -> tuple[Reason, ...]:
    """The features that counted most against the person, the largest contribution first, no sentence twice.

    Args:
        totals: The contribution of each feature; only those above 0 count against the person.
        row: The features' values; `None` where missing.
    """
    against = [reason for reason in worded(totals, row, features, policy) if totals[str(reason.feature)] > 0]
    return first_of(against, policy.reasons_shown)


def worded(
    totals: Mapping[str, float], row: Mapping[str, object], features: FeatureSet, policy: Policy
) -> tuple[Reason, ...]:
    """Every feature as a reason, the largest contribution first.

    A missing value is named as missing: "the income is low" would be false of an unknown income. Words that do not fit
    the value are not used; the feature's description names it without judging. Features with equal contributions are
    in the order of their names, so that a replay gives the same list.
    """
    ordered = sorted(totals, key=lambda name: (-totals[name], name))
    return tuple(
        Reason(feature=name, text=_words(name, row[name], features, policy), contribution=totals[name])
        for name in ordered
    )


def first_of(reasons: Iterable[Reason], most: int) -> tuple[Reason, ...]:
    """The first reasons, at most so many; of those with the same sentence the first."""
    by_text: dict[str, Reason] = {}
    for reason in reasons:
        by_text.setdefault(reason.text, reason)
    return tuple(by_text.values())[:most]


def _words(name: str, value: object, features: FeatureSet, policy: Policy) -> str:
    description = features.describe(name)
    if value is None:
        return f"Nothing is known of this: {description[:1].lower()}{description[1:]}"
    words = policy.reasons.get(name)
    if isinstance(words, ReasonWords):
        words = words.fitting(float(value)) if isinstance(value, (int, float)) else None
    return words or description
