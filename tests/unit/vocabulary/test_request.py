"""Columns of the request: what is refused."""

from collections.abc import Callable

import pytest

from assets.vocabulary import Category, FeatureError, HashedCategory, LearnedCategory


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Category("purpose", values=()), "write a tuple of the values"),
        (lambda: Category("purpose", values="car"), "write a tuple of the values"),
        (lambda: Category("purpose", values=("car", "car")), "must be different"),
        (lambda: LearnedCategory("shop"), "category 'shop': which values are kept\\? write top=20"),
        (lambda: LearnedCategory("shop", top=0), "category 'shop': top=0; write a whole number from 1 on"),
        (lambda: LearnedCategory("shop", at_least=2.5), "at_least=2.5; write a whole number"),
        (lambda: LearnedCategory("shop", top=5_000), "top=5000; write at most 1000"),
        (lambda: HashedCategory("shop", buckets=1), "category 'shop': buckets=1; write a whole number from 2 to 1000"),
    ],
)  # fmt: skip
def test_a_wrong_request_feature_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
