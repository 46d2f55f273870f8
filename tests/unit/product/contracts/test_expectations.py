"""Every key of an expectation is understood or refused, in one sentence that names file, expectation and remedy."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.product import ContractError, load_contract
from assets.product.contracts.expectations import FORMS, UNABLE

COLUMNS = {
    "id": {"type": "string", "description": "id"},
    "amount": {"type": "number", "description": "amount"},
    "count": {"type": "integer", "description": "count"},
    "ok": {"type": "boolean", "description": "flag"},
    "kind": {"type": "string", "description": "kind"},
    "event_time": {"type": "timestamp", "description": "time"},
    "known_at": {"type": "timestamp", "description": "time"},
}
BETWEEN, IN_SET = "expect_column_values_to_be_between", "expect_column_values_to_be_in_set"


def written(folder: Path, **changes: Any) -> Path:
    """A contract file; `changes` replace its parts."""
    parts = {
        "source": "sales", "description": "Sales.", "owner": "sales@bank.example", "key": ["id"],
        "event_time": "event_time", "known_at": "known_at", "max_quarantined": 0.1, "columns": COLUMNS,
    }  # fmt: skip
    file = folder / "sales.yaml"
    file.write_text(yaml.safe_dump({**parts, **changes}, sort_keys=False))
    return file


def with_expectation(folder: Path, kind: str, kwargs: Any) -> Path:
    return written(folder, expectations=[{"type": kind, "kwargs": kwargs}])


def test_the_table_knows_every_expectation_of_great_expectations_and_its_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No name and no argument is in the table alone."""
    # Without this, PySpark ends a worker of the tests when Great Expectations imports it.
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)
    import great_expectations as gx
    from great_expectations.expectations.expectation import ColumnMapExpectation
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    registered = set(list_registered_expectation_implementations())
    assert registered == set(FORMS) | set(UNABLE), f"great_expectations {gx.__version__} has other expectations"
    for kind, form in FORMS.items():
        implementation = get_expectation_impl(kind)
        fields = implementation.model_fields if hasattr(implementation, "model_fields") else implementation.__fields__
        assert {*form.subject, *form.arguments} <= set(fields), kind
        assert (form.scope == "day") is ("mostly" not in fields), kind
        assert issubclass(implementation, ColumnMapExpectation) is (form.subject == ("column",) and form.scope != "day")


