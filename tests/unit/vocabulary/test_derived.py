"""Derived features: what is refused."""

from collections.abc import Callable

import pytest

from assets.vocabulary import Clip, FeatureError, Sum


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Clip("c", of="a"), "clip 'c': low=None, high=None; write one bound or both"),
        (lambda: Clip("c", of="a", low=2, high=1), "low before high"),
        (lambda: Sum("s", of="a"), "sum 's': of='a'; write a tuple of two or more features"),
    ],
)  # fmt: skip
def test_a_wrong_derived_feature_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
