"""Aggregates over events: what is refused."""

from collections.abc import Callable

import pytest

from assets.vocabulary import Events, FeatureError, days
from tests.unit.vocabulary.samples import tx


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Events("t", key="k", record_key="k"), "record_key 'k' identifies no single record"),
        (lambda: Events("t", key="k", record_key="event_time"), "record_key 'event_time' identifies no single record"),
        (lambda: Events("t", key="k", record_key="Id"), "events of 't': record_key 'Id' is not a name"),
        (lambda: tx.where(), "where\\(\\) without a condition"),
        (lambda: tx.where(category="x" * 60).count(days(1)), "give name="),
        (lambda: Events("Transactions", key="k"), "source 'Transactions' is not a name"),
        (lambda: Events("t", key="k", time="as_of"), "write 'event_time' or 'known_at'"),
        (lambda: Events("t", key="k", time="known_at", includes_request=True), "time='event_time' only"),
        (lambda: tx.time_between("median"), "time_between of 'transactions': 'median'; write one of mean, min, max"),
    ],
)  # fmt: skip
def test_a_wrong_aggregate_is_refused_with_the_remedy(declare: Callable[..., object], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        declare()
