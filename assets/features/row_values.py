"""The formulas of features over one row's window, on single numbers.

Belongs here: what becomes of a window's count, sums, extremes and moments. Does not belong here: finding these from
events (`one_row.py`) or from tiles (`tile_values.py`), and many rows at once (`aggregates.py`). Whoever changes a
formula of `aggregates.py` changes it here; the tests compare the two to the last bit.
"""

import math
from fractions import Fraction
from typing import Protocol

from assets.features.plan import Group
from assets.features.scope import Measure, Member

KINDS = frozenset({"count", "share", "sum", "mean", "std", "min", "max", "time_since_last", "time_since_first"})
"""The kinds of features that have a formula here."""
_DAY = 86_400_000_000.0


class Evidence(Protocol):
    """What is known of the events in each window of a group that meet some filters and have a value in a column.

    Filters and windows are given by their numbers in the group. The request is one of the events where it counts.
    """

    def count(self, filters: int, column: str | None, window: int) -> int:
        """How many; of all that meet the filters, where no column is named."""

    def total(self, filters: int, column: str, window: int, power: int) -> int:
        """The exact sum of the power of their steps."""

    def extreme(self, family: str, filters: int, column: str, window: int) -> float:
        """The smallest or the largest value; infinite over none."""

    def moment(self, family: str, filters: int, window: int) -> int | None:
        """The time of the latest or of the earliest of them, the request apart; None over none."""


def value_of(evidence: Evidence, group: Group, measure: Measure, member: Member, as_of: int) -> float:
    """One feature of a kind of `KINDS`, NaN for missing; `as_of` is the decision in microseconds."""
    filters, window = measure.filters, measure.windows[member.window]
    if measure.family == "count":
        n = evidence.count(filters, None, window)
        if member.kind != "share":
            return float(n) if n else member.empty
        return float(evidence.count(member.part, None, window)) / (n * 1.0) if n else member.empty
    if measure.family == "sum":
        return _sum(evidence, measure, member, group.needs.exact[str(measure.column)])
    if measure.family in ("min", "max"):
        best = evidence.extreme(measure.family, filters, str(measure.column), window)
        return member.empty if math.isinf(best) else best
    found = evidence.moment(measure.family, filters, window)
    return member.empty if found is None else (as_of - found) / _DAY


def _sum(evidence: Evidence, measure: Measure, member: Member, resolution: Fraction) -> float:
    filters, column, window = measure.filters, str(measure.column), measure.windows[member.window]
    up, down = float(resolution.numerator), float(resolution.denominator)
    n, total = evidence.count(filters, column, window), evidence.total(filters, column, window, 1)
    if member.kind == "sum":
        return float(total) * up / down if n else member.empty
    if member.kind == "mean":
        return float(total) * up / (n * down) if n else member.empty
    if n < 2:
        return member.empty
    squares = evidence.total(filters, column, window, 2)
    return math.sqrt(float(n * squares - total * total) / float(n * (n - 1))) * up / down
