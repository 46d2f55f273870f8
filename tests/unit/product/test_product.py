"""A product's description: contracts, features and the spine must agree."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.product import (
    DatabaseTable,
    Files,
    Freshness,
    HttpEndpoint,
    IcebergTable,
    LakeTable,
    PostedOutcomes,
    PostedReviews,
    Product,
    ProductError,
    Source,
    StreamTopic,
)
from assets.product.partitions import PARTITIONS
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


def test_a_spine_is_not_corrected(tmp_path: Path) -> None:
    """A row is decided once."""
    with pytest.raises(ProductError, match="the spine's source 'card_transactions' has corrections"):
        _with_corrections(load_product("card_fraud"), "card_transactions", tmp_path).check_corrections()


@pytest.mark.parametrize(
    "source",
    [
        DatabaseTable("transactions", "transactions", rows="revisions"),
        Files("transactions", "{day}.csv", rows="snapshots"),
        LakeTable("transactions", connection="theirs", changes=True),
    ],
)
def test_rows_that_are_revisions_need_a_contract_that_has_them(source: Source, tmp_path: Path) -> None:
    """Without, each state of a record would count as an event of its own."""
    plain = load_product("credit_risk")
    product = replace(plain, sources=tuple(source if one.name == source.name else one for one in plain.sources))
    with pytest.raises(ProductError, match="'transactions' are revisions of its records; write corrections: true in"):
        product.check_corrections()
    corrected = _with_corrections(product, "transactions", tmp_path)
    _with_record_key(corrected, "transactions", "transaction_id").check_corrections()


@pytest.mark.parametrize(
    ("kind", "terms", "said"),
    [
        (DatabaseTable, {"rows": "states"}, "rows is 'states'; write one of"),
        (DatabaseTable, {"overlap_days": 0}, "overlap_days is 0; write at least 1"),
        (DatabaseTable, {"known_after": timedelta(days=-1)}, "known_after is -1 day"),
        (HttpEndpoint, {"page_size": 0}, "page_size is 0; write at least 1"),
        (HttpEndpoint, {"page_size": 10, "next_field": "next"}, "and no next_field="),
        (HttpEndpoint, {"most_a_second": 0}, "write a number above 0"),
        (HttpEndpoint, {"known_after": timedelta(days=1)}, "whole hours, and day_column="),
        (HttpEndpoint, {"known_after": timedelta(minutes=90), "day_column": "at"}, "or by the hour whole hours"),
        (Files, {"rows": "revisions"}, "write 'events' or 'snapshots'"),
    ],
)
def test_a_source_that_contradicts_itself_is_refused(kind: Any, terms: dict[str, Any], said: str) -> None:
    with pytest.raises(ProductError, match=f"source s: .*{said}"):
        kind("s", "s.csv", **terms)


def test_a_contract_knows_the_keys_by_which_the_store_keeps_its_rows() -> None:
    """Validation of days and of messages checks exactly the keys that the product's features read."""
    assert load_product("credit_risk").contract("repayments").entity_keys == ("customer_id",)
    assert load_product("credit_risk").contract("consents").entity_keys == ()


@pytest.mark.parametrize("column", ["sequence", "as_of", "day", "utc_hour"])
def test_a_spine_column_with_the_name_of_another_is_refused(column: str) -> None:
    """The column that the feature table adds would replace it."""
    product = load_product("card_fraud")
    for spine in (replace(product.spine, passthrough=(column,)), replace(product.spine, row_id=column)):
        with pytest.raises(ProductError, match=f"'{column}' has the name of a column that the feature table adds"):
            replace(product, spine=spine)


def test_a_spine_may_name_sequence_and_as_of_as_the_feature_table_does() -> None:
    """Both names then mean one column."""
    product = load_product("card_fraud")
    spine = replace(product.spine, sequence="sequence", as_of="as_of", passthrough=("sequence", "as_of"))
    assert replace(product, spine=spine).spine == spine


def test_a_spine_column_with_the_name_of_a_feature_is_refused() -> None:
    """The product fails to load, long before a job would find the clash."""
    product = load_product("card_fraud")
    name = product.features.history[0].name
    with pytest.raises(ProductError, match=f"column '{name}' has the name of a feature; give the feature another"):
        replace(product, spine=replace(product.spine, passthrough=(name,)))


