"""The expectations that a contract may have: their names, arguments and column types.

Belongs here: the expectations of Great Expectations that Loopline can hold rows or whole days to, and the check of an
expectation in a contract's file. Does not belong here: evaluating an expectation
(`assets.validation.rules.expectations`), the other parts of a contract (`file.py`).

Great Expectations itself is not imported: the decision process loads products too. A test holds this table against its
registry. Its other expectations are refused: those that need SQL, and those that repeat what `columns` says.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from assets.product.contracts.contract import Column, ColumnType, ContractError
from assets.product.contracts.expected_values import (
    count,
    flag,
    limit,
    names_in_condition,
    number,
    one_of,
    pattern,
    patterns,
    text,
    value,
    value_pairs,
    values,
)

Scope = Literal["row", "rows of a day", "day"]
"""What an expectation judges: each row by itself, each row among those of its day, or a whole day, naming no row."""
Check = Callable[[object, Sequence[Column]], Any]
"""The argument as it is evaluated; raises ValueError with what to write instead."""


@dataclass(frozen=True)
class Form:
    """One expectation that a contract may have.

    Attributes:
        subject: The arguments that name columns.
        types: The types that these columns may have.
        needed: Arguments without which the expectation says nothing.
        optional: The other arguments.
        least: At least one of these arguments is needed.
    """

    scope: Scope
    subject: tuple[str, ...]
    types: tuple[ColumnType, ...] = ()
    needed: Mapping[str, Check] = field(default_factory=dict)
    optional: Mapping[str, Check] = field(default_factory=dict)
    least: tuple[str, ...] = ()

    @property
    def arguments(self) -> dict[str, Check]:
        """All arguments but those that name columns."""
        return {**self.needed, **self.optional}


_ANY: tuple[ColumnType, ...] = ("string", "integer", "number", "boolean", "timestamp")
_NUMBER: tuple[ColumnType, ...] = ("integer", "number")
_ORDERED: tuple[ColumnType, ...] = ("integer", "number", "timestamp")
_TEXT: tuple[ColumnType, ...] = ("string",)
_ONE, _PAIR, _LIST = ("column",), ("column_A", "column_B"), ("column_list",)
_OPEN = {"strict_min": flag, "strict_max": flag}
_BOUNDS = ("min_value", "max_value")


def _between(scope: Scope, types: tuple[ColumnType, ...], bound: Check, subject: tuple[str, ...] = _ONE) -> Form:
    return Form(scope, subject, types, optional={"min_value": bound, "max_value": bound, **_OPEN}, least=_BOUNDS)


_IF_ONE = {"ignore_row_if": one_of("both_values_are_missing", "either_value_is_missing", "never")}
_IF_ALL = {"ignore_row_if": one_of("all_values_are_missing", "any_value_is_missing", "never")}
_MATCH_ON = {"match_on": one_of("any", "all")}

FORMS: Mapping[str, Form] = {
    "expect_column_values_to_not_be_null": Form("row", _ONE, _ANY),
    "expect_column_values_to_be_null": Form("row", _ONE, _ANY),
    "expect_column_values_to_be_between": _between("row", _ORDERED, value),
    "expect_column_values_to_be_in_set": Form("row", _ONE, _ANY, {"value_set": values}),
    "expect_column_values_to_not_be_in_set": Form("row", _ONE, _ANY, {"value_set": values}),
    "expect_column_value_lengths_to_be_between": _between("row", _TEXT, count),
    "expect_column_value_lengths_to_equal": Form("row", _ONE, _TEXT, {"value": count}),
    "expect_column_values_to_match_regex": Form("row", _ONE, _TEXT, {"regex": pattern}),
    "expect_column_values_to_not_match_regex": Form("row", _ONE, _TEXT, {"regex": pattern}),
    "expect_column_values_to_match_regex_list": Form("row", _ONE, _TEXT, {"regex_list": patterns}, _MATCH_ON),
    "expect_column_values_to_not_match_regex_list": Form("row", _ONE, _TEXT, {"regex_list": patterns}),
    "expect_column_values_to_match_strftime_format": Form("row", _ONE, _TEXT, {"strftime_format": text}),
    "expect_column_values_to_be_json_parseable": Form("row", _ONE, _TEXT),
    "expect_column_values_to_be_dateutil_parseable": Form("row", _ONE, _TEXT),
    "expect_column_pair_values_a_to_be_greater_than_b": Form("row", _PAIR, _ORDERED, {}, {"or_equal": flag, **_IF_ONE}),
    "expect_column_pair_values_to_be_equal": Form("row", _PAIR, _ANY, {}, _IF_ONE),
    "expect_column_pair_values_to_be_in_set": Form("row", _PAIR, _ANY, {"value_pairs_set": value_pairs}, _IF_ONE),
    "expect_multicolumn_sum_to_equal": Form("row", _LIST, _NUMBER, {"sum_total": number}, _IF_ALL),
    "expect_multicolumn_values_to_be_equal": Form("row", _LIST, _ANY, {}, _IF_ALL),
    "expect_select_column_values_to_be_unique_within_record": Form("row", _LIST, _ANY, {}, _IF_ALL),
    "expect_column_values_to_be_unique": Form("rows of a day", _ONE, _ANY),
    "expect_compound_columns_to_be_unique": Form("rows of a day", _LIST, _ANY, {}, _IF_ALL),
    "expect_column_values_to_be_increasing": Form("rows of a day", _ONE, _ORDERED, {}, {"strictly": flag}),
    "expect_column_values_to_be_decreasing": Form("rows of a day", _ONE, _ORDERED, {}, {"strictly": flag}),
    "expect_column_value_z_scores_to_be_less_than": Form(
        "rows of a day", _ONE, _NUMBER, {"threshold": number, "double_sided": flag}
    ),
    "expect_column_min_to_be_between": _between("day", _ORDERED, value),
    "expect_column_max_to_be_between": _between("day", _ORDERED, value),
    "expect_column_mean_to_be_between": _between("day", _NUMBER, number),
    "expect_column_median_to_be_between": _between("day", _NUMBER, number),
    "expect_column_stdev_to_be_between": _between("day", _NUMBER, number),
    "expect_column_sum_to_be_between": _between("day", _NUMBER, number),
    "expect_column_unique_value_count_to_be_between": _between("day", _ANY, count),
    "expect_column_proportion_of_unique_values_to_be_between": _between("day", _ANY, number),
    "expect_column_proportion_of_non_null_values_to_be_between": _between("day", _ANY, number),
    "expect_column_distinct_values_to_be_in_set": Form("day", _ONE, _ANY, {"value_set": values}),
    "expect_column_distinct_values_to_contain_set": Form("day", _ONE, _ANY, {"value_set": values}),
    "expect_column_distinct_values_to_equal_set": Form("day", _ONE, _ANY, {"value_set": values}),
    "expect_column_most_common_value_to_be_in_set": Form("day", _ONE, _ANY, {"value_set": values}, {"ties_okay": flag}),
    "expect_table_row_count_to_be_between": _between("day", (), count, ()),
    "expect_table_row_count_to_equal": Form("day", (), (), {"value": count}),
}
"""Every expectation that a contract may have."""

_SAID_BY_COLUMNS = frozenset({
    "expect_column_to_exist", "expect_column_type_to_be", "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list", "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal", "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
})  # fmt: skip
UNABLE: Mapping[str, str] = {
    **dict.fromkeys(_SAID_BY_COLUMNS, "the part columns says it; remove the expectation"),
    **dict.fromkeys(
        (
            "expect_column_values_to_match_like_pattern", "expect_column_values_to_match_like_pattern_list",
            "expect_column_values_to_not_match_like_pattern", "expect_column_values_to_not_match_like_pattern_list",
        ),
        "it needs a database; write the pattern as a regex: expect_column_values_to_match_regex",
    ),
    **dict.fromkeys(
        (
            "expect_query_results_to_match_comparison", "expect_table_row_count_to_equal_other_table",
            "unexpected_rows_expectation",
        ),
        "it needs a database; write rules on the rows of this source",
    ),
    "expect_column_values_to_match_json_schema": (
        "one value that is no JSON would stop it; write expect_column_values_to_be_json_parseable or a regex"
    ),
    "expect_column_values_to_not_be_outliers": (
        "it fails on a day of few rows; write expect_column_value_z_scores_to_be_less_than or a range"
    ),
    "expect_column_quantile_values_to_be_between": (
        "one bound is enough for a day; write expect_column_median_to_be_between or expect_column_max_to_be_between"
    ),
    "expect_column_kl_divergence_to_be_less_than": "write the rule distribution, which compares with the last weeks",
}  # fmt: skip
"""The other expectations of Great Expectations, each with the reason why a contract has none, and what to write."""
_COMPARES = frozenset({
    "expect_column_pair_values_a_to_be_greater_than_b", "expect_column_pair_values_to_be_equal",
    "expect_multicolumn_values_to_be_equal", "expect_select_column_values_to_be_unique_within_record",
})  # fmt: skip
"""Expectations that compare the values of their columns with each other."""
_CONDITION = ("row_condition", "condition_parser")


def checked_expectation(where: str, given: object, columns: Mapping[str, Column]) -> Mapping[str, Any]:
    """An expectation of a contract's file in the form in which it is evaluated: `type` and `kwargs`.

    Args:
        where: File and place, for messages.

    Raises:
        ContractError: A key is not understood; the message names the file, the expectation and what to write.
    """
    if not isinstance(given, Mapping) or set(given) - {"type", "kwargs", "meta"} or "type" not in given:
        shown = sorted(map(str, given)) if isinstance(given, Mapping) else repr(given)
        raise ContractError(f"{where} has keys {shown}; write type and kwargs")
    kind, kwargs = given["type"], given.get("kwargs") or {}
    form = _form(where, kind)
    where = f"{where} ({kind})"
    if not isinstance(kwargs, Mapping):
        raise ContractError(f"{where}: kwargs is {kwargs!r}; write NAME: VALUE for each argument")
    known = (*form.subject, *form.arguments, *_CONDITION, *(() if form.scope == "day" else ("mostly",)))
    unknown = [str(name) for name in kwargs if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        remedy = f"write {near[0]}" if near else f"it takes {', '.join(known)}"
        raise ContractError(f"{where} has no argument {unknown[0]!r}; {remedy}")
    missing = [name for name in (*form.subject, *form.needed) if kwargs.get(name) is None]
    if missing or (form.least and all(kwargs.get(name) is None for name in form.least)):
        raise ContractError(f"{where} says nothing without {' and '.join(missing) or ' or '.join(form.least)}; add it")
    subject = _subject(where, form, kwargs, columns)
    compared = {"number" if column.type == "integer" else column.type for column in subject}
    if kind in _COMPARES and len(compared) > 1:
        shown = ", ".join(f"{column.name} is a {column.type}" for column in subject)
        raise ContractError(f"{where} compares columns of different types: {shown}; name columns of one type")
    read = {name: kwargs[name] for name in form.subject}
    for name, check in form.arguments.items():
        if kwargs.get(name) is not None:
            read[name] = _argument(where, name, check, kwargs[name], subject)
    low, high = read.get("min_value"), read.get("max_value")
    if low is not None and high is not None and not low <= high:
        raise ContractError(f"{where}: min_value {low} is above max_value {high}; no row could keep it: exchange them")
    return {"type": kind, "kwargs": {**read, **_mostly(where, kwargs), **_condition(where, kwargs, columns)}}


def holds_for_every_row(expectation: Mapping[str, Any]) -> bool:
    """Whether no valid row can break it: it has no condition, and allows no share of rows to break it."""
    kwargs = expectation.get("kwargs", {})
    return not kwargs.get("row_condition") and kwargs.get("mostly", 1) == 1


def scope_of(expectation: Mapping[str, Any]) -> Scope:
    """What the expectation judges; with `mostly`, a row is judged among the rows of its day."""
    scope = FORMS[expectation["type"]].scope
    return "rows of a day" if scope == "row" and expectation["kwargs"].get("mostly", 1) < 1 else scope


def columns_of(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation reads: those that it judges first, then those of its condition."""
    kwargs = expectation["kwargs"]
    named = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    condition = kwargs.get("row_condition")
    others = () if condition is None else names_in_condition(condition)
    return tuple(dict.fromkeys([*named, *kwargs.get("column_list", ()), *others]))


