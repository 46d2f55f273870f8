"""Great Expectations, asked which rows and which days fail the expectations of a contract.

Belongs here: setting up Great Expectations, the form of the rows that it judges, and reading its results. Does not
belong here: which expectations a contract may have (`assets.product.contracts`), the order of the rules and the
quarantine (`assets.validation.audit`).

Rows that certainly keep an expectation are not given to it (`screening.py`): it judges those that may fail.
Rows are judged all at once where each is judged by itself, and day by day where a rule reads several rows: so a day has
the same verdict alone and within a range.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from assets.product.contracts.expectations import columns_of, scope_of
from assets.validation.rules.screening import doubtful
from resources.errors import LooplineError
from resources.lake.partitioning import slot_column

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
"""One type for a column with and without missing values: else a missing value of another day would round long numbers.
"""
_COUNTS_ROWS = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")
_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
_NUMBER = "number"


class ContractCannotRun(LooplineError):
    """An expectation of the contract cannot be evaluated; the message names it."""


@dataclass(frozen=True)
class RowsFailed:
    """The rows, by position, that fail one expectation."""

    rule: str
    column: str
    rows: np.ndarray


@dataclass(frozen=True)
class DayFailed:
    """An expectation on a whole day that the day fails, with the figure that was observed."""

    rule: str
    column: str
    observed: str


class Judge:
    """The expectations of one contract, ready to judge tables."""

    def __init__(self, source: str, expectations: Sequence[Mapping[str, Any]]) -> None:
        self._source = source
        self._by_row = [rule for rule in expectations if scope_of(rule) == "row"]
        self._unique = [rule for rule in expectations if _is_plain_unique(rule)]
        self._by_day = [rule for rule in expectations if rule not in self._by_row and rule not in self._unique]
        self._rows: Any = None

    @property
    def needs_days(self) -> bool:
        """Whether an expectation has to be judged day by day."""
        return bool(self._by_day)

    @property
    def day_columns(self) -> tuple[str, ...]:
        """The columns of the expectations that have to be judged day by day."""
        return tuple(dict.fromkeys(name for rule in self._by_day for name in columns_of(rule)))

    @property
    def unique(self) -> tuple[Mapping[str, Any], ...]:
        """The expectations that rows are unique within a day."""
        return tuple(self._unique)

    def rows(self, table: pa.Table) -> list[RowsFailed]:
        """The rows that fail an expectation which judges each row by itself, or is unique within a day.

        Args:
            table: The columns of the expectations, and the partition columns where one of them is unique within a day.

        Raises:
            ContractCannotRun: An expectation cannot be evaluated.
        """
        return self.each(table) + [self.repeated(table, rule) for rule in self._unique]

    def each(self, table: pa.Table) -> list[RowsFailed]:
        """For each expectation that judges each row by itself, the rows that fail it; raises ContractCannotRun."""
        found: dict[int, RowsFailed] = {}
        marks = {n: doubtful(table, rule) for n, rule in enumerate(self._by_row)}
        screened = [mark for mark in marks.values() if mark is not None]
        some = np.flatnonzero(np.logical_or.reduce(screened)) if screened else np.zeros(0, np.int64)
        for rows, chosen in (
            (None, [n for n, mark in marks.items() if mark is None]),
            (some, [n for n, mark in marks.items() if mark is not None]),
        ):
            judged = table if rows is None else table.take(rows)
            rules = [self._by_row[n] for n in chosen]
            results = self._results(judged, rules) if judged.num_rows else [None] * len(rules)
            for n, rule, result in zip(chosen, rules, results, strict=True):
                failed = np.zeros(0, np.int64) if result is None else _rows_failed(self._source, rule, result).rows
                found[n] = RowsFailed(rule["type"], _subject(rule), failed if rows is None else rows[failed])
        return [found[n] for n in range(len(self._by_row))]

    def repeated(self, table: pa.Table, rule: Mapping[str, Any]) -> RowsFailed:
        """The rows that are not unique within their day: unique together with the day, in one pass over all days."""
        names, kept = compared(table, rule)
        condition = {k: v for k, v in rule["kwargs"].items() if k in ("row_condition", "condition_parser")}
        with_day = {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": [*names, slot_column(table.column_names)], "ignore_row_if": "never", **condition},
        }
        (result,) = self._results(table.take(kept), [with_day]) if len(kept) else (None,)
        found = np.zeros(0, np.int64) if result is None else _rows_failed(self._source, with_day, result).rows
        return RowsFailed(rule["type"], ",".join(names), kept[found])

    def day(self, table: pa.Table) -> tuple[list[RowsFailed], list[DayFailed]]:
        """The rows of one day, and the expectations on the day, that fail an expectation which needs the day.

        A day without rows is held only to the expectations that count rows.

        Raises:
            ContractCannotRun: An expectation cannot be evaluated.
        """
        rules = [rule for rule in self._by_day if table.num_rows or rule["type"] in _COUNTS_ROWS]
        rows: list[RowsFailed] = []
        days: list[DayFailed] = []
        for rule, result in zip(rules, self._results(table, rules), strict=True):
            if result.success:
                continue
            if scope_of(rule) == "day":
                days.append(_day_failed(self._source, rule, result))
            else:
                rows.append(_rows_failed(self._source, rule, result))
        return rows, days

    def _results(self, table: pa.Table, rules: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The result of each expectation, in their order."""
        found: dict[int, Any] = {}
        for compares in (False, True):
            chosen = {n: rule for n, rule in enumerate(rules) if _compares_columns(rule) is compares}
            if chosen:
                frame = _plain(table) if compares else nullable(table)
                found.update(self._validated(frame, chosen))
        return [found[number] for number in range(len(rules))]

    def _validated(self, frame: pd.DataFrame, rules: Mapping[int, Mapping[str, Any]]) -> dict[int, Any]:
        """The result of each expectation, by its number."""
        if self._rows is None:
            asset = _context().data_sources.add_pandas("rows").add_dataframe_asset(self._source)
            self._rows = asset.add_batch_definition_whole_dataframe("all")
        gx = great_expectations()
        # The number keeps two equal expectations apart, of which a suite would drop one.
        numbered = [{"type": r["type"], "kwargs": dict(r["kwargs"]), "meta": {_NUMBER: n}} for n, r in rules.items()]
        suite = gx.ExpectationSuite(name=self._source, expectations=numbered)
        results = self._rows.get_batch({"dataframe": frame}).validate(suite, result_format="COMPLETE").results
        return {result.expectation_config.meta[_NUMBER]: result for result in results}


