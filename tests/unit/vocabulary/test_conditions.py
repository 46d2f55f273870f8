"""Conditions and lengths of time."""

from collections.abc import Callable

import pytest

from assets.vocabulary import FeatureError, at_least, days, hours
from tests.unit.vocabulary.samples import tx


def test_conditions_mean_the_same_in_any_order() -> None:
    one = tx.where(direction="debit", category=("b", "a")).count(days(1))
    other = tx.where(category=["a", "b", "a"], direction="debit").count(days(1))
    assert one == other


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: tx.count(days(10**11)), "days\\(100000000000\\) is no length of time; write a number as in days"),
        (lambda: tx.count(hours(float("nan"))), "hours\\(nan\\) is no length of time"),
        (lambda: tx.where(kind=()), "no value can match"),
        (lambda: tx.where(kind=None), "write a text, a finite number or a boolean"),
        (lambda: tx.where(kind=float("nan")), "write a text, a finite number or a boolean"),
        (lambda: tx.where(kind=("a", 1)), "texts and numbers cannot be mixed"),
        (lambda: tx.where(kind=at_least("a")), "compare with one number"),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
