"""A wrong contract file is refused with the name of the part and what to write instead."""

from datetime import date
from pathlib import Path

import pytest

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import ContractError, load_contract
from assets.product.contracts.contract import RESERVED
from assets.streaming.events import _MESSAGE
from pipelines.products import load_product


def test_corrections_need_a_key_of_one_column(tmp_path: Path) -> None:
    """Features name a fact by one column."""
    file = tmp_path / "transactions.yaml"
    text = (load_product("credit_risk").contracts / file.name).read_text()
    file.write_text("corrections: true\n" + text)
    assert load_contract(file).corrections
    file.write_text(file.read_text().replace("key: [transaction_id]", "key: [transaction_id, account_id]"))
    with pytest.raises(ContractError, match="cannot be corrected; write a key of one column"):
        load_contract(file)
    file.write_text(file.read_text().replace("corrections: true", "corrections: 'yes'"))
    with pytest.raises(ContractError, match="write true or false"):
        load_contract(file)


@pytest.mark.parametrize("column", RESERVED)
def test_a_contract_has_no_column_that_the_lakes_tables_add(column: str, tmp_path: Path) -> None:
    """The added column would replace the source's."""
    file = _contract_with(column, tmp_path)
    with pytest.raises(ContractError, match=f"column '{column}': the lake's tables add a column of that name; rename"):
        load_contract(file)


def test_all_added_columns_are_reserved() -> None:
    """Those that ingestion and the stream add to the contract's columns."""
    assert {MALFORMED, ROW_NUMBER, _MESSAGE} < set(RESERVED)


@pytest.mark.parametrize("name", ["event_time", "known_at"])
def test_a_time_is_not_named_as_another_column(name: str, tmp_path: Path) -> None:
    """A validated table names its two times so, and would have two columns of one name."""
    file = _contract_with("other_time", tmp_path)
    file.write_text(file.read_text().replace(f"{name}: {name}", f"{name}: other_time"))
    with pytest.raises(
        ContractError, match=f"{name} is read from 'other_time', but .* another column '{name}'; rename that one"
    ):
        load_contract(file)


@pytest.mark.parametrize("name", ["event_time", "known_at"])
def test_the_times_of_a_row_are_required(name: str, tmp_path: Path) -> None:
    file = tmp_path / "card_transactions.yaml"
    text = (load_product("card_fraud").contracts / file.name).read_text()
    file.write_text(text.replace(f"  {name}: {{", f"  {name}: {{required: false, "))
    with pytest.raises(ContractError, match=f"'{name}' is one of the two times of a row; remove required: false"):
        load_contract(file)


def _contract_with(column: str, folder: Path) -> Path:
    """A contract file with one more column."""
    file = folder / "card_transactions.yaml"
    text = (load_product("card_fraud").contracts / file.name).read_text()
    file.write_text(text.replace("columns:\n", f"columns:\n  {column}: {{type: timestamp, description: one more}}\n"))
    assert column in file.read_text()
    return file


@pytest.mark.parametrize(
    ("given", "written", "message"),
    [
        (
            "  amount: {",
            "  customer_id: {type: integer, description: a second one}\n  amount: {",
            "line .*already given",
        ),
        ("owner: ", "owner: a\nowner: ", "'owner' is already given in line 3; give it once"),
        (
            "{column: amount, min_value: 0.01",
            "{column: amount, min_value: 0.01, column: direction",
            "'column' is already",
        ),
        ("max_value: 10000000", "max_value: 1e7", "1e7 is read as a text; write a number with a point"),
        ("max_value: 10000000", "max_value: '10000000'", "max_value is '10000000'; column amount is a number"),
        ("[credit, debit]", "[credit, NO]", "column direction is a string: write False in quotes"),
        ("[credit, debit]", "credit", "value_set is 'credit'; write a list"),
        (
            "resolution: 0.01}\n  direction",
            "resolution: '0.01'}\n  direction",
            "amount: resolution is '0.01'; write a n",
        ),
        (
            "resolution: 0.01}\n  direction",
            "resolution: 0}\n  direction",
            "column amount: resolution is 0; write a positive step",
        ),
        ("unit: EUR, resolution: 0.01}\n  dir", "unit: 1}\n  dir", "column amount: unit is 1; write a text"),
        (
            "description: its owner",
            "description: its owner, required: 'false'",
            "required is 'false'; write true or false",
        ),
        ("description: its owner", "description: 17", "column customer_id: description is 17; write a text"),
        ("description: its owner", "description: its owner, requierd: no", "has requierd, which no contract has"),
        ("max_quarantined: 0.05", "max_quarantined: '0.05'", "max_quarantined is '0.05'; write a share"),
        ("key: [transaction_id]", "key: [transaction_id, transaction_id]", "names a column twice; name it once"),
        ("key: [transaction_id]", "key: [17]", "'17' is used as key or time but is not one of its columns"),
        ("purpose: credit_decision", "purpose: yes", "consent: purpose is True; write a text in quotes"),
        ("columns:\n", "columns:\n\tid: {type: string}\n", "line 10: a tab; indent with spaces"),
    ],
)
def test_what_yaml_would_pass_silently_is_refused(given: str, written: str, message: str, tmp_path: Path) -> None:
    """A second key would win, a number in quotes or with a bare exponent would be a text, and NO would be false."""
    file = tmp_path / "transactions.yaml"
    text = (load_product("credit_risk").contracts / file.name).read_text()
    assert given in text
    file.write_text(text.replace(given, written, 1))
    with pytest.raises(ContractError, match=message) as refused:
        load_contract(file)
    assert str(file) in str(refused.value)


def test_a_new_column_has_a_first_day_and_a_contract_may_refuse_others(tmp_path: Path) -> None:
    file = _contract_with("colour", tmp_path)
    assert load_contract(file).new_columns == "leave_out"
    text = "new_columns: refuse\n" + file.read_text().replace("  colour: {", "  colour: {since: 2026-03-01, ")
    file.write_text(text)
    found = load_contract(file)
    assert found.new_columns == "refuse"
    assert found.column("colour").since == date(2026, 3, 1)
    assert not found.column("colour").expected_on(date(2026, 2, 28))
    assert found.column("colour").expected_on(date(2026, 3, 1))
    for old, new, said in (
        ("new_columns: refuse", "new_columns: drop", "new_columns is 'drop'; one of .*leave_out.*refuse"),
        ("since: 2026-03-01", "since: march", "since is 'march'; write an ISO-8601 date"),
        ("  event_time: {", "  event_time: {since: 2026-03-01, ", "event_time has since, but every row has its key"),
    ):
        file.write_text(text.replace(old, new))
        with pytest.raises(ContractError, match=said):
            load_contract(file)