def compared(table: pa.Table, rule: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """The columns that an expectation of uniqueness compares, and the rows that have values to be compared."""
    names = list(rule["kwargs"].get("column_list") or [rule["kwargs"]["column"]])
    ignored = rule["kwargs"].get("ignore_row_if", "all_values_are_missing")
    missing = np.stack([np.asarray(table[name].is_null().to_numpy()) for name in names])
    some = {"never": np.zeros(table.num_rows, bool), "any_value_is_missing": missing.any(axis=0)}
    return names, np.flatnonzero(~some.get(ignored, missing.all(axis=0)))


def _is_plain_unique(rule: Mapping[str, Any]) -> bool:
    return rule["type"] in _UNIQUE and rule["kwargs"].get("mostly", 1) == 1


def _compares_columns(rule: Mapping[str, Any]) -> bool:
    return any(name in rule["kwargs"] for name in ("column_A", "column_list"))


def nullable(table: pa.Table) -> pd.DataFrame:
    """The rows in pandas's own types with missing values: one type for a column with and without them."""
    return table.to_pandas(types_mapper=_NULLABLE.get)


def _plain(table: pa.Table) -> pd.DataFrame:
    """Rows for expectations that compare columns, which cannot compare pandas's own missing values."""
    frame = table.to_pandas(integer_object_nulls=True)
    for name in frame.columns:
        kind = table.schema.field(name).type
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), np.nan)
    return frame


def _rows_failed(source: str, rule: Mapping[str, Any], result: Any) -> RowsFailed:
    if not result.success and "unexpected_index_list" not in result.result:
        raise _cannot(source, rule)
    return RowsFailed(
        rule["type"], _subject(rule), np.asarray(result.result.get("unexpected_index_list") or [], np.int64)
    )


def _subject(rule: Mapping[str, Any]) -> str:
    kwargs = rule["kwargs"]
    return str(kwargs.get("column") or kwargs.get("column_A") or ",".join(kwargs["column_list"]))


def _day_failed(source: str, rule: Mapping[str, Any], result: Any) -> DayFailed:
    if result.exception_info.get("raised_exception") is not False:
        raise _cannot(source, rule)
    return DayFailed(rule["type"], rule["kwargs"].get("column", ""), str(result.result.get("observed_value", "")))


def _cannot(source: str, rule: Mapping[str, Any]) -> ContractCannotRun:
    """The error of an expectation that raised; it names no value, which could be personal."""
    return ContractCannotRun(
        f"contract {source}: {rule['type']} on {', '.join(columns_of(rule)) or 'the rows'} cannot be evaluated; "
        "correct its arguments, or remove it from the contract"
    )


def great_expectations() -> Any:
    """The library, imported where a contract runs: it takes half a second."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at the first import; no usage data leave the machine
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        # The import below imports PySpark, which takes a process without `__file__` (a run's worker) for its doctests
        # and ends it.
        main.__file__ = __file__
    import great_expectations as gx

    return gx


def _context() -> Any:
    gx = great_expectations()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # Without these defaults each context would leave a folder of documentation pages behind.
    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=settings)
