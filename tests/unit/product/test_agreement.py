"""A feature that disagrees with the contract of its source is named when the product is loaded."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from assets.product.agreement.features import check_agreement, check_consents
from assets.product.contracts.contract import Column, ContractError
from assets.vocabulary import Category, Events, FeatureError, FeatureSet, History, Number, days
from pipelines.products import load_product

PRODUCT = load_product("credit_risk")
CONTRACTS = {source.name: PRODUCT.contract(source.name) for source in PRODUCT.sources}
MOVES = Events("transactions", key="customer_id")
ASKED = Events("applications", key="customer_id")
MONTH = days(30)


def check(features: FeatureSet) -> None:
    check_agreement(features, CONTRACTS, spine="applications", protected=("sex", "age"))


def test_the_products_agree_with_their_contracts() -> None:
    for name in ("credit_risk", "card_fraud"):
        load_product(name).check()


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (lambda: MOVES.min("amonut", MONTH, name="x"), "reads a column 'amonut', which contracts/transactions"),
        (lambda: MOVES.sum("amonut", MONTH, name="x", unit="EUR"), "reads a column 'amonut'.*; it has .*amount"),
        (lambda: MOVES.where(categori="cash").count(MONTH, name="x"), "reads a column 'categori'"),
        (lambda: MOVES.share(MONTH, categori="cash", name="x"), "reads a column 'categori'"),
        (lambda: replace(MOVES, key="customer").count(MONTH, name="x"), "reads a column 'customer'"),
        (lambda: MOVES.max("counterparty", MONTH, name="x"), "max of counterparty, which is a string .* not a number"),
        (lambda: MOVES.sum("event_time", MONTH, name="x"), "sum of event_time, which is a timestamp"),
        (lambda: MOVES.mode("amount", MONTH, values=("a", "b"), name="x"), "reads amount as a text, but it is"),
        (lambda: MOVES.where(amount="1").count(MONTH, name="x"), "compares amount with '1', .* write a number"),
        (lambda: MOVES.where(direction=1).count(MONTH, name="x"), "compares direction with 1, .* write a text"),
        (lambda: MOVES.where(direction="debet").count(MONTH, name="x"), "'debet', which no row can have: .* debit"),
        (lambda: ASKED.last("age", MONTH, name="x"), "reads 'age' of 'applications', which is protected"),
        (lambda: ASKED.where(sex="female").count(MONTH, name="x"), "reads 'sex' of 'applications', which is protected"),
    ],
)  # fmt: skip
def test_a_feature_that_does_not_agree_is_named(feature: Callable[[], History], message: str) -> None:
    with pytest.raises(FeatureError, match=f"feature 'x'.*{message}"):
        check(FeatureSet(history=[feature()]))


@pytest.mark.parametrize(
    ("request_column", "message"),
    [
        (Number("amuont"), "reads a column 'amuont', which contracts/applications.yaml does not have"),
        (Number("purpose"), "'purpose' is a string .* declare it as a category"),
        (Category("amount", ("a", "b")), "'amount' is a number .* declare it as a Number"),
    ],
)
def test_a_request_column_that_does_not_agree_is_named(request_column: Number | Category, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        check(FeatureSet(request=[request_column]))


def test_a_wrong_product_is_refused_before_any_data_is_read() -> None:
    """`load_product` runs this check, and so every command and the Dagster definitions do."""
    wrong = replace(PRODUCT.features, history=[*PRODUCT.features.history, MOVES.min("amonut", MONTH, name="x")])
    with pytest.raises(FeatureError, match="feature 'x' reads a column 'amonut'"):
        replace(PRODUCT, features=wrong).check()


@pytest.mark.parametrize("wrong", ["gone", "no subject", "granted is a text"])
def test_consents_that_cannot_be_asked_are_named(wrong: str) -> None:
    asked = CONTRACTS["consents"]
    if wrong == "gone":
        contracts = {name: contract for name, contract in CONTRACTS.items() if name != "consents"}
        message = "applications.yaml: its consents are of 'consents', which is no source of the product"
    elif wrong == "no subject":
        columns = tuple(column for column in asked.columns if column.name != "customer_id")
        contracts = CONTRACTS | {"consents": replace(asked, columns=columns)}
        message = "consents.yaml: column 'customer_id' is missing; contracts/applications.yaml .* needs it as string"
    else:
        columns = tuple(Column(c.name, "string", "") if c.name == "granted" else c for c in asked.columns)
        contracts = CONTRACTS | {"consents": replace(asked, columns=columns)}
        message = "consents.yaml: column 'granted' is string; contracts/applications.yaml .* needs it as boolean"
    check_consents(CONTRACTS)
    with pytest.raises(ContractError, match=message):
        check_consents(contracts)
