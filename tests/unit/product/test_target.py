"""The kind of target, and its agreement with the rest of a product."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from assets.product import (
    BINARY,
    Amount,
    AmountGates,
    FairnessPolicy,
    GatePolicy,
    Jurisdiction,
    ModelSpec,
    MonitoringPolicy,
    Product,
    ProductError,
)
from assets.training.recipe import recipe_of
from tests.claims.product import PRODUCT
from tests.support.models.evaluated_bundle import PRODUCT as LOANS

POLICY = FairnessPolicy((Jurisdiction("eu", "equal treatment"),))


def test_the_example_agrees_with_its_contracts() -> None:
    PRODUCT.check()


def test_a_binary_target_is_the_default_and_leaves_the_recipe_as_it_was() -> None:
    assert ModelSpec(train_days=None, test_days=1).target == BINARY
    assert not {"model.target", "model.scale"} & set(recipe_of(LOANS).declared)
    assert "Amount(unit='EUR'" in recipe_of(PRODUCT).declared["model.target"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: replace(PRODUCT, gates=GatePolicy(min_auc=0.7)), "gates are those of a binary target"),
        (lambda: replace(PRODUCT, label=replace(PRODUCT.label, kind="event")), "of kind 'event'"),
        (lambda: replace(PRODUCT, decision=replace(PRODUCT.decision, refer="ask")), "decision.refer='ask'"),
        (lambda: replace(PRODUCT, fairness=POLICY), "limits of a binary target"),
        (lambda: replace(LOANS, gates=AmountGates()), "are of an amount"),
        (lambda: replace(PRODUCT, model=replace(PRODUCT.model, target=Amount(""))), "unit is empty"),
        (lambda: with_target("EUR", objective="mean"), "target objective is 'mean'"),
        (lambda: with_target("EUR", power=2.5), "power is 2.5"),
        (lambda: with_target("EUR", quantile=1.0), "quantile is 1.0"),
        (lambda: with_target("EUR", threshold=float("nan")), "threshold is nan"),
        (lambda: MonitoringPolicy(max_mae_increase=0.0), "max_mae_increase=0.0"),
    ],
)
def test_what_does_not_agree_is_refused_with_the_remedy(change: Callable[[], object], words: str) -> None:
    with pytest.raises(ProductError, match=words):
        change()


def with_target(unit: str, **declared: object) -> Product:
    """The example with another target."""
    return replace(PRODUCT, model=replace(PRODUCT.model, target=Amount(unit, **declared)))  # type: ignore[arg-type]