def test_a_slice_has_to_be_a_column_of_the_feature_table() -> None:
    product = load_product("card_fraud")
    with pytest.raises(ProductError, match="monitoring.slices names 'country', which is neither a feature nor in"):
        replace(product, monitoring=replace(product.monitoring, slices=("country",)))


def test_a_source_with_two_underscores_is_refused() -> None:
    """The store would take it for a source of tiles, without a version and a time until which it is known."""
    product = load_product("card_fraud")
    more = (*product.sources, Files("card__limits", "{day}.csv"))
    with pytest.raises(ProductError, match="source 'card__limits' has two underscores.*; write 'card_limits'"):
        replace(product, sources=more)


def test_an_unknown_partition_is_refused_with_those_that_there_are() -> None:
    said = "product card_fraud: partition is 'year'; write one of hour, day, week, month$"
    partition: Any = "year"
    with pytest.raises(ProductError, match=said):
        replace(load_product("card_fraud"), partition=partition)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            Files("fraud_labels", "{day}.csv"),
            "has files of a day, .* write {hour} beside {day} in",
        ),
        (Files("fraud_labels", "{day}.csv", rows="snapshots"), "has files of a day"),
        (HttpEndpoint("fraud_labels", "/labels"), "is asked for a day, .* write day_column=, .* or until_parameter="),
    ],
)
def test_by_the_hour_a_source_that_does_not_say_the_hour_is_refused(labels: Source, said: str) -> None:
    product, cards = load_product("card_fraud"), Files("card_transactions", "{day}/{hour}.csv")
    with pytest.raises(ProductError, match=f"partition is 'hour', but source 'fraud_labels' {said}"):
        replace(product, sandbox=False, partition="hour", sources=(cards, labels))


@pytest.mark.parametrize(
    "labels",
    [
        Files("fraud_labels", "{day}T{hour}.csv"),
        Files("fraud_labels", "{day}.csv", day_column="known_at"),
        Files("fraud_labels", "all.csv", day_column="known_at"),
        Files("fraud_labels", "{day}.csv", day_column="known_at", rows="snapshots"),
        DatabaseTable("fraud_labels", "labels"),
        DatabaseTable("fraud_labels", "labels", rows="revisions"),
        DatabaseTable("fraud_labels", "labels", rows="snapshots"),
        LakeTable("fraud_labels", connection="theirs"),
        LakeTable("fraud_labels", connection="theirs", changes=True),
        IcebergTable("fraud_labels", connection="theirs"),
        HttpEndpoint("fraud_labels", "/labels", day_column="known_at", known_after=timedelta(hours=2)),
        HttpEndpoint("fraud_labels", "/labels", day_parameter="since", until_parameter="until"),
        StreamTopic("fraud_labels", "labels"),
        PostedOutcomes("fraud_labels", row_id="transaction_id", value="is_fraud"),
        PostedReviews("fraud_labels"),
    ],
)
def test_by_the_hour_every_other_source_is_read(labels: Source) -> None:
    product, cards = load_product("card_fraud"), Files("card_transactions", "{day}/{hour}.csv")
    assert replace(product, sandbox=False, partition="hour", sources=(cards, labels)).partition == "hour"


def test_by_the_day_an_api_is_asked_for_whole_days() -> None:
    labels = HttpEndpoint("fraud_labels", "/labels", day_column="known_at", known_after=timedelta(hours=36))
    with pytest.raises(ProductError, match="'week', but source 'fraud_labels' has known_after=.*write whole days, or"):
        replace(
            load_product("card_fraud"),
            sandbox=False,
            partition="week",
            sources=(Files("card_transactions", "{week}.csv", day_column="known_at"), labels),
        )


def test_events_may_be_as_old_as_one_partition_and_two_days_unless_declared() -> None:
    product = load_product("card_fraud")
    assert [replace(product, partition=partition).max_age.days for partition in PARTITIONS[1:]] == [3, 9, 33]
    cards, labels = (Files(name, "{day}/{hour}.csv") for name in ("card_transactions", "fraud_labels"))
    by_the_hour = replace(product, sandbox=False, partition="hour", sources=(cards, labels))
    assert by_the_hour.max_age == timedelta(days=2, hours=1)
    declared = Freshness(max_age=timedelta(days=5))
    assert replace(product, partition="month", freshness=declared).max_age == timedelta(days=5)
