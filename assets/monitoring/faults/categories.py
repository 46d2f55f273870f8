"""Faults in categories: a value renamed, a value that was never there.

Belongs here: comparing the counts of a day's values with those of the days before. Does not belong here: missing values
and constants (`presence.py`).

Columns to which new values come all the time (merchants, cities) are told from closed ones by the days before: a new
value must be more frequent than the values were that came new on them.
"""

import math
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from assets.monitoring.faults.finding import Recognised
from assets.monitoring.faults.fingerprint import ColumnPrint

_LEAST_SHARE, _NEW_SURPRISE = 0.005, 12.0
_MORE_NEW = 2.0
_GONE_SURPRISE = 4.0
"""A value of which so many rows were expected, and nearly none came while a new value came, is gone."""
_FEW = 0.02
_ALIKE = 2.0
"""The new name of a value has at most so many times the rows of the old one, and at least this part of them."""
_LEARNED_DAYS = 3
"""Of the values of the first days all are new: they say nothing of how often new ones come."""


def category_fault(name: str, today: ColumnPrint, before: Sequence[ColumnPrint]) -> Recognised | None:
    """The fault in the values of a text column, or `None`; arguments as `presence_fault`, in the order of days."""
    days = [day for day in before if day.values]
    if len(days) <= _LEARNED_DAYS or not today.values or len(days) < len(before) // 2:
        return None
    known = Counter[str]()
    newest = 0.0
    for number, day in enumerate(days):
        if number >= _LEARNED_DAYS:
            newest = max(newest, sum(n for value, n in day.values.items() if value not in known) / day.present)
        known.update(day.values)
    least = max(_LEAST_SHARE, _MORE_NEW * newest) * today.present
    new = {value: rows for value, rows in today.values.items() if value not in known}
    value = max(new, key=lambda one: new[one], default="")
    if not new or new[value] < least or _surprise(new[value], today.present, known) < _NEW_SURPRISE:
        return None
    old = _renamed(value, new[value], today, known)
    if old is not None:
        return Recognised(name, "category_renamed", {"old": old, "new": value, "rows": new[value]})
    share = new[value] / today.present
    return Recognised(name, "new_category", {"new": value, "rows": new[value], "share": share})


def _surprise(rows: int, present: int, known: Counter[str]) -> float:
    """The negative logarithm of the chance of so many rows with one value that was never there.

    The share of rows with values not seen yet is about that of the values seen once (Good, 1953).
    """
    once = sum(count == 1 for count in known.values())
    expected = present * (once + 1) / known.total()
    return rows * math.log(rows / expected) - rows + expected if rows > expected else 0.0


def _renamed(new: str, rows: int, today: ColumnPrint, known: Counter[str]) -> str | None:
    """The value that is gone and had about as many rows; of several the one whose name is most alike."""
    total = known.total()
    gone = []
    for value, count in known.items():
        expected = today.present * count / total
        left = today.values.get(value, 0)
        spread = 4 * math.sqrt(expected)
        fits = expected / _ALIKE - spread <= rows <= _ALIKE * expected + spread
        if expected >= _GONE_SURPRISE and left <= _FEW * expected and fits:
            gone.append(value)
    return max(gone, key=lambda value: SequenceMatcher(None, value.lower(), new.lower()).ratio(), default=None)
