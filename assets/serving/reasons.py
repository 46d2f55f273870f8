"""The reasons for a score, in words.

Belongs here: summing the contributions of encoded columns by feature, choosing the largest, wording them, the words of
rules. Does not belong here: computing contributions (`assets.bundle.scorer`), proving a reason (`proof.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Wording:
    """The features of one row as reasons, in words.

    Attributes:
        totals: The contribution of each feature; only those above 0 count against the person.
        row: The features' values; `None` where missing.
    """

    totals: Mapping[str, float]
    row: Mapping[str, object]
    features: FeatureSet
    policy: Policy

    @property
    def ordered(self) -> list[str]:
        """Every feature, the largest contribution first; equal ones by name, so that a replay gives the same list."""
        return sorted(self.totals, key=lambda name: (-self.totals[name], name))

    @property
    def against(self) -> list[str]:
        """The features that count against the person, the largest contribution first."""
        return [name for name in self.ordered if self.totals[name] > 0]

    def reason(self, name: str) -> Reason:
        """A feature as a reason.

        A missing value is named as missing: "the income is low" would be false of an unknown income. Words that do not
        fit the value are not used; the feature's description names it without judging.
        """
        return Reason(feature=name, text=self._words(name, self.row[name]), contribution=self.totals[name])

    def unjudged(self, name: str) -> Reason:
        """A feature as a reason that claims nothing of its value: the description alone."""
        return Reason(feature=name, text=self.features.describe(name), contribution=self.totals[name])

    def _words(self, name: str, value: object) -> str:
        if value is None:
            description = self.features.describe(name)
            return f"Nothing is known of this: {description[:1].lower()}{description[1:]}"
        words = self.policy.reasons.get(name)
        if isinstance(words, ReasonWords):
            words = words.fitting(float(value)) if isinstance(value, (int, float)) else None
        return words or self.features.describe(name)


def reasons_of(wording: Wording) -> tuple[Reason, ...]:
    """The features that counted most against the person, without a proof, no sentence twice."""
    return first_of(map(wording.reason, wording.against), wording.policy.reasons_shown)


def first_of(reasons: Iterable[Reason], most: int) -> tuple[Reason, ...]:
    """The first reasons, at most so many; of those with the same sentence the first."""
    by_text: dict[str, Reason] = {}
    for reason in reasons:
        by_text.setdefault(reason.text, reason)
    return tuple(by_text.values())[:most]
