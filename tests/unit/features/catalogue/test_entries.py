"""The catalogue: an entry for each feature, complete without declared descriptions."""

from assets.features.catalogue.entries import catalogue, to_markdown
from assets.vocabulary import (
    Category,
    Events,
    FeatureSet,
    HashedCategory,
    LearnedCategory,
    Number,
    Ratio,
    Weekend,
    days,
)

tx = Events("card_transactions", key="card_id")
FEATURES = FeatureSet(
    owner="fraud",
    request=[Number("amount", unit="EUR", description="Amount | of it"), Category("purpose", values=("car", "home"))],
    history=[tx.count(days(1)), tx.mean("amount", days(7), name="mean_7d", unit="EUR", empty=0, owner="cards")],
    derived=[Ratio("relative", numerator="amount", denominator="mean_7d"), Weekend("is_weekend")],
)


def test_every_feature_has_an_entry_in_order() -> None:
    entries = catalogue(FEATURES, spine="card_transactions")
    assert [entry.name for entry in entries] == list(FEATURES.names)
    assert all(entry.definition and entry.description and entry.owner and entry.source for entry in entries)
    assert [entry.kind for entry in entries] == ["request", "request", "history", "history", "derived", "derived"]
    assert [entry.dtype for entry in entries] == ["float64", "string", "float64", "float64", "float64", "float64"]


def test_an_entry_has_origin_and_definition_of_a_feature() -> None:
    entries = {entry.name: entry for entry in catalogue(FEATURES, spine="card_transactions")}
    mean = entries["mean_7d"]
    assert mean.source == "card_transactions by card_id"
    assert mean.definition == (
        "Mean amount of card transactions in the 7 days up to the decision; 0 when there are none"
    )
    assert (mean.owner, mean.unit) == ("cards", "EUR")
    assert entries["card_transactions_count_1d"].unit == "events"
    assert entries["relative"].source == "amount, mean_7d"
    assert entries["purpose"].definition.endswith("one of car, home")


def test_a_definition_ends_with_the_value_over_too_few_events() -> None:
    """It says how many are too few, and lists the values of a text."""
    features = FeatureSet(
        request=[LearnedCategory("shop", top=20, at_least=50), HashedCategory("iban", buckets=64)],
        history=[
            tx.slope("amount", name="slope"), tx.time_between("std", name="gaps", empty=0), tx.streak(name="row", ok=1),
            tx.mode("kind", values=("a", "b"), name="habit"), tx.decayed_count(days(7), name="lately"),
        ],
    )  # fmt: skip
    entries = {entry.name: entry for entry in catalogue(features, spine="orders")}
    assert entries["slope"].definition.endswith("; missing when there are fewer than two different times")
    assert entries["gaps"].definition.endswith("; 0 when there are fewer than three")
    assert entries["row"].definition.endswith("; 0 when there are none")
    assert entries["lately"].definition.endswith("; 0 when there are none")
    assert entries["habit"].definition.endswith("; one of a, b; missing when there are none")
    assert entries["shop"].definition.endswith(
        "; the 20 most frequent values of at least 50 rows in training, or other"
    )
    assert entries["iban"].definition.endswith("; one of 64 buckets of values")
    assert [entry.dtype for entry in entries.values()] == ["string", "string", "float64", "float64", "float64",
                                                           "string", "float64"]  # fmt: skip


def test_units_of_contracts_are_in_the_catalogue() -> None:
    """Given units replace the declared ones."""
    units = dict.fromkeys(FEATURES.names, "EUR")
    assert {entry.unit for entry in catalogue(FEATURES, units, spine="orders")} == {"EUR"}
    assert {entry.name: entry.unit for entry in catalogue(FEATURES, spine="orders")}["relative"] == "1"


def test_the_table_has_a_line_for_each_feature_and_escapes_cells() -> None:
    lines = to_markdown(catalogue(FEATURES, spine="card_transactions")).splitlines()
    assert len(lines) == 2 + len(FEATURES.names)
    assert {line.replace("\\|", "").count("|") for line in lines} == {10}


def test_a_feature_over_all_events_of_a_source_says_so() -> None:
    """A key that was forgotten is seen in the catalogue."""
    features = FeatureSet(history=[Events("payments").count(days(1), name="load_1d")])
    (entry,) = catalogue(features, features.units(), spine="orders")
    assert entry.source == "payments, all events"
    assert entry.columns == ("validated_payments.event_time", "validated_payments.known_at")
