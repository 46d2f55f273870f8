"""Sources of posted rows, and the contracts that they need."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from assets.product import Column, Contract, PostedOutcomes, PostedReviews, Product, ProductError
from assets.product.agreement.posted import check_posted
from assets.training.contract import contract_of
from pipelines.products import load_product

OUTCOMES = PostedOutcomes("loan_outcomes", row_id="application_id", value="defaulted")
REVIEWS = PostedReviews("reviews")
FRAUD = load_product("card_fraud")


def contract(key: str, *columns: Column) -> Contract:
    times = tuple(Column(name, "timestamp", name) for name in ("event_time", "known_at"))
    return Contract(
        source="x", description="x", owner="a@b.example", key=(key,), event_time="event_time", known_at="known_at",
        columns=(*columns, *times), expectations=(), max_quarantined=0.1, file="x.yaml",
    )  # fmt: skip


def of_outcomes(**changes: object) -> Contract:
    names = ("outcome_id", "application_id")
    columns = (*(Column(name, "string", name) for name in names), Column("defaulted", "integer", "defaulted"))
    return replace(contract("outcome_id", *columns), **changes)  # type: ignore[arg-type]


def of_reviews() -> Contract:
    return contract(
        "decision_id", *(Column(name, "string", name) for name in ("decision_id", "outcome", "by", "reason"))
    )


def test_contracts_that_posted_rows_can_keep_are_taken() -> None:
    check_posted(OUTCOMES, of_outcomes())
    check_posted(REVIEWS, of_reviews())


@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        (OUTCOMES, of_outcomes(key=("outcome_id", "defaulted")), "one column as key"),
        (OUTCOMES, of_outcomes(known_at="event_time"), "others as event_time and known_at"),
        (replace(OUTCOMES, value="is_bad"), of_outcomes(), "outcome_id, application_id, is_bad"),
        (replace(OUTCOMES, value="application_id"), of_outcomes(), "each a column of its own"),
        (OUTCOMES, contract("outcome_id", Column("outcome_id", "string", "x", original="ID")), "have outcome_id"),
        (
            OUTCOMES,
            of_outcomes(columns=(*of_outcomes().columns, Column("value", "number", "x"))),
            "'value' is a field of every post",
        ),
        (REVIEWS, of_outcomes(), r"write key: \[decision_id\]"),
        (REVIEWS, contract("decision_id", Column("decision_id", "string", "x")), "decision_id, outcome, by, reason"),
    ],
)
def test_another_contract_is_refused(source: PostedOutcomes | PostedReviews, given: Contract, message: str) -> None:
    with pytest.raises(ProductError, match=message):
        check_posted(source, given)


@pytest.mark.parametrize("change", [{"original": "BAD"}, {"personal": "drop"}])
def test_a_renamed_or_dropped_column_is_refused(change: dict[str, str]) -> None:
    columns = [replace(c, **change) if c.name == "defaulted" else c for c in of_outcomes().columns]
    with pytest.raises(ProductError, match="renamed or dropped"):
        check_posted(OUTCOMES, of_outcomes(columns=tuple(columns)))


def test_a_review_is_of_texts() -> None:
    columns = [replace(c, type="integer") if c.name == "by" else c for c in of_reviews().columns]
    with pytest.raises(ProductError, match="'by' of posted reviews is a integer"):
        check_posted(REVIEWS, replace(of_reviews(), columns=tuple(columns)))


def test_a_kind_of_posted_rows_is_declared_once() -> None:
    twice = (*FRAUD.sources, OUTCOMES, replace(OUTCOMES, name="more_outcomes"))
    with pytest.raises(ProductError, match="PostedOutcomes is declared twice"):
        replace(FRAUD, sources=twice)


def test_how_rows_are_posted_travels_with_the_bundle(tmp_path: Path) -> None:
    """A posted source has no address: only the other sources are read at those of connections."""
    for name in ("card_transactions", "fraud_labels"):
        (tmp_path / f"{name}.yaml").write_text((FRAUD.contracts / f"{name}.yaml").read_text())
    labels = (tmp_path / "fraud_labels.yaml").read_text().replace("fraud_labels", "told")
    (tmp_path / "told.yaml").write_text(f"{labels}corrections: true\n")
    told = PostedOutcomes("told", row_id="terminal_id", value="is_fraud")
    product: Product = replace(FRAUD, contracts=tmp_path, sources=(*FRAUD.sources, told), start=date(2018, 4, 1))
    product.check()
    posted = contract_of(product).sources["told"].posted
    assert posted is not None
    assert (posted.route, posted.id, posted.corrections) == ("outcomes", "transaction_id", True)
    assert dict(posted.fields) == {"outcome_id": "transaction_id", "row_id": "terminal_id", "value": "is_fraud"}
    assert contract_of(product).from_dict(contract_of(product).to_dict()) == contract_of(product)
    assert [source.name for source in product.connected] == ["card_transactions", "fraud_labels"]
    assert contract_of(FRAUD).sources["fraud_labels"].posted is None
