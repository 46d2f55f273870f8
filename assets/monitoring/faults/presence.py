"""Faults that any column can have: no values, fewer values, one value.

Belongs here: the three tests. Does not belong here: the values themselves (`numbers.py`, `categories.py`).

Each test asks how likely the day would be if its rows were like those of the days before, and is told of chances below
e^-20 (2e-9) alone: a product with 60 columns makes some 20,000 such tests a year and kind.
"""

import math
from collections.abc import Sequence

from assets.monitoring.faults.finding import Recognised
from assets.monitoring.faults.fingerprint import ColumnPrint

SURPRISE = 20.0
"""The least negative logarithm of the chance of a day like this."""
ENOUGH = 20
"""A share of fewer rows than this says nothing of a day."""
_MORE_MISSING = 0.1
"""Smaller rises are drift, and are told as such."""
LEAST_SHARE = 0.01
"""Shares below this are not told from it: a day with an odd row is no other world."""


def presence_fault(name: str, today: ColumnPrint, before: Sequence[ColumnPrint]) -> Recognised | None:
    """The fault in the presence of values, or `None`.

    Args:
        before: The column on usual days before, each with rows.
    """
    return _missing(name, today, before) or _constant(name, today, before)


def _missing(name: str, today: ColumnPrint, before: Sequence[ColumnPrint]) -> Recognised | None:
    judged = [day for day in before if day.rows >= ENOUGH]
    pooled = sum(day.missing for day in before) / sum(day.rows for day in before)
    most = max([pooled, *(day.missing_share for day in judged)])
    if not today.missing or today.missing_share <= most:
        return None
    if today.missing == today.rows:
        if -today.rows * math.log(max(most, LEAST_SHARE)) < SURPRISE:
            return None
        return Recognised(name, "all_null", {"rows": today.rows, "usual": most})
    share, least = today.missing_share, min(max(most, LEAST_SHARE), 1 - LEAST_SHARE)
    if share - most < _MORE_MISSING or today.rows * relative_entropy(share, least) < SURPRISE:
        return None
    return Recognised(name, "missing_more", {"share": today.missing_share, "usual": most, "rows": today.rows})


def relative_entropy(share: float, usual: float) -> float:
    """Of a share from the usual one, in nats: its chance in n rows is about e^(-n times this).

    Args:
        usual: Above 0 and below 1.
    """
    rest = (1 - share) * math.log((1 - share) / (1 - usual)) if share < 1 else 0.0
    return rest + (share * math.log(share / usual) if share else 0.0)


def _constant(name: str, today: ColumnPrint, before: Sequence[ColumnPrint]) -> Recognised | None:
    if today.distinct != 1:
        return None
    with_values = [day for day in before if day.present]
    if not with_values:
        return None
    shares = [day.commonest / day.present for day in with_values if day.present >= ENOUGH]
    pooled = sum(day.commonest for day in with_values) / sum(day.present for day in with_values)
    most = max([pooled, *shares])
    if most >= 1 or -today.present * math.log(max(most, LEAST_SHARE)) < SURPRISE:
        return None
    value = next(iter(today.values), "(not kept)") if today.low is None else today.low
    return Recognised(name, "constant", {"value": value, "rows": today.present})
