"""A policy of fairness that contradicts itself, or the product, is refused with the remedy."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from assets.product import FairnessPolicy, Jurisdiction, Limit, Mitigation, Product, ProductError, ProxyLimit
from tests.support.models.evaluated_bundle import PRODUCT

EU = Jurisdiction("eu", "the equal treatment directive", (Limit("selection_ratio", 0.8),))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Limit("parity", 0.8), "write a measure of selection_ratio, true_positive_gap"),
        (lambda: Limit("selection_ratio", 80), "write a bound between 0 and 1"),
        (lambda: Limit("selection_ratio", 0.8, refuse_when="never"), "and one of shown_beyond"),
        (lambda: Jurisdiction("eu", ""), "jurisdiction 'eu' has no legal_basis"),
        (lambda: Jurisdiction("eu", "law", EU.limits * 2), "limits a measure twice"),
        (lambda: Jurisdiction("E U", "law"), "jurisdiction"),
        (lambda: FairnessPolicy(()), "name each that the product answers to once"),
        (lambda: FairnessPolicy((EU, EU)), "name each that the product answers to once"),
        (lambda: FairnessPolicy((EU,), confidence=95), "write a share from 0.5 to below 1"),
        (lambda: FairnessPolicy((EU,), accepted_unjudged={"other": "few"}), "write attribute=group and the reason"),
        (lambda: ProxyLimit(tells=0.4), "write an AUC above 0.5"),
        (lambda: Mitigation("magic", "sex", 0.1), "write a method of reweighing, penalty, reduction"),
        (lambda: Mitigation("penalty", "sex", 0.1, strengths=1), "from 2 to 50 strengths"),
    ],
)
def test_a_mistake_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(Exception, match=said):
        make()


def with_policy(policy: FairnessPolicy) -> Product:
    return replace(PRODUCT, fairness=policy)


def test_a_policy_speaks_of_protected_attributes() -> None:
    assert with_policy(FairnessPolicy((EU,), accepted_unjudged={"sex=other": "few"})).fairness is not None
    with pytest.raises(ProductError, match="fairness names 'income', which is not among protected"):
        with_policy(FairnessPolicy((EU,), mitigation=Mitigation("penalty", "income", 0.1)))
    with pytest.raises(ProductError, match="fairness names 'race'"):
        with_policy(FairnessPolicy((EU,), accepted_unjudged={"sex and race=male, other": "few"}))
    with pytest.raises(ProductError, match="protected= is empty"):
        replace(PRODUCT, protected=(), fairness=FairnessPolicy((EU,)))
