"""Every expectation that a contract may have is judged as Great Expectations means it, on days of any shape."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from assets.product.contracts.expectations import FORMS
from assets.validation.rules.expectations import Judge

DAYS = [date(2026, 1, 1)] * 4 + [date(2026, 1, 2)] * 3
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG = 2**53 + 1
ROWS = pa.table({
    "a": pa.array([1, 2, LONG, None, 2, 3, None], pa.int64()),
    "x": pa.array([1.0, 5.0, None, 2.0, 5.0, None, 0.5], pa.float64()),
    "kind": pa.array(["s", "t", "t", None, "s", "s", "u"], pa.string()),
    "ok": pa.array([True, None, False, True, False, None, True], pa.bool_()),
    "at": pa.array([NOON, None, NOON, NOON, NOON, NOON, None], pa.timestamp("us", tz="UTC")),
    "day": pa.array(DAYS, pa.date32()),
})  # fmt: skip
EXAMPLES: dict[str, Any] = {
    "column": "x", "column_A": "a", "column_B": "x", "column_list": ["a", "x"], "min_value": 0, "max_value": 9,
    "value_set": [1.0, 2.0], "value": 3, "regex": "s", "regex_list": ["s"], "strftime_format": "%Y", "threshold": 1,
    "double_sided": True, "sum_total": 2, "value_pairs_set": [(1, 1.0)],
}  # fmt: skip


def expectation(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs}


def example(kind: str) -> dict[str, Any]:
    """An expectation of this kind on the table."""
    form = FORMS[kind]
    names = (*form.subject, *form.needed, *form.least)
    kwargs = {name: EXAMPLES[name] for name in names}
    if form.types == ("string",):
        kwargs["column"] = "kind"
    return expectation(kind, **kwargs)


def failed(rule: dict[str, Any], table: pa.Table = ROWS) -> list[int]:
    """The rows that fail, of all days, by a judge of one expectation."""
    judge = Judge("t", [rule])
    rows = [row for found in judge.rows(table) for row in found.rows.tolist()]
    if judge.needs_days:
        for day in dict.fromkeys(table["day"].to_pylist()):
            of_day = [n for n, one in enumerate(table["day"].to_pylist()) if one == day]
            found, _ = judge.day(table.take(of_day))
            rows += [of_day[row] for one in found for row in one.rows.tolist()]
    return sorted(rows)


@pytest.mark.parametrize("kind", list(FORMS))
def test_every_expectation_can_judge_every_day(kind: str) -> None:
    """Days with missing values only, with one row, and without rows, end in no error."""
    rule = example(kind)
    empty = ROWS.slice(0, 0)
    nothing = {name: pa.nulls(2, ROWS.schema.field(name).type) for name in ROWS.column_names}
    missing = pa.table({**nothing, "day": pa.array(DAYS[:2], pa.date32())})
    judge = Judge("t", [rule])
    for table in (ROWS, ROWS.slice(0, 1), empty, missing):
        judge.rows(table)
        if judge.needs_days:
            judge.day(table)


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        (expectation("expect_column_values_to_be_between", column="x", min_value=2), [0, 6]),
        (expectation("expect_column_values_to_be_between", column="x", min_value=2, mostly=0.6), [6]),
        (expectation("expect_column_values_to_be_between", column="x", min_value=2, mostly=0.5), []),
        (
            expectation(
                "expect_column_values_to_be_between", column="x", min_value=6, row_condition="kind == 's'",
                condition_parser="pandas",
            ),
            [0, 4],
        ),
        (
            expectation(
                "expect_column_values_to_be_between", column="x", min_value=6, condition_parser="pandas",
                row_condition="ok == True and not a > 1",
            ),
            [0],
        ),
        (expectation("expect_column_values_to_be_in_set", column="a", value_set=[1, 2, 2**53]), [2, 5]),
        (expectation("expect_column_values_to_be_unique", column="kind"), [1, 2, 4, 5]),
        (expectation("expect_column_values_to_be_unique", column="a"), []),
        (expectation("expect_compound_columns_to_be_unique", column_list=["kind", "x"]), []),
        (expectation("expect_compound_columns_to_be_unique", column_list=["kind", "at"]), [4, 5]),
        (expectation("expect_select_column_values_to_be_unique_within_record", column_list=["a", "x"]), [0]),
        (expectation("expect_column_pair_values_a_to_be_greater_than_b", column_A="x", column_B="a"), [0, 2, 3, 5, 6]),
        (
            expectation(
                "expect_column_pair_values_a_to_be_greater_than_b", column_A="x", column_B="a",
                ignore_row_if="either_value_is_missing",
            ),
            [0],
        ),
        (expectation("expect_column_values_to_be_increasing", column="a"), []),
        (expectation("expect_column_values_to_be_decreasing", column="x"), [1]),
    ],
)  # fmt: skip
def test_rows_fail_as_great_expectations_means_it_within_their_day(rule: dict[str, Any], rows: list[int]) -> None:
    assert failed(rule) == rows


@pytest.mark.parametrize("kind", [kind for kind, form in FORMS.items() if form.scope != "day"])
def test_a_day_has_the_rows_that_it_has_alone(kind: str) -> None:
    """Missing values of one day change no value of another."""
    rule = example(kind)
    alone = failed(rule, ROWS.slice(0, 4)) + [row + 4 for row in failed(rule, ROWS.slice(4))]
    assert failed(rule) == alone
