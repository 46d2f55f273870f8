"""The formulas of features over one row's window, on single numbers.

Belongs here: what becomes of a window's count, sums, extremes and moments. Does not belong here: finding these from
events (`one_row.py`) or from tiles (`tile_values.py`), and many rows at once (`assets.features.kernel.aggregates`).
Whoever changes a formula of `assets.features.kernel.aggregates` changes it here; the tests compare the two to the last
bit.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

from assets.features.kernel.scope import Measure
from resources.moments import DAY_US

_DAY = float(DAY_US)


class Evidence(Protocol):
    """What is known of the events that meet some filters and have a value in a column: an answer for each window.

    Filters are given by their number in the group, the answers are in the order of the group's windows. The request is
    one of the events where it counts.
    """

    def counts(self, filters: int, column: str | None) -> Sequence[int]:
        """How many; of all that meet the filters, where no column is named."""

    def totals(self, filters: int, column: str, power: int) -> Sequence[int]:
        """The exact sums of the power of their steps."""

    def extremes(self, family: str, filters: int, column: str) -> Sequence[float]:
        """The smallest or the largest values; infinite over none."""

    def moments(self, family: str, filters: int) -> Sequence[int | None]:
        """The times of the latest or of the earliest of them, the request apart; None over none."""


def values_of(evidence: Evidence, measure: Measure, resolutions: Mapping[str, Fraction], as_of: int) -> Sequence[float]:
    """The features of a measure, in the order of its members, NaN for missing.

    Args:
        measure: Its members are of kinds of `ALGEBRAIC`.
        resolutions: Of the columns that are added up.
        as_of: The decision in microseconds.
    """
    if measure.family == "count":
        return _counts(evidence, measure)
    if measure.family == "sum":
        return _sums(evidence, measure, resolutions[str(measure.column)])
    if measure.family in ("min", "max"):
        best = evidence.extremes(measure.family, measure.filters, str(measure.column))
        return [member.empty if math.isinf(best[member.span]) else best[member.span] for member in measure.members]
    found = evidence.moments(measure.family, measure.filters)
    ages = [None if moment is None else (as_of - moment) / _DAY for moment in found]
    return [member.empty if (age := ages[member.span]) is None else age for member in measure.members]


def _counts(evidence: Evidence, measure: Measure) -> Sequence[float]:
    every, out = evidence.counts(measure.filters, None), []
    for member in measure.members:
        n = every[member.span]
        if not n:
            out.append(member.empty)
        elif member.kind == "share":
            out.append(float(evidence.counts(member.part, None)[member.span]) / (n * 1.0))
        else:
            out.append(float(n))
    return out


def _sums(evidence: Evidence, measure: Measure, resolution: Fraction) -> Sequence[float]:
    filters, column, out = measure.filters, str(measure.column), []
    up, down = float(resolution.numerator), float(resolution.denominator)
    counts, totals = evidence.counts(filters, column), evidence.totals(filters, column, 1)
    spread = any(member.kind == "std" for member in measure.members)
    squares = evidence.totals(filters, column, 2) if spread else ()
    for member in measure.members:
        n, total = counts[member.span], totals[member.span]
        if n < (2 if member.kind == "std" else 1):
            out.append(member.empty)
        elif member.kind == "sum":
            out.append(float(total) * up / down)
        elif member.kind == "mean":
            out.append(float(total) * up / (n * down))
        else:
            numerator = float(n * squares[member.span] - total * total)
            out.append(math.sqrt(numerator / float(n * (n - 1))) * up / down)
    return out
