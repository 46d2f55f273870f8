"""Features over events: their lookback, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from assets.vocabulary import FeatureError, FeatureSet, days, last_events, last_months, this_month
from tests.unit.vocabulary.samples import tx


def test_the_lookback_is_the_longest_age_of_an_event_in_the_window() -> None:
    """A lag adds to it, a calendar bounds it, a number of events leaves it unbounded."""
    assert tx.count(days(30), lag=days(7)).lookback == timedelta(days=37)
    assert tx.count(this_month()).lookback == timedelta(days=33)
    assert tx.count(last_events(3)).lookback is None
    assert FeatureSet(history=[tx.count(last_months(1)), tx.count(days(3))]).lookback == timedelta(days=64)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: tx.share(days(1)), "share has no condition"),
        (lambda: tx.where(day=9).count(days(1), name="n"), "'n' reads a column 'day' of 'transactions'; .* another"),
        (lambda: tx.max("day", days(1), name="n"), "'n' reads a column 'day' of 'transactions'; .* another one"),
        (lambda: tx.count(days(1), empty=float("inf")), "empty=inf"),
        (lambda: tx.streak(days(1)), "streak has no condition; write streak\\(days"),
        (lambda: tx.mode("kind", values="cash"), "'transactions_mode_kind': values='cash'; write a tuple"),
        (lambda: tx.mode("kind", values=("a", "a")), "must be different"),
        (lambda: tx.mode("kind", values=("a",), empty=0), "empty=0.0 for a text; leave it out"),
        (lambda: replace(tx.count(), values=("a",)), "values= is for the mode of a text"),
    ],
)  # fmt: skip
def test_a_wrong_history_feature_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
