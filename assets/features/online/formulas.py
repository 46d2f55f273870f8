"""The formulas of algebraic features for one row, on single numbers.

Belongs here: computing a feature from the count, sums, extremes and times of a window. Does not belong here: computing
these from events (`one_row.py`) or tiles (`tile_values.py`), many rows (`assets.features.kernel.aggregates`). Change a
formula in both modules; tests compare the two to the last bit.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

from assets.features.kernel.scope import Measure
from resources.moments import DAY_US

_DAY = float(DAY_US)


class Evidence(Protocol):
    """Statistics of the events that meet some filters and have a value in a column, one for each window.

    Filters are given by their position in the group; results are in the order of the group's windows. The request is
    one of the events where it counts.
    """

    def counts(self, filters: int, column: str | None) -> Sequence[int]:
        """Number of events; without a column, of all events that meet the filters."""

    def totals(self, filters: int, column: str, power: int) -> Sequence[int]:
        """Exact sums of the column's steps to the power."""

    def extremes(self, family: str, filters: int, column: str) -> Sequence[float]:
        """Smallest (`min`) or largest (`max`) values; infinite over none."""

    def times(self, family: str, filters: int) -> Sequence[int | None]:
        """Times of the latest or the earliest event, the request not considered; None over none."""


def values_of(evidence: Evidence, measure: Measure, resolutions: Mapping[str, Fraction], as_of: int) -> Sequence[float]:
    """The features of a measure, in the order of its members, NaN for missing.

    Args:
        measure: A measure whose members are of `ALGEBRAIC` kinds.
        resolutions: Resolutions of the columns that are added up.
        as_of: As-of time of the row, in microseconds.
    """
    if measure.family == "count":
        return _counts(evidence, measure)
    if measure.family == "sum":
        return _sums(evidence, measure, resolutions[str(measure.column)])
    if measure.family in ("min", "max"):
        values = evidence.extremes(measure.family, measure.filters, str(measure.column))
        return [member.empty if math.isinf(values[member.span]) else values[member.span] for member in measure.members]
    times = evidence.times(measure.family, measure.filters)
    ages = [None if time is None else (as_of - time) / _DAY for time in times]
    return [member.empty if (age := ages[member.span]) is None else age for member in measure.members]


def _counts(evidence: Evidence, measure: Measure) -> Sequence[float]:
    counts, out = evidence.counts(measure.filters, None), []
    for member in measure.members:
        n = counts[member.span]
        if not n:
            out.append(member.empty)
        elif member.kind == "share":
            out.append(float(evidence.counts(member.share_filters, None)[member.span]) / (n * 1.0))
        else:
            out.append(float(n))
    return out


def _sums(evidence: Evidence, measure: Measure, resolution: Fraction) -> Sequence[float]:
    filters, column, out = measure.filters, str(measure.column), []
    up, down = float(resolution.numerator), float(resolution.denominator)
    counts, totals = evidence.counts(filters, column), evidence.totals(filters, column, 1)
    needs_squares = any(member.kind == "std" for member in measure.members)
    squares = evidence.totals(filters, column, 2) if needs_squares else ()
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
