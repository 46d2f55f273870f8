"""Intervals of shares, and of the difference and the ratio of two shares.

Belongs here: Wilson's interval at any confidence, its combinations for two independent shares, the number of
independent rows behind a share. Does not belong here: which shares are compared (`assets.evaluation.fairness`), the
interval of an AUC (`ranking.py`).

Ends of intervals keep to closed forms: a share of 0 or 1 has an interval too, which a bootstrap does not give.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm


@dataclass(frozen=True)
class Share:
    """A share with its interval.

    Attributes:
        value: From 0 to 1.
        low, high: The ends of its interval.
        rows: The rows that it is a share of.
        independent: As how many independent rows they count: fewer where entities have several alike rows.
    """

    value: float
    low: float
    high: float
    rows: int
    independent: float

    def at(self, confidence: float) -> "Share":
        """The same share with its interval at another confidence."""
        low, high = wilson(self.value, self.independent, confidence)
        return Share(self.value, low, high, self.rows, self.independent)


def share_of(hits: NDArray[np.bool_], confidence: float, entities: NDArray[np.generic] | None = None) -> Share:
    """The share of rows that are hits, with Wilson's interval.

    Args:
        hits: bool [n], at least one row.
        confidence: Of the interval, 0.95 for 95%.
        entities: Whose row each is [n]; `None` where all rows are independent.
    """
    value, independent = float(hits.mean()), independent_rows(hits, entities)
    return Share(value, *wilson(value, independent, confidence), len(hits), independent)


def wilson(share: float, rows: float, confidence: float) -> tuple[float, float]:
    """The ends of the score interval (Wilson 1927) of a share of so many independent rows."""
    z = float(norm.isf((1.0 - confidence) / 2.0))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * float(np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def independent_rows(hits: NDArray[np.bool_], entities: NDArray[np.generic] | None) -> float:
    """As how many independent rows these count: their number over the design effect of the entities (Kish 1965).

    The design effect is the variance of the sum by entity over that by row, and never below 1. Where all rows are alike
    it is not known, and each entity counts as one row.
    """
    if entities is None:
        return float(len(hits))
    _, member = np.unique(entities, return_inverse=True)
    clusters = int(member.max()) + 1
    spread = hits - hits.mean()
    by_row = float(np.square(spread).sum())
    if by_row == 0.0:
        return float(clusters)
    by_entity = float(np.square(np.bincount(member, weights=spread)).sum())
    return len(hits) / max(by_entity / by_row, 1.0)


def difference_interval(one: Share, other: Share) -> tuple[float, float]:
    """The ends of the interval of `one - other`, two independent shares (Newcombe 1998, method 10)."""
    difference = one.value - other.value
    low = difference - float(np.hypot(one.value - one.low, other.high - other.value))
    high = difference + float(np.hypot(one.high - one.value, other.value - other.low))
    return low, high


def ratio_interval(one: Share, other: Share) -> tuple[float, float]:
    """The ends of the interval of `one / other` (Donner and Zou 2012); the upper one may be infinite."""
    return _end_of_ratio(one.value, one.low, other.value, other.high, below=True), _end_of_ratio(
        one.value, one.high, other.value, other.low, below=False
    )


def _end_of_ratio(one: float, one_end: float, other: float, other_end: float, *, below: bool) -> float:
    product = one * other
    inside = product**2 - one_end * other_end * (2 * one - one_end) * (2 * other - other_end)
    root = float(np.sqrt(max(inside, 0.0)))
    under = other_end * (2 * other - other_end)
    if abs(under) < 1e-12:
        # The quadratic equation of the end is linear here: its one root, or none.
        if product == 0.0:
            return 0.0 if below else float("inf")
        return one_end * (2 * one - one_end) / (2 * product) if below else float("inf")
    return max((product - root if below else product + root) / under, 0.0)
