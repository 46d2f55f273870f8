"""Labels and spines that contradict the contracts or the features are refused before any data is read."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assets.product import Label, Product, ProductError, Spine
from assets.product.agreement.labels import check_label_source, check_spine
from pipelines.products import load_product

CREDIT, FRAUD = load_product("credit_risk"), load_product("card_fraud")
REPAYMENTS = CREDIT.contract("repayments")


def with_label(**changes: object) -> Product:
    return replace(CREDIT, label=replace(CREDIT.label, **changes))


def test_a_label_without_its_parts_is_refused() -> None:
    with pytest.raises(ProductError, match="kind='churn'; write one of event, absence, outcome, column"):
        replace(CREDIT.label, kind="churn")  # type: ignore[arg-type]
    with pytest.raises(ProductError, match="meaning= is empty"):
        replace(CREDIT.label, meaning="")
    with pytest.raises(ProductError, match="column= is empty"):
        replace(CREDIT.label, column="")
    with pytest.raises(ProductError, match="positive='yes'; write the texts of column="):
        replace(CREDIT.label, positive="yes")  # type: ignore[arg-type]
    with pytest.raises(ProductError, match="horizon=datetime.timedelta\\(0\\)"):
        replace(CREDIT.label, kind="absence", horizon=timedelta(0))
    with pytest.raises(ProductError, match="write neither record_key= nor spine_column="):
        replace(CREDIT.label, kind="outcome", record_key="repayment_id")


def test_the_columns_of_a_label_are_in_its_contract() -> None:
    with pytest.raises(ProductError, match="repayments.yaml has no column 'late'"):
        check_label_source(replace(CREDIT.label, column="late"), REPAYMENTS)
    with pytest.raises(ProductError, match="'customer_id' is a string in .*repayments.yaml; a label is compared"):
        check_label_source(replace(CREDIT.label, column="customer_id"), REPAYMENTS)
    check_label_source(replace(CREDIT.label, kind="absence", column=""), REPAYMENTS)
    check_label_source(replace(CREDIT.label, column="customer_id", positive=("C1",)), REPAYMENTS)
    with pytest.raises(ProductError, match=r"positive=\('yes',\) names texts, but 'days_past_due' is a .*; write at_l"):
        check_label_source(replace(CREDIT.label, column="days_past_due", positive=("yes",)), REPAYMENTS)


def test_contract_and_label_agree_on_corrections() -> None:
    corrected = replace(REPAYMENTS, corrections=True)
    key = corrected.key[0]
    with pytest.raises(ProductError, match=f"write Label\\(..., record_key='{key}'\\), or kind='outcome'"):
        check_label_source(CREDIT.label, corrected)
    check_label_source(replace(CREDIT.label, record_key=key), corrected)
    check_label_source(replace(CREDIT.label, kind="outcome"), corrected)
    with pytest.raises(ProductError, match="has no corrections; write corrections: true"):
        check_label_source(replace(CREDIT.label, record_key=key), REPAYMENTS)


def test_a_label_of_the_entity_needs_its_column_in_the_feature_table() -> None:
    assert with_label(spine_column="customer_id").label.spine_column == "customer_id"
    with pytest.raises(ProductError, match="spine_column 'branch' is not in the feature table"):
        with_label(spine_column="branch")


def test_nothing_else_reads_a_label_that_is_a_column_of_the_row() -> None:
    own = Label("applications", "application_id", "dependents", 1, delay=timedelta(days=7), meaning="x", kind="column")
    with pytest.raises(ProductError, match="feature 'dependents' reads 'dependents', which is the label"):
        replace(CREDIT, label=own)
    with pytest.raises(ProductError, match="write source='applications', row_id='application_id'"):
        replace(CREDIT, label=replace(own, source="repayments"))
    with pytest.raises(ProductError, match=r"Spine\(passthrough=...\) reads 'age'"):
        replace(CREDIT, label=replace(own, column="age"))
    unread = replace(own, column="national_id")
    assert replace(CREDIT, label=unread).label is unread
    with pytest.raises(ProductError, match="Spine.where reads 'national_id'"):
        replace(CREDIT, label=unread, spine=CREDIT.spine.where(national_id="1"))


def test_a_spine_that_is_decided_later_does_not_count_its_request_again() -> None:
    with pytest.raises(ProductError, match="counts the request as an event, but the decision is made 1 day"):
        replace(FRAUD, spine=replace(FRAUD.spine, after=timedelta(days=1)))
    assert replace(CREDIT.spine, after=timedelta(hours=25)).days_after == 2
    with pytest.raises(ProductError, match="is before the request"):
        Spine("orders", "order_id", after=timedelta(days=-1))


def test_the_conditions_of_a_spine_are_of_its_columns() -> None:
    contract = CREDIT.contract("applications")
    check_spine(CREDIT.spine.where(channel="app", dependents=0), contract)
    with pytest.raises(ProductError, match=r"where\(chanel=...\) compares with 'app'"):
        check_spine(CREDIT.spine.where(chanel="app"), contract)
    with pytest.raises(ProductError, match="has it as string"):
        check_spine(CREDIT.spine.where(channel=1), contract)
