"""What a change of a shared feature touches."""

from assets.features.catalogue.sharing import LiveBundle, SharedChange, shared_changes
from assets.vocabulary import Events, FeatureGroup, FeatureSet, History, days

card = Events("payments", key="card_id")
count, total = card.count(days(7), name="n"), card.sum("amount", days(7), name="total")
own = card.max("amount", days(7), name="largest")


def group(*features: History) -> FeatureGroup:
    return FeatureGroup("payments", owner="cards", description="Payments of a card", features=features)


def bundle(product: str, *features: History, version: str = "1") -> LiveBundle:
    return LiveBundle(product, version, ("champion",), FeatureSet(history=features))


NOW = FeatureSet(history=(*group(count, total), own))


def told(declared: dict[str, FeatureSet], *bundles: LiveBundle) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(found.feature, found.kind, found.bundles) for found in shared_changes(declared, bundles)]


def test_a_change_names_every_product_and_bundle_once() -> None:
    before = card.count(days(14), name="n")
    live = [bundle(name, *group(before, total), own) for name in ("limits", "fraud")]
    (found,) = shared_changes({"fraud": NOW, "limits": NOW}, live)
    assert found == SharedChange(
        "payments", "n", "changed", "Number of payments in the 14 days up to the decision",
        "Number of payments in the 7 days up to the decision", ("limits", "fraud"),
        ("limits 1 (champion)", "fraud 1 (champion)"),
    )  # fmt: skip
    assert found.sentence == (
        "n of payments is changed from 'Number of payments in the 14 days up to the decision' to 'Number of payments "
        "in the 7 days up to the decision': touches limits 1 (champion), fraud 1 (champion)"
    )


def test_a_feature_that_only_became_shared_is_no_change() -> None:
    assert told({"fraud": NOW}, bundle("fraud", count, total, own)) == []


def test_new_and_removed_features_are_told_and_a_products_own_are_not() -> None:
    label = ("fraud 1 (champion)",)
    assert told({"fraud": NOW}, bundle("fraud", *group(total))) == [("n", "new", label)]
    assert told({"fraud": FeatureSet(history=(*group(total),))}, bundle("fraud", *group(count, total), own)) == [
        ("n", "removed", label)
    ]


def test_of_a_product_that_is_not_loaded_only_common_features_are_compared() -> None:
    other = card.sum("amount", days(9), name="total")
    elsewhere = bundle("limits", *group(other, card.count(days(1), name="gone")), own)
    assert told({"fraud": NOW}, elsewhere) == [("total", "changed", ("limits 1 (champion)",))]
    assert told({"fraud": NOW}, bundle("limits", other)) == [], "a feature of its own with the same name"
