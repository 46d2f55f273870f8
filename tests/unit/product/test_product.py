"""A product's description: where contracts and features must say the same."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import ContractError, DailyFiles, Product, ProductError, load_contract
from assets.product.contract import TAKEN
from assets.streaming.events import _MESSAGE
from pipelines.products import load_product


def _with_corrections(product: Product, source: str, folder: Path) -> Product:
    """The product, with corrections declared in the contract of a source."""
    contracts = Path(shutil.copytree(product.contracts, folder / "contracts"))
    file = contracts / f"{source}.yaml"
    file.write_text("corrections: true\n" + file.read_text())
    return replace(product, contracts=contracts)


def _with_record_key(product: Product, source: str, key: str | None) -> Product:
    """The product with a record key in all features over a source."""
    history = [replace(f, record_key=key) if f.source == source else f for f in product.features.history]
    return replace(product, features=replace(product.features, history=history))


def test_contract_and_features_agree_on_corrections(tmp_path: Path) -> None:
    """Corrections of one side alone would count a record twice, or be quarantined as repeated keys."""
    plain = load_product("credit_risk")
    plain.check_corrections()
    corrected = _with_corrections(plain, "transactions", tmp_path)
    with pytest.raises(
        ProductError, match=r"with record_key=None, .*; write Events\(\.\.\., record_key='transaction_id'\)"
    ):
        corrected.check_corrections()
    with pytest.raises(ProductError, match="has no corrections; write corrections: true in .*transactions.yaml"):
        _with_record_key(plain, "transactions", "transaction_id").check_corrections()
    with pytest.raises(ProductError, match="with record_key='counterparty', but its contract has corrections"):
        _with_record_key(corrected, "transactions", "counterparty").check_corrections()
    _with_record_key(corrected, "transactions", "transaction_id").check_corrections()


@pytest.mark.parametrize(("source", "role"), [("card_transactions", "spine"), ("fraud_labels", "label")])
def test_spine_and_label_are_not_corrected(source: str, role: str, tmp_path: Path) -> None:
    """A row is decided once, and its label is final once."""
    with pytest.raises(ProductError, match=f"the {role}'s source '{source}' has corrections"):
        _with_corrections(load_product("card_fraud"), source, tmp_path).check_corrections()


def test_corrections_need_a_key_of_one_column(tmp_path: Path) -> None:
    """Features identify a record by one column."""
    product = _with_corrections(load_product("credit_risk"), "transactions", tmp_path)
    file = product.contracts / "transactions.yaml"
    assert load_contract(file).corrections
    file.write_text(file.read_text().replace("key: [transaction_id]", "key: [transaction_id, account_id]"))
    with pytest.raises(ContractError, match="cannot be corrected; write a key of one column"):
        load_contract(file)
    file.write_text(file.read_text().replace("corrections: true", "corrections: 'yes'"))
    with pytest.raises(ContractError, match="write true or false"):
        load_contract(file)


def test_a_contract_knows_the_keys_by_which_the_store_keeps_its_rows() -> None:
    """What the validation of days and of messages asks of them is what the product's features read."""
    assert load_product("credit_risk").contract("repayments").entity_keys == ("customer_id",)
    assert load_product("credit_risk").contract("consents").entity_keys == ()


@pytest.mark.parametrize("column", ["sequence", "as_of", "day"])
def test_a_spine_column_with_the_name_of_another_is_refused(column: str) -> None:
    """The feature table would deliver its own column of that name in its place."""
    product = load_product("card_fraud")
    for spine in (replace(product.spine, carried=(column,)), replace(product.spine, row_id=column)):
        with pytest.raises(ProductError, match=f"column '{column}'; the feature table has its own column of that name"):
            replace(product, spine=spine)


def test_a_spine_may_call_its_order_and_its_moment_as_the_feature_table_does() -> None:
    """The two are then one column."""
    product = load_product("card_fraud")
    spine = replace(product.spine, sequence="sequence", as_of="as_of", carried=("sequence", "as_of"))
    assert replace(product, spine=spine).spine == spine


def test_a_spine_column_with_the_name_of_a_feature_is_refused() -> None:
    """It is found when the product is loaded, not by the job."""
    product = load_product("card_fraud")
    name = product.features.history[0].name
    with pytest.raises(ProductError, match=f"column '{name}' has the name of a feature; give the feature another"):
        replace(product, spine=replace(product.spine, carried=(name,)))


def test_a_source_with_two_underscores_is_refused() -> None:
    """The store would take it for tiles, and tell neither its version nor how long it is known."""
    product = load_product("card_fraud")
    more = (*product.sources, DailyFiles("card__limits", "{day}.csv"))
    with pytest.raises(ProductError, match="source 'card__limits' has two underscores.*; write 'card_limits'"):
        replace(product, sources=more)


@pytest.mark.parametrize("column", TAKEN)
def test_a_contract_has_no_column_that_tables_have_themselves(column: str, tmp_path: Path) -> None:
    """The table's own would take the place of the source's."""
    file = _contract_with(column, tmp_path)
    with pytest.raises(ContractError, match=f"column '{column}': tables have their own of that name; give it another"):
        load_contract(file)


def test_the_names_that_tables_take_are_all_known() -> None:
    """What ingestion and the stream put beside the contract's columns."""
    assert {MALFORMED, ROW_NUMBER, _MESSAGE} < set(TAKEN)


@pytest.mark.parametrize("name", ["event_time", "known_at"])
def test_a_time_is_not_named_as_another_column(name: str, tmp_path: Path) -> None:
    """A validated table has the two times under these names, and would have two columns of one name."""
    file = _contract_with("other_time", tmp_path)
    file.write_text(file.read_text().replace(f"{name}: {name}", f"{name}: other_time"))
    with pytest.raises(ContractError, match=f"{name} is 'other_time', .* another column '{name}'; give that one"):
        load_contract(file)


def _contract_with(column: str, folder: Path) -> Path:
    """A contract file with one more column."""
    file = folder / "card_transactions.yaml"
    text = (load_product("card_fraud").contracts / file.name).read_text()
    file.write_text(text.replace("columns:\n", f"columns:\n  {column}: {{type: timestamp, description: one more}}\n"))
    assert column in file.read_text()
    return file
