"""Screening: Arrow never passes a row that Great Expectations refuses, and leaves few rows to it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.validation.rules.expectations import Judge
from assets.validation.rules.screening import doubtful

_NUMBERS = pa.chunked_array([pa.array([None, -1.0, -0.0, 0.0, 0.1, 5.0, 5.000000001, 1e300])])
_WHOLE = pa.chunked_array([pa.array([None, -1, 0, 1, 5, 6, 2**62, -(2**62)])])
_TEXTS = pa.chunked_array([pa.array([None, "a", "A", "b", "", " a", "ab\n", "b\n"])])
TABLE = pa.table({"number": _NUMBERS, "whole": _WHOLE, "text": _TEXTS})
NUMBER, WHOLE, TEXT = {"column": "number"}, {"column": "whole"}, {"column": "text"}
BETWEEN, AMONG = "expect_column_values_to_be_between", "expect_column_values_to_be_in_set"
MATCH = "expect_column_values_to_match_regex"
RULES: list[tuple[str, dict[str, Any]]] = [
    (BETWEEN, {**NUMBER, "min_value": 0, "max_value": 5}),
    (BETWEEN, {**NUMBER, "max_value": 0.1}),
    (BETWEEN, {**WHOLE, "min_value": 0, "max_value": 5}),
    (BETWEEN, {**WHOLE, "min_value": 1}),
    (AMONG, {**TEXT, "value_set": ["a", "b"]}),
    (AMONG, {**TEXT, "value_set": [""]}),
    ("expect_column_values_to_not_be_null", NUMBER),
    (MATCH, {**TEXT, "regex": "^a"}),
    (MATCH, {**TEXT, "regex": "^[a-z]{1}$"}),
    (MATCH, {**TEXT, "regex": "^[A-Z]*b"}),
]


@pytest.mark.parametrize(("kind", "kwargs"), RULES)
def test_the_rows_that_are_left_have_all_failures(kind: str, kwargs: dict[str, Any]) -> None:
    rule = {"type": kind, "kwargs": kwargs}
    left = doubtful(TABLE, rule)
    assert left is not None
    judge = Judge("t", [rule])
    (result,) = judge._results(TABLE, [rule])  # of all rows, without screening
    failed = result.result.get("unexpected_index_list") or []
    assert set(failed) <= set(np.flatnonzero(left).tolist())
    assert judge.each(TABLE)[0].rows.tolist() == failed
    # Besides the failures, only the missing value is left, and a text that ends in a line break.
    assert left.sum() <= len(failed) + 2


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        (BETWEEN, {**NUMBER, "min_value": 0, "strict_min": True}),
        (BETWEEN, {**WHOLE, "min_value": 0.5}),
        (BETWEEN, {**NUMBER, "max_value": 2**60 + 1}),
        (BETWEEN, {**NUMBER, "min_value": 0, "row_condition": "whole > 1", "condition_parser": "pandas"}),
        (AMONG, {**WHOLE, "value_set": [1, 5]}),
        (MATCH, {**TEXT, "regex": r"^\w"}),
        (MATCH, {**TEXT, "regex": "^[^a]"}),
        (MATCH, {**TEXT, "regex": "^a|b"}),
        (MATCH, {**TEXT, "regex": "a"}),
        (MATCH, {**TEXT, "regex": "^a{1001}"}),
    ],
)
def test_others_are_left_to_great_expectations(kind: str, kwargs: dict[str, Any]) -> None:
    assert doubtful(TABLE, {"type": kind, "kwargs": kwargs}) is None
