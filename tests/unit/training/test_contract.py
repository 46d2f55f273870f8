"""Which of a product's contracts travels with a bundle."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from assets.bundle.contract import ColumnRule
from assets.product import Product
from assets.training.contract import contract_of
from pipelines.products import load_product


@pytest.fixture(scope="module")
def credit() -> Product:
    return load_product("credit_risk")


def test_ranges_sets_and_nullability_travel(credit: Product) -> None:
    columns = contract_of(credit).request.columns
    assert columns["amount"] == ColumnRule("number", low=100, high=200_000)
    assert columns["dependents"] == ColumnRule("integer", low=0, high=20)
    assert columns["employment_years"] == ColumnRule("number", required=False)
    assert columns["housing"] == ColumnRule("string", members=("own", "mortgage", "rent"))


def test_personal_columns_are_known_as_dropped_or_tokenised(credit: Product) -> None:
    """The lake replaces or drops their values, so the contract's rules are not those of what decisions see."""
    columns = contract_of(credit).request.columns
    assert columns["name"] is None
    assert columns["email"] == columns["national_id"] == ColumnRule("string", tokenised=True)


def test_every_source_travels(credit: Product) -> None:
    assert set(contract_of(credit).sources) == {source.name for source in credit.sources}


def test_each_kind_of_expectation_narrows_the_rule(credit: Product, tmp_path: Path) -> None:
    expectations = [
        ("between", {"column": "amount", "min_value": 10, "strict_min": True}),
        ("between", {"column": "amount", "min_value": 5, "max_value": 50}),
        ("between", {"column": "amount", "max_value": 40, "row_condition": "purpose == 'car'"}),
        ("between", {"column": "amount", "max_value": 30, "mostly": 0.9}),
        ("in_set", {"column": "event_time", "value_set": ["2026-01-01"]}),
        ("in_set", {"column": "purpose", "value_set": ["car", "home", "boat"]}),
        ("in_set", {"column": "purpose", "value_set": ["home", "car"]}),
        ("not_be_in_set", {"column": "channel", "value_set": ["fax"]}),
        ("match_regex", {"column": "customer_id", "regex": "^C"}),
        ("not_match_regex", {"column": "customer_id", "regex": "-"}),
        ("not_be_null", {"column": "employment_years"}),
        ("lengths", {"column": "customer_id", "min_value": 2, "max_value": 9}),
        ("equal", {"column": "housing", "value": 3}),
    ]
    names = {
        "between": "expect_column_values_to_be_between",
        "in_set": "expect_column_values_to_be_in_set",
        "not_be_in_set": "expect_column_values_to_not_be_in_set",
        "match_regex": "expect_column_values_to_match_regex",
        "not_match_regex": "expect_column_values_to_not_match_regex",
        "not_be_null": "expect_column_values_to_not_be_null",
        "lengths": "expect_column_value_lengths_to_be_between",
        "equal": "expect_column_value_lengths_to_equal",
    }
    for file in credit.contracts.iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    content = yaml.safe_load((tmp_path / "applications.yaml").read_text())
    content["expectations"] = [{"type": names[kind], "kwargs": kwargs} for kind, kwargs in expectations]
    (tmp_path / "applications.yaml").write_text(yaml.safe_dump(content))
    columns = contract_of(replace(credit, contracts=tmp_path)).request.columns
    assert columns["amount"] == ColumnRule("number", low=10, low_open=True, high=50)
    assert columns["event_time"] == ColumnRule("timestamp")
    assert columns["purpose"] == ColumnRule("string", members=("car", "home"))
    assert columns["channel"] == ColumnRule("string", excluded=("fax",))
    assert columns["customer_id"] == ColumnRule(
        "string", patterns=("^C",), excluded_patterns=("-",), shortest=2, longest=9
    )
    assert columns["employment_years"] == ColumnRule("number")
    assert columns["housing"] == ColumnRule("string", shortest=3, longest=3)
