"""No reason contradicts its value: both products, random rows, values on and around the median of the accepted rows."""

import math
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from assets.bundle.bundle import Policy, ReasonWords
from assets.product import Product, Words
from assets.serving.reasons import Wording, reasons_of
from pipelines.products import load_product

POLICY = Policy(
    threshold=0.5, accept="yes", refuse="no", fallback="ask", reasons={}, reasons_shown=99, row_id="row"
)  # fmt: skip
PRODUCTS = {name: load_product(name) for name in ("credit_risk", "card_fraud")}
NUMBERS = st.one_of(
    st.none(), st.sampled_from([0.0, -0.0, 1.0, 0.1, 12.0, 1e12, -5.0]), st.floats(allow_nan=False, width=32)
)


@pytest.mark.parametrize("name", list(PRODUCTS))
@given(data=st.data())
def test_no_reason_contradicts_its_value(name: str, data: st.DataObject) -> None:
    product = PRODUCTS[name]
    names = [feature for feature in product.features.names if feature not in product.features.categories]
    medians = {
        feature: data.draw(NUMBERS.filter(lambda value: value is None or math.isfinite(value))) for feature in names
    }
    row: dict[str, object] = dict.fromkeys(product.features.categories, "car")
    row |= {feature: data.draw(st.one_of(NUMBERS, st.just(medians[feature]))) for feature in names}
    told = reasons_of(Wording(dict.fromkeys(row, 1.0), row, product.features, policy(product, medians)))
    assert len({reason.text for reason in told}) == len(told)
    for reason in told:
        words, value, median = (
            product.decision.reasons.get(reason.feature),
            row[reason.feature],
            medians.get(reason.feature),
        )
        if not isinstance(words, Words):
            continue
        if reason.text == words.high:
            assert value is not None
            assert median is not None
            assert np.float32(value) > np.float32(median)
        elif reason.text == words.low:
            assert value is not None
            assert median is not None
            assert np.float32(value) < np.float32(median)
        else:
            assert reason.text.lower().endswith(product.features.describe(reason.feature).lower())


def policy(product: Product, medians: dict[str, float | None]) -> Policy:
    reasons = {
        feature: words if isinstance(words, str) else ReasonWords(words.high, words.low, medians[feature])
        for feature, words in product.decision.reasons.items()
    }
    return replace(POLICY, reasons=reasons)


@pytest.mark.parametrize("name", list(PRODUCTS))
def test_a_product_has_words_for_numbers_and_texts_for_categories(name: str) -> None:
    """Words for a number compare: they are true of every value on their side."""
    product = PRODUCTS[name]
    for feature, words in product.decision.reasons.items():
        if feature in product.features.categories:
            assert isinstance(words, str)
            continue
        assert isinstance(words, Words)
        if not feature.startswith(("is_", "no_")):
            assert all("than usual" in text for text in (words.high, words.low) if text)
