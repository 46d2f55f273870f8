"""Scores as the guard compares them: between 0 and 1, whatever the target is.

Belongs here: the map of an amount. Does not belong here: the tests of both arms (`assets.rollout.evidence`).
"""

from collections.abc import Sequence

from assets.bundle.bundle import Bundle


def within_one(score: float, champion: Bundle) -> float:
    """A probability as it is; an amount by its size beside the champion's median amount at approval, rising.

    The median is 0.5, three times the median 0.75, nothing 0; both arms are measured by the same median. A negative
    amount counts as nothing.
    """
    if not champion.policy.unit:
        return score
    sample: Sequence[float] = champion.parts.reference["score"]["sample"]
    middle = max(sample[len(sample) // 2], 0.0) if sample else 0.0
    size = max(score, 0.0)
    return size / (size + middle) if size + middle > 0.0 else 0.0
