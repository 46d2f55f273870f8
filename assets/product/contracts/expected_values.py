"""The arguments of expectations: whether a value fits its column, and the value as it is evaluated.

Belongs here: one check for each kind of argument; each raises ValueError with what to write instead. Does not belong
here: which expectation takes which argument (`expectations.py`).
"""

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from assets.product.contracts.contract import Column, ContractError

_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)


def checked(where: str, given: object, check: Callable[[object, Sequence[Column]], Any]) -> Any:
    """The value, if the check takes it.

    Raises:
        ContractError: It does not; the message begins with `where`, the file and the part.
    """
    try:
        return check(given, ())
    except ValueError as error:
        raise ContractError(f"{where} is {given!r}; {error}") from error


def flag(given: object, _: Sequence[Column]) -> bool:
    """True or false."""
    if not isinstance(given, bool):
        raise ValueError("write true or false")
    return given


def count(given: object, _: Sequence[Column]) -> int:
    """A whole number from 0."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ValueError("write a whole number from 0")
    return given


def number(given: object, _: Sequence[Column]) -> float:
    """A finite number."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ValueError("write a number")
    return given


def limit(given: object, low: float, high: float) -> float:
    """A number within bounds."""
    found = number(given, ())
    if not low <= found <= high:
        raise ValueError(f"write a number from {low} to {high}")
    return found


def text(given: object, _: Sequence[Column]) -> str:
    """A text that is not empty."""
    if not isinstance(given, str) or not given:
        raise ValueError("write a text in quotes")
    return given


def pattern(given: object, _: Sequence[Column]) -> str:
    """A regular expression."""
    try:
        re.compile(text(given, ()))
    except re.error as error:
        raise ValueError(f"it is no regular expression ({error}); correct it") from error
    return str(given)


def patterns(given: object, _: Sequence[Column]) -> list[str]:
    """Regular expressions."""
    if not isinstance(given, list) or not given:
        raise ValueError("write a list of regular expressions")
    return [pattern(one, ()) for one in given]


def one_of(*allowed: str) -> Callable[[object, Sequence[Column]], str]:
    """One of some words."""

    def check(given: object, _: Sequence[Column]) -> str:
        if given not in allowed:
            raise ValueError(f"write one of {', '.join(allowed)}")
        return str(given)

    return check


def value(given: object, columns: Sequence[Column]) -> object:
    """A value of the column's type; a time becomes a moment in UTC."""
    return _of_type(given, columns[0])


def values(given: object, columns: Sequence[Column]) -> list[object]:
    """Values of the column's type."""
    if not isinstance(given, list) or not given:
        raise ValueError("write a list of values: [a, b]")
    return [_of_type(one, columns[0]) for one in given]


def value_pairs(given: object, columns: Sequence[Column]) -> list[tuple[object, object]]:
    """Pairs of values, each of its column's type."""
    if not isinstance(given, list) or not given or any(not isinstance(pair, list) or len(pair) != 2 for pair in given):
        raise ValueError("write a list of pairs: [[a, b], [c, d]]")
    first, second = columns
    return [(_of_type(pair[0], first), _of_type(pair[1], second)) for pair in given]


def moment(given: object) -> datetime:
    """A date or time of a contract's file as a moment in UTC; a date begins at midnight."""
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError as error:
        raise ValueError("write an ISO-8601 date or time, such as 2020-01-31") from error
    if isinstance(found, datetime):
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if isinstance(found, date):
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    raise ValueError("write an ISO-8601 date or time, such as 2020-01-31")


def names_in_condition(condition: object, columns: Mapping[str, Column] | None = None) -> tuple[str, ...]:
    """The columns of a `row_condition`: comparisons of columns with values or columns, joined by and, or, not.

    Args:
        columns: The columns that it may name, and with whose types its values must agree; `None` where it was checked.
    """
    if not isinstance(condition, str) or not condition.strip():
        raise ValueError("write a comparison: COLUMN == VALUE")
    try:
        tree = ast.parse(condition.strip(), mode="eval")
    except SyntaxError as error:
        raise ValueError("it is no comparison; write COLUMN == VALUE, with texts in quotes") from error
    names = tuple(dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)))
    if columns is None:
        return names
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise ValueError(f"the contract has no column {unknown[0]!r}; it has {', '.join(columns)}")
    _check_condition(tree.body, columns)
    return names


def _check_condition(node: ast.expr, columns: Mapping[str, Column]) -> None:
    """Refuses all but comparisons, joined by and, or, not."""
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                _check_condition(part, columns)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            _check_condition(part, columns)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            compared = [columns[side.id] for side in sides if isinstance(side, ast.Name)]
            if not compared or any(not isinstance(op, _COMPARISONS) for op in ops):
                raise ValueError("it compares no column; write COLUMN == VALUE, with texts in quotes")
            if any(column.type == "timestamp" for column in compared):
                raise ValueError("a time cannot be compared in a condition; compare other columns")
            for side in sides:
                if not isinstance(side, ast.Name):
                    _check_literal(side, compared[0])
        case _:
            raise ValueError("write comparisons of columns with values, joined by and, or, not")


def _check_literal(node: ast.expr, column: Column) -> None:
    try:
        literal = ast.literal_eval(node)
    except ValueError as error:
        raise ValueError("write comparisons of columns with values, joined by and, or, not") from error
    for one in literal if isinstance(literal, list | tuple) else [literal]:
        _of_type(one, column)


def _of_type(given: object, column: Column) -> object:
    """The value, if a value of the column can equal it."""
    wanted = f"column {column.name} is a {column.type}"
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    match column.type:
        case "string" if isinstance(given, str):
            return given
        case "boolean" if isinstance(given, bool):
            return given
        case "number" if is_number:
            return given
        case "integer" if is_number and isinstance(given, int | float) and given == int(given):
            return int(given)
        case "timestamp" if not is_number and not isinstance(given, bool):
            return moment(given)
        case "string":
            raise ValueError(f"{wanted}: write {given!r} in quotes")
        case "boolean":
            raise ValueError(f"{wanted}: write true or false instead of {given!r}")
        case "timestamp":
            raise ValueError(f"{wanted}: write an ISO-8601 date or time, such as 2020-01-31, instead of {given!r}")
        case _:
            kind = "whole number" if column.type == "integer" else "number"
            raise ValueError(f"{wanted}: write a {kind} instead of {given!r}")