def _form(where: str, kind: object) -> Form:
    if isinstance(kind, str) and kind in FORMS:
        return FORMS[kind]
    if isinstance(kind, str) and kind in UNABLE:
        raise ContractError(f"{where}: a contract cannot have {kind}: {UNABLE[kind]}")
    near = difflib.get_close_matches(str(kind), FORMS, 1)
    remedy = f"did you mean {near[0]}?" if near else f"write one of {', '.join(FORMS)}"
    raise ContractError(f"{where}: there is no expectation {kind!r}; {remedy}")


def _subject(where: str, form: Form, kwargs: Mapping[str, Any], columns: Mapping[str, Column]) -> tuple[Column, ...]:
    """The columns that the expectation judges."""
    names: list[object] = []
    for argument in form.subject:
        given = kwargs[argument]
        if argument == "column_list":
            if not isinstance(given, list) or len(given) < 2 or len(set(map(str, given))) < len(given):
                raise ContractError(f"{where}: column_list is {given!r}; write a list of different columns: [a, b]")
            names.extend(given)
        else:
            names.append(given)
    for name in names:
        if not isinstance(name, str) or name not in columns:
            near = difflib.get_close_matches(str(name), columns, 1)
            remedy = f"did you mean {near[0]}?" if near else f"it has {', '.join(columns)}"
            raise ContractError(f"{where}: the contract has no column {name!r}; {remedy}")
        if columns[name].type not in form.types:
            raise ContractError(
                f"{where}: column {name} is a {columns[name].type}, and the expectation judges "
                f"{', '.join(form.types)}; change the column's type or remove the expectation"
            )
    return tuple(columns[str(name)] for name in names)


