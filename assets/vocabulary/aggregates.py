"""The kinds of aggregates, and what is said of each.

Belongs here: which kinds there are, which of them need what, their units, the checks of their parameters. Does not
belong here: how a feature is declared (`history.py`), any arithmetic (`assets.features.kernel.aggregates`).
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
"""Kinds that add numbers up, and so need a resolution in the contract."""
COUNTED: frozenset[str] = frozenset({"count", "distinct", "streak", "decayed_count"})
"""Kinds whose value over no events is 0: a count of nothing is known."""
TIMED: frozenset[str] = frozenset({"time_since_last", "time_since_first"})
ALGEBRAIC: frozenset[str] = frozenset({"count", "share", "sum", "mean", "std", "min", "max"}) | TIMED
"""Kinds whose value follows from counts, sums, extremes and first and last moments of a window's parts (Gray et al.
1997: distributive or algebraic aggregates)."""
BETWEEN: frozenset[str] = frozenset(f"{statistic}_time_between" for statistic in get_args(Statistic))

UNITS = {
    "count": "events",
    "distinct": "values",
    "share": "share",
    "streak": "events",
    "decayed_count": "events",
} | dict.fromkeys([*TIMED, *BETWEEN], "days")
"""Units of kinds that do not have their column's."""

_LONGEST_HALF_LIFE = timedelta(days=3_650)


def check_level(kind: str, level: object, what: str) -> None:
    """Refuses a level that no quantile has, and any level of another kind (FeatureError)."""
    if kind != "quantile":
        if level is not None:
            raise FeatureError(f"{what}: level= is for quantile; leave it out of {kind}")
        return
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 <= level <= 1:
        raise FeatureError(f"{what}: level {level!r}; write a share from 0 to 1, as in quantile('amount', 0.9)")
    if 10_000 % Fraction(repr(level)).denominator:
        raise FeatureError(f"{what}: level {level!r}; write at most four decimals")


def check_half_life(kind: str, half_life: object, what: str) -> None:
    """Refuses a half-life that no decay has, and any of another kind (FeatureError)."""
    if kind not in ("decayed_sum", "decayed_count"):
        if half_life is not None:
            raise FeatureError(f"{what}: half_life= is for decayed_sum and decayed_count; leave it out of {kind}")
        return
    if not isinstance(half_life, timedelta) or not timedelta(0) < half_life <= _LONGEST_HALF_LIFE:
        raise FeatureError(
            f"{what}: half_life {half_life!r}; write a time such as days(7), at most {_LONGEST_HALF_LIFE.days} days"
        )
