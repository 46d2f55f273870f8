"""A wrong contract file is refused with the name of the part and what to write instead."""

from pathlib import Path

import pytest

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import ContractError, load_contract
from assets.product.contract import RESERVED
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