def _argument(where: str, name: str, check: Check, given: object, subject: Sequence[Column]) -> object:
    try:
        return check(given, subject)
    except ValueError as error:
        raise ContractError(f"{where}: {name} is {given!r}; {error}") from error


def _mostly(where: str, kwargs: Mapping[str, Any]) -> dict[str, float]:
    if kwargs.get("mostly") is None:
        return {}
    try:
        return {"mostly": limit(kwargs["mostly"], 0, 1)}
    except ValueError as error:
        raise ContractError(f"{where}: mostly is {kwargs['mostly']!r}; {error}") from error


def _condition(where: str, kwargs: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, str]:
    condition, parser = kwargs.get("row_condition"), kwargs.get("condition_parser", "pandas")
    if condition is None:
        if "condition_parser" in kwargs:
            raise ContractError(f"{where} has a condition_parser without a row_condition; add it, or remove the parser")
        return {}
    if parser != "pandas":
        raise ContractError(f"{where}: condition_parser is {parser!r}; write pandas")
    try:
        names = names_in_condition(condition, columns)
    except ValueError as error:
        raise ContractError(f"{where}: row_condition is {condition!r}; {error}") from error
    if not names:
        raise ContractError(f"{where}: row_condition {condition!r} names no column; write COLUMN == VALUE")
    return {"row_condition": re.sub(r"\s+", " ", condition).strip(), "condition_parser": "pandas"}
