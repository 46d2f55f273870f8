"""Windows of a number of events, computed by hand: which events count, and whether the request does."""

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import FeatureSet, at_least, last_events
from tests.unit.features.one_person import CENTS, own, payments, request, tx, value


def test_the_last_events_are_counted_after_the_filter() -> None:
    """Three of the five are big; the last two of these count, whatever small ones are between them."""
    events = payments((9, 10), (8, 1), (7, 20), (6, 40), (5, 2), (-1, 80))
    big = tx.where(amount=at_least(10))
    assert value(big.sum("amount", last_events(2)), events) == 60
    assert value(big.count(last_events(9)), events) == 3
    assert value(big.time_since_first(last_events(2)), events) == 7 / 24
    assert value(tx.sum("amount", last_events(3)), events) == 62
    assert value(big.mean("amount", last_events(2)), payments((3, 1))) is None


def test_the_request_is_one_of_the_last_events_where_it_counts() -> None:
    """A request that the filter excludes takes no place; `last` never considers the request."""
    events, big = payments((3, 10), (2, 20)), own.where(amount=at_least(10))
    assert value(big.sum("amount", last_events(2)), events, request(amount=[40.0])) == 60
    assert value(big.sum("amount", last_events(2)), events, request(amount=[4.0])) == 30
    assert value(big.sum("amount", last_events(1)), events, request(amount=[40.0])) == 40
    assert value(big.last("amount", last_events(1)), events, request(amount=[40.0])) == 20


def test_a_share_and_a_count_have_different_last_events() -> None:
    """The share is of the last two events, the count of the last two big ones."""
    events = payments((9, 10), (8, 20), (7, 1), (6, 2))
    features = [tx.share(last_events(2), amount=at_least(10)), tx.where(amount=at_least(10)).count(last_events(2))]
    found = compile_features(FeatureSet(history=features), CENTS).compute({"tx": events}, request())
    assert [column[0].as_py() for column in found.columns] == [0, 2]
