"""Parameters of aggregates: what is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from assets.vocabulary import FeatureError, days
from tests.unit.vocabulary.samples import tx


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: tx.quantile("amount", 1.5), "quantile of 'transactions': level 1.5; write a share from 0 to 1"),
        (lambda: tx.quantile("amount", 1 / 3), "level 0.33.*write at most four decimals"),
        (lambda: tx.quantile("amount", days(7)), "level datetime.*write a share from 0 to 1"),
        (lambda: tx.decayed_count(7), "half_life 7; write a time such as days"),
        (lambda: tx.decayed_sum("amount", days(0)), "half_life .* write a time such as days"),
        (lambda: tx.decayed_sum("amount", days(4_000)), "at most 3650 days"),
        (lambda: replace(tx.count(), level=0.5), "level= is for quantile; leave it out of count"),
        (lambda: replace(tx.count(), half_life=days(1)), "half_life= is for decayed_sum"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