@pytest.mark.parametrize(
    ("kind", "kwargs", "said"),
    [
        ("expect_column_values_to_be_betwen", {"column": "amount", "min_value": 0}, f"did you mean {BETWEEN}"),
        ("expect_nothing", {}, "there is no expectation 'expect_nothing'; write one of"),
        ("expect_column_to_exist", {"column": "amount"}, "the part columns says it; remove"),
        ("expect_column_values_to_match_like_pattern", {"column": "kind"}, "write the pattern as a regex"),
        (BETWEEN, {"column": "amount", "minimum": 0}, "no argument 'minimum'"),
        (BETWEEN, {"column": "amount", "min_valu": 0}, "no argument 'min_valu'; write min_value"),
        (BETWEEN, {"column": "amont", "min_value": 0}, "no column 'amont'; did you mean amount"),
        (BETWEEN, {"column": "amount"}, "says nothing without min_value or max_value"),
        (BETWEEN, {"min_value": 0}, "says nothing without column"),
        (BETWEEN, {"column": "kind", "min_value": 0}, "column kind is a string"),
        (BETWEEN, {"column": "amount", "min_value": "0"}, "min_value is '0'; column amount is a number: write a numb"),
        (BETWEEN, {"column": "amount", "min_value": 5, "max_value": 1}, "min_value 5 is above max_value 1"),
        (BETWEEN, {"column": "count", "min_value": 0.5}, "write a whole number"),
        (BETWEEN, {"column": "amount", "min_value": float("nan")}, "write a number"),
        (BETWEEN, {"column": "event_time", "min_value": "last year"}, "write an ISO-8601 date"),
        (BETWEEN, {"column": "amount", "min_value": 0, "strict_min": "yes"}, "write true or false"),
        (BETWEEN, {"column": "amount", "min_value": 0, "mostly": 1.5}, "mostly is 1.5; write a number from 0 to 1"),
        (BETWEEN, {"column": "amount", "min_value": 0, "row_condition": "knd == 'a'"}, "no column 'knd'"),
        (BETWEEN, {"column": "amount", "min_value": 0, "row_condition": "kind == 1"}, "write 1 in quotes"),
        (BETWEEN, {"column": "amount", "min_value": 0, "row_condition": "kind = 'a'"}, "it is no comparison"),
        (BETWEEN, {"column": "amount", "min_value": 0, "row_condition": "kind.isnull()"}, "write comparisons"),
        (
            BETWEEN,
            {"column": "amount", "min_value": 0, "row_condition": "ok == True", "condition_parser": "spark"},
            "condition_parser is 'spark'; write pandas",
        ),
        (BETWEEN, {"column": "amount", "min_value": 0, "condition_parser": "pandas"}, "without a row_condition"),
        (IN_SET, {"column": "kind", "value_set": [True, "b"]}, "column kind is a string: write True in quotes"),
        (IN_SET, {"column": "kind", "value_set": []}, "write a list of values"),
        (IN_SET, {"column": "kind", "value_set": "ab"}, "write a list of values"),
        (IN_SET, {"column": "ok", "value_set": [1]}, "write true or false instead of 1"),
        ("expect_column_values_to_match_regex", {"column": "kind", "regex": "("}, "no regular expression"),
        ("expect_column_values_to_match_regex", {"column": "count", "regex": "1"}, "column count is a integer"),
        ("expect_compound_columns_to_be_unique", {"column_list": "id"}, "write a list of different columns"),
        ("expect_compound_columns_to_be_unique", {"column_list": ["id", "knd"]}, "no column 'knd'"),
        ("expect_table_row_count_to_be_between", {"min_value": -1}, "write a whole number from 0"),
        ("expect_table_row_count_to_be_between", {"min_value": 1, "mostly": 0.5}, "no argument 'mostly'"),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "known_at", "column_B": "amount"},
            "compares columns of different types: known_at is a timestamp, amount is a number",
        ),
        (BETWEEN, ["amount"], "write NAME: VALUE for each argument"),
    ],
)
def test_a_key_that_is_not_understood_is_refused(kind: str, kwargs: Any, said: str, tmp_path: Path) -> None:
    file = with_expectation(tmp_path, kind, kwargs)
    with pytest.raises(ContractError) as refused:
        load_contract(file)
    sentence = str(refused.value)
    assert said in sentence
    assert f"{file}: expectation 1" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colums": {}}, "has colums, which no contract has (did you mean columns?)"),
        ({"owner": "Sales"}, "owner is 'Sales'; write an e-mail address"),
        ({"key": ["id", "id"]}, "names a column twice"),
        ({"known_at": "event_time"}, "event_time and known_at are both 'event_time'"),
        ({"event_time": "id"}, "'id' is one of the two times of a row; write type: timestamp"),
        ({"columns": {**COLUMNS, "kind": {"type": "string", "description": "k", "require": False}}}, "require"),
        ({"columns": {**COLUMNS, "kind": {"type": "string", "description": "k", "required": "no"}}}, "true or false"),
        ({"columns": {**COLUMNS, "kind": {"type": "string", "description": "k", "resolution": 1}}}, "only numbers"),
        ({"columns": {**COLUMNS, "amount": {"type": "number", "description": "k", "resolution": 0}}}, "positive step"),
        (
            {"columns": {**COLUMNS, "kind": {"type": "string", "description": "k", "earliest": "2020-01-01"}}},
            "bound of",
        ),
        ({"columns": {**COLUMNS, "known_at": {"type": "timestamp", "description": "k", "latest": "soon"}}}, "ISO-8601"),
        ({"consent": {"source": "c", "subject": ["id"], "purpose": "p"}}, "consent: subject is ['id']; write a text"),
        ({"volume": {}}, "volume says nothing without min_rows"),
        ({"volume": {"min_rows": 9, "max_rows": 1}}, "min_rows 9 is above max_rows 1"),
        ({"volume": {"minimum": 9}}, "volume has minimum, which no contract has"),
        ({"volume": {"max_change": "half"}}, "volume: max_change is 'half'; write a number"),
        ({"freshness": {"max_age_hours": -1}}, "max_age_hours is -1; write a number from 0"),
        ({"references": {"column": "id"}}, "write a list of references"),
        ({"references": [{"column": "x", "source": "s", "to": "t"}]}, "no column 'x'"),
        ({"distribution": {"columns": ["event_time"], "max_psi": 0.2}}, "compare another column"),
        ({"distribution": {"columns": ["amount"], "max_psi": 0.2, "weeks": 0}}, "weeks is 0"),
        ({"purpose": 7}, "purpose is 7; write a text"),
        ({"columns": {**COLUMNS, "kind": {"type": "string", "description": "k", "pii": "secret"}}}, "pii 'secret'"),
        ({"expectations": ["expect"]}, "expectation 1 has keys 'expect'; write type and kwargs"),
    ],
)
def test_every_other_part_is_understood_or_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = written(tmp_path, **changes)
    with pytest.raises(ContractError) as refused:
        load_contract(file)
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)


def test_a_part_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    """The first one would be ignored."""
    file = written(tmp_path)
    file.write_text(file.read_text() + "max_quarantined: 0.9\n")
    with pytest.raises(ContractError, match=r"line \d+: 'max_quarantined' is already given in line \d+; give it once"):
        load_contract(file)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        (BETWEEN, {"column": "event_time", "min_value": "2020-01-31"}),
        (
            BETWEEN,
            {
                "column": "amount",
                "min_value": 0,
                "mostly": 0.9,
                "row_condition": "kind in ['a', 'b'] and not ok == True",
            },
        ),
        (IN_SET, {"column": "count", "value_set": [1, 2.0]}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["id", "kind"]}),
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ],
)
def test_what_great_expectations_can_judge_is_taken(kind: str, kwargs: dict[str, Any], tmp_path: Path) -> None:
    (expectation,) = load_contract(with_expectation(tmp_path, kind, kwargs)).expectations
    assert expectation["type"] == kind
