"""The kinds of aggregates and their properties.

Belongs here: the kinds, the groups of kinds with a common property, units, checks of parameters. Does not belong here:
the declaration of a feature (`history.py`), any arithmetic (`assets.features.kernel.aggregates.compute`).
"""

from datetime import timedelta
from fractions import Fraction
from typing import Literal, get_args

from assets.vocabulary.conditions import FeatureError

Statistic = Literal["mean", "min", "max", "std"]
Kind = Literal[
    "count", "sum", "mean", "min", "max", "std", "distinct", "share", "last", "time_since_last", "time_since_first",
    "first", "quantile", "mode", "mean_time_between", "min_time_between", "max_time_between", "std_time_between",
    "streak", "slope", "decayed_sum", "decayed_count",
]  # fmt: skip

SUMMED: frozenset[str] = frozenset({"sum", "mean", "std", "quantile", "slope", "decayed_sum"})
"""Kinds that add up numbers; their column needs a resolution in the contract."""
COUNTED: frozenset[str] = frozenset({"count", "distinct", "streak", "decayed_count"})
"""Kinds whose value over no events is 0, not missing."""
TIMED: frozenset[str] = frozenset({"time_since_last", "time_since_first"})
ALGEBRAIC: frozenset[str] = frozenset({"count", "share", "sum", "mean", "std", "min", "max"}) | TIMED
"""Kinds that can be combined from parts of a window: from their counts, sums, extremes, first and last times (Gray et
al. 1997: distributive or algebraic aggregates)."""
BETWEEN: frozenset[str] = frozenset(f"{statistic}_time_between" for statistic in get_args(Statistic))

UNITS = {
    "count": "events",
    "distinct": "values",
    "share": "share",
    "streak": "events",
    "decayed_count": "events",
} | dict.fromkeys([*TIMED, *BETWEEN], "days")
"""Units by kind; every other kind has the unit of its column."""

_LONGEST_HALF_LIFE = timedelta(days=3_650)


def check_level(kind: str, level: object, label: str) -> None:
    """Raises FeatureError for a level outside 0 to 1, and for any level of a kind other than quantile."""
    if kind != "quantile":
        if level is not None:
            raise FeatureError(f"{label}: level= is for quantile; leave it out of {kind}")
        return
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 <= level <= 1:
        raise FeatureError(f"{label}: level {level!r}; write a share from 0 to 1, as in quantile('amount', 0.9)")
    if 10_000 % Fraction(repr(level)).denominator:
        raise FeatureError(f"{label}: level {level!r}; write at most four decimals")


def check_half_life(kind: str, half_life: object, label: str) -> None:
    """Raises FeatureError for a half-life out of range, and for any half-life of a kind without decay."""
    if kind not in ("decayed_sum", "decayed_count"):
        if half_life is not None:
            raise FeatureError(f"{label}: half_life= is for decayed_sum and decayed_count; leave it out of {kind}")
        return
    if not isinstance(half_life, timedelta) or not timedelta(0) < half_life <= _LONGEST_HALF_LIFE:
        raise FeatureError(
            f"{label}: half_life {half_life!r}; write a time such as days(7), at most {_LONGEST_HALF_LIFE.days} days"
        )
