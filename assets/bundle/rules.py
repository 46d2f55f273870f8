"""The rules of a bundle: as JSON, and applied to one row or to a table.

Belongs here: the record of a rule, and which rules fire. Does not belong here: what a rule may be
(`assets.product.rules`), what a decision makes of the rules that fired (`answers.py`).

`fires` and `fires_in` give the same answer for a row alone and in a table: numbers are float64, NaN is missing, and a
division is that of float64.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product.rules import AllOf, AnyOf, Compare, Condition, IsNull, Not, OneOf, Rule

Value = float | str | None
"""A value of a row; missing is None or NaN."""

_TESTS = {
    "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal, "==": pc.equal, "!=": pc.not_equal,
}  # fmt: skip


def fires(rule: Rule, row: Mapping[str, Value], day: date) -> bool:
    """Whether a rule fires on one row.

    Args:
        row: Columns of the request and features; a rule that reads one which is not there does not fire: the features
            of a row that fell back were never computed, which says nothing about the row.
        day: The UTC day of the row's as-of time.
    """
    return rule.holds_on(day) and all(name in row for name in rule.columns) and _truth(rule.when, row) is True


def _truth(condition: Condition, row: Mapping[str, Value]) -> bool | None:
    """True, false, or `None` for unknown."""
    match condition:
        case Compare():
            return _comparison(condition, row)
        case OneOf(column=column, values=values):
            text = row[column]
            return None if text is None else text in values
        case IsNull(column=column):
            return _missing(row[column])
        case Not(condition=inner):
            truth = _truth(inner, row)
            return None if truth is None else not truth
        case AllOf(conditions=inner):
            found = [_truth(each, row) for each in inner]
            return False if False in found else None if None in found else True
        case AnyOf(conditions=inner):
            found = [_truth(each, row) for each in inner]
            return True if True in found else None if None in found else False


def _comparison(condition: Compare, row: Mapping[str, Value]) -> bool | None:
    number = row[condition.column]
    if _missing(number):
        return None
    number = float(number)  # type: ignore[arg-type]
    if condition.per is not None:
        by = row[condition.per]
        if _missing(by) or float(by) == 0.0:  # type: ignore[arg-type]
            return None
        number = number / float(by)  # type: ignore[arg-type]
    bound = condition.value
    match condition.test:
        case "<":
            return number < bound
        case "<=":
            return number <= bound
        case ">":
            return number > bound
        case ">=":
            return number >= bound
        case "==":
            return number == bound
        case "!=":
            return number != bound


def _missing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def fires_in(rule: Rule, table: pa.Table, days: NDArray[np.datetime64] | None) -> NDArray[np.bool_]:
    """Whether a rule fires on each row of a table, bool [n].

    Args:
        table: Every column that the rule reads.
        days: datetime64[D] [n], the UTC day of each row's as-of time; `None` applies the rule whatever its validity.

    Raises:
        KeyError: The table lacks a column.
    """
    truth = pc.fill_null(_truths(rule.when, table), False)
    fired = np.asarray(truth.to_numpy(zero_copy_only=False), dtype=np.bool_)
    if days is None:
        return fired
    fired = fired & (days >= np.datetime64(rule.valid_from))
    return fired if rule.valid_until is None else fired & (days <= np.datetime64(rule.valid_until))


def _truths(condition: Condition, table: pa.Table) -> pa.Array:
    """True, false, or null for unknown, of each row; Arrow's Kleene functions have the same three values."""
    match condition:
        case Compare(column=column, test=test, value=value, per=per):
            numbers = _numbers(table, column)
            if per is not None:
                by = _numbers(table, per)
                by = pc.if_else(pc.equal(by, 0.0), pa.scalar(None, pa.float64()), by)
                numbers = pc.divide(numbers, by)
            return _TESTS[test](numbers, pa.scalar(value, pa.float64()))
        case OneOf(column=column, values=values):
            texts = _column(table, column).cast(pa.string())
            found = pc.is_in(texts, value_set=pa.array(values, pa.string()))
            return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.bool_()), found)
        case IsNull(column=column):
            return pc.is_null(_column(table, column), nan_is_null=True)
        case Not(condition=inner):
            return pc.invert(_truths(inner, table))
        case AllOf(conditions=inner):
            return _joined(pc.and_kleene, inner, table)
        case AnyOf(conditions=inner):
            return _joined(pc.or_kleene, inner, table)


def _joined(function: Any, conditions: Sequence[Condition], table: pa.Table) -> pa.Array:
    found = _truths(conditions[0], table)
    for each in conditions[1:]:
        found = function(found, _truths(each, table))
    return found


def _numbers(table: pa.Table, name: str) -> pa.Array:
    column = _column(table, name)
    # Arrow does not read a boolean as a float.
    numbers = (column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column).cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table[name]
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def days_of(as_of: pa.ChunkedArray) -> NDArray[np.datetime64]:
    """The UTC day of each as-of time, datetime64[D] [n]."""
    return np.asarray(as_of.cast(pa.timestamp("us", tz="UTC")).cast(pa.date32()).to_numpy(), dtype="datetime64[D]")


# ---------------------------------------------------------------------- JSON


def rules_record(rules: Sequence[Rule]) -> dict[str, Any]:
    """The rules as a JSON value, for `rules_of`."""
    return {"rules": [_rule_record(rule) for rule in rules]}


def rules_of(record: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules that `rules_record` wrote.

    Raises:
        ProductError: A rule contradicts itself.
        KeyError, TypeError, ValueError: The record is not one of rules.
    """
    return tuple(_rule(one) for one in record["rules"])


def _rule_record(rule: Rule) -> dict[str, Any]:
    values = {field.name: getattr(rule, field.name) for field in fields(rule)}
    times = {name: None if values[name] is None else values[name].isoformat() for name in ("valid_from", "valid_until")}
    return values | times | {"when": _condition_record(rule.when)}


def _rule(record: Mapping[str, Any]) -> Rule:
    until = record["valid_until"]
    return Rule(
        **{
            **record,
            "when": _condition(record["when"]),
            "valid_from": date.fromisoformat(record["valid_from"]),
            "valid_until": None if until is None else date.fromisoformat(until),
        }
    )


def _condition_record(condition: Condition) -> dict[str, Any]:
    match condition:
        case Compare(column=column, test=test, value=value, per=per):
            return {"is": "compare", "column": column, "test": test, "value": value, "per": per}
        case OneOf(column=column, values=values):
            return {"is": "one_of", "column": column, "values": list(values)}
        case IsNull(column=column):
            return {"is": "null", "column": column}
        case Not(condition=inner):
            return {"is": "not", "condition": _condition_record(inner)}
        case AllOf(conditions=inner):
            return {"is": "all_of", "conditions": [_condition_record(each) for each in inner]}
        case AnyOf(conditions=inner):
            return {"is": "any_of", "conditions": [_condition_record(each) for each in inner]}


def _condition(record: Mapping[str, Any]) -> Condition:
    match record["is"]:
        case "compare":
            return Compare(record["column"], record["test"], record["value"], record["per"])
        case "one_of":
            return OneOf(record["column"], tuple(record["values"]))
        case "null":
            return IsNull(record["column"])
        case "not":
            return Not(_condition(record["condition"]))
        case "all_of":
            return AllOf(tuple(_condition(each) for each in record["conditions"]))
        case "any_of":
            return AnyOf(tuple(_condition(each) for each in record["conditions"]))
    raise ValueError(f"a rule has a condition {record['is']!r}, which this code does not know")
