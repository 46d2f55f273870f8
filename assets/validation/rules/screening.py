"""Rows that certainly keep an expectation, found by Arrow, so that Great Expectations judges the others alone.

Belongs here: the expectations of which Arrow can say so. Does not belong here: saying that a row fails one, which Great
Expectations alone does (`expectations.py`).

An expectation on rows judges each by itself: it has the same failures among the rows that are left. A missing value is
left too.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_EXACT = 2**53
"""Whole numbers up to this bound are the same numbers as doubles."""

_PLAIN = re.compile(r"\^[A-Za-z0-9 _\-\[\]{},+*$]*")
"""Patterns from the beginning of a text, of ASCII letters, digits, sets of them and repetitions: no classes such as
`\\d`, no alternatives. Arrow's `$` is the end of the text alone, where Python's allows a line break before it."""


def doubtful(table: pa.Table, rule: Mapping[str, Any]) -> np.ndarray | None:
    """Marks the rows that may fail an expectation on rows: bool [rows]; `None` if Arrow cannot tell of this one."""
    screen = _SCREENS.get(rule["type"])
    kwargs = {name: value for name, value in rule["kwargs"].items() if name != "column"}
    if screen is None or "column" not in rule["kwargs"]:
        return None
    certain = screen(table[rule["kwargs"]["column"]], kwargs)
    return None if certain is None else ~np.asarray(pc.fill_null(certain, False).to_numpy())


def _present(values: pa.ChunkedArray, kwargs: Mapping[str, Any]) -> pa.ChunkedArray | None:
    return None if kwargs else pc.is_valid(values)


def _between(values: pa.ChunkedArray, kwargs: Mapping[str, Any]) -> pa.ChunkedArray | None:
    """Numbers between two bounds that are numbers of the column's type."""
    bounds = [kwargs.get("min_value"), kwargs.get("max_value")]
    if set(kwargs) - {"min_value", "max_value"} or not all(one is None or _fits(one, values.type) for one in bounds):
        return None
    low, high = (None if one is None else pa.scalar(one, values.type) for one in bounds)
    above = pc.is_valid(values) if low is None else pc.greater_equal(values, low)
    return above if high is None else pc.and_(above, pc.less_equal(values, high))


def _fits(bound: object, kind: pa.DataType) -> bool:
    if isinstance(bound, bool) or not isinstance(bound, int | float) or abs(bound) > _EXACT:
        return False
    return pa.types.is_float64(kind) or (pa.types.is_int64(kind) and isinstance(bound, int))


def _in_set(values: pa.ChunkedArray, kwargs: Mapping[str, Any]) -> pa.ChunkedArray | None:
    """Texts among texts."""
    allowed = kwargs.get("value_set")
    texts = isinstance(allowed, list | tuple) and all(isinstance(one, str) for one in allowed)
    if set(kwargs) != {"value_set"} or not texts or not pa.types.is_string(values.type):
        return None
    return pc.is_in(values, value_set=pa.array(list(allowed or ()), pa.string()), skip_nulls=True)


def _matching(values: pa.ChunkedArray, kwargs: Mapping[str, Any]) -> pa.ChunkedArray | None:
    """Texts that match a pattern of which both dialects of regular expressions say the same."""
    pattern = kwargs.get("regex")
    if set(kwargs) != {"regex"} or not isinstance(pattern, str) or not _PLAIN.fullmatch(pattern) or "[^" in pattern:
        return None
    try:
        return pc.match_substring_regex(values, pattern)
    except pa.ArrowInvalid:  # Arrow cannot read it; Python may
        return None


_SCREENS: Mapping[str, Callable[[pa.ChunkedArray, Mapping[str, Any]], pa.ChunkedArray | None]] = {
    "expect_column_values_to_not_be_null": _present,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_match_regex": _matching,
}
