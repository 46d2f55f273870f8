"""What is named when a bundle's declarations, libraries or features are no longer those of its record."""

from dataclasses import replace

import pytest

from assets.features.kernel.kernel import compile_features
from assets.product import Product
from assets.reproduction.rebuilding import declared_differences, feature_differences
from assets.training.recipe import Recipe, differences, recipe_of
from assets.vocabulary import Events, FeatureSet, Number, days
from tests.support.models.evaluated_bundle import FEATURES, PRODUCT, evaluated_parts

PAYMENTS = Events("payments", key="customer_id")


@pytest.fixture
def product(monkeypatch: pytest.MonkeyPatch) -> Product:
    """One whose contracts declare no resolutions, without files."""
    monkeypatch.setattr(Product, "resolutions", {})
    return PRODUCT


def test_nothing_differs_from_ones_own_record(product: Product) -> None:
    parts = evaluated_parts()
    recorded = replace(parts, pins={**parts.pins, "recipe": recipe_of(product).to_dict()})
    assert declared_differences(product, recorded) == ((), ())


def test_a_changed_setting_and_a_changed_library_are_named(product: Product) -> None:
    then = recipe_of(product)
    other = replace(then, libraries={**then.libraries, "numpy": "1.0"}, declared={**then.declared, "model.seed": "3"})
    parts = evaluated_parts()
    around, declared = declared_differences(product, replace(parts, pins={**parts.pins, "recipe": other.to_dict()}))
    assert around == (f"library numpy was 1.0, and is {then.libraries['numpy']}",)
    assert declared == (f"model.seed was 3, and is {PRODUCT.model.seed!r}",)


def test_a_bundle_without_a_recipe_is_not_taken_for_unchanged(product: Product) -> None:
    around, _ = declared_differences(product, evaluated_parts())
    assert around == ("version 4 does not record its libraries and settings: it was trained before they were",)


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ((), "feature payments_count_30d was removed since"),
        ((PAYMENTS.count(days(30)), PAYMENTS.count(days(7), name="recent")), "feature recent was added since"),
        ((PAYMENTS.count(days(90), name="payments_count_30d"),), "feature payments_count_30d was: "),
    ],
)
def test_each_changed_feature_is_named(history: tuple[object, ...], told: str) -> None:
    changed = FeatureSet(request=FEATURES.request, history=history, owner=FEATURES.owner)
    found = feature_differences(compile_features(FEATURES, {}), compile_features(changed, {}))
    assert len(found) == 1
    assert found[0].startswith(told)


def test_a_feature_that_is_only_described_otherwise_is_named_too() -> None:
    words = (Number("amount", unit="EUR", description="What is asked for"), *FEATURES.request[1:])
    changed = replace(FEATURES, request=words)
    found = feature_differences(compile_features(FEATURES, {}), compile_features(changed, {}))
    assert found == ("feature amount has another description, owner or unit; it is computed as it was",)


def test_the_recipe_survives_its_record_and_tells_machines_apart() -> None:
    recipe = recipe_of(PRODUCT)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    other = replace(recipe, machine="another")
    assert other.environment != recipe.environment
    assert differences(other, recipe) == (f"the processor was another, and is {recipe.machine}",)
