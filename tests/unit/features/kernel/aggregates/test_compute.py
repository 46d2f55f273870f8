"""Aggregates over windows, computed by hand, and their values over too few events."""

import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Events, FeatureSet, History, at_least, days, hours
from tests.unit.features.one_person import CENTS, MICROS, NOON, events, own, payments, request, tx, value

FLOAT, TEXT = pa.float64(), pa.string()


def _amounts(*amounts: float | None) -> pa.Table:
    """Events an hour apart, the last of them an hour before the decision."""
    return events(list(range(len(amounts), 0, -1)), amount=pa.array(amounts, FLOAT))


def test_sums_are_exact_whatever_events_precede_the_window() -> None:
    amounts = [90_071_992_547_409.0, 0.1, 0.2]
    events = payments(*zip([50, 2, 1], amounts, strict=True))
    assert value(tx.sum("amount", hours(3)), events) == 0.3
    assert value(tx.std("amount", hours(3)), events) == pytest.approx(0.0707106781, abs=1e-9)


def test_a_standard_deviation_is_exact_around_a_large_mean() -> None:
    events = payments((3, 10_000_000_000.01), (2, 10_000_000_000.02), (1, 10_000_000_000.03))
    assert value(tx.std("amount", days(1)), events) == 0.01


@pytest.mark.parametrize(
    ("feature", "nothing"),
    [
        (tx.count(days(1)), 0.0),
        (tx.distinct("amount", days(1)), 0.0),
        (tx.sum("amount", days(1)), None),
        (tx.sum("amount", days(1), empty=0), 0.0),
        (tx.mean("amount", days(1), empty=-1), -1.0),
        (tx.min("amount", days(1)), None),
        (tx.std("amount", days(1), empty=0), 0.0),
        (tx.share(days(1), amount=1.0, empty=0.5), 0.5),
        (tx.last("amount", days(1)), None),
        (tx.time_since_last(empty=999), 999.0),
        (tx.time_since_first(), None),
    ],
)
def test_over_no_events_a_feature_is_missing_unless_declared(feature: History, nothing: float | None) -> None:
    assert value(feature, payments()) == nothing
    assert value(feature, payments((1, 4.0)), request(who="somebody else")) == nothing
    assert value(feature, payments((1, 4.0)), request(who=None)) == nothing


@pytest.mark.parametrize(
    ("feature", "nothing", "one"),
    [
        (tx.first("amount"), None, 4.0),
        (tx.first("amount", empty=-1), -1.0, 4.0),
        (tx.median("amount"), None, 4.0),
        (tx.quantile("amount", 0.9, empty=0), 0.0, 4.0),
        (tx.mode("amount"), None, 4.0),
        (tx.mode("amount", empty=7), 7.0, 4.0),
        (tx.mode("shop", values=("bar",)), None, "bar"),
        (tx.time_between("mean"), None, None),
        (tx.time_between("min", empty=0), 0.0, 0.0),
        (tx.time_between("std", empty=-1), -1.0, -1.0),
        (tx.streak(shop="bar"), 0.0, 1.0),
        (tx.streak(shop="bar", empty=-1), -1.0, 1.0),
        (tx.slope("amount"), None, None),
        (tx.slope("amount", empty=0), 0.0, 0.0),
        (tx.decayed_count(hours(1)), 0.0, 0.5),
        (tx.decayed_sum("amount", hours(1)), None, 2.0),
        (tx.decayed_sum("amount", hours(1), empty=0), 0.0, 2.0),
    ],
)
def test_over_too_few_events_a_feature_is_missing_unless_declared(
    feature: History, nothing: float | None, one: float | None
) -> None:
    """Counts are 0; every other kind is missing unless `empty` is given."""
    assert value(feature, events([], amount=pa.array([], FLOAT), shop=pa.array([], TEXT))) == nothing
    assert value(feature, events([1], amount=[4.0], shop=["bar"])) == one


@pytest.mark.parametrize(
    "feature", [tx.first("amount"), tx.median("amount"), tx.mode("amount"), tx.slope("amount"),
                tx.decayed_sum("amount", days(1))],
)  # fmt: skip
def test_events_without_values_have_no_feature(feature: History) -> None:
    """Missing values are not zeros."""
    assert value(feature, events([3, 2, 1], amount=pa.array([None, float("nan"), None], FLOAT))) is None


def test_a_source_without_events_has_every_kind() -> None:
    """So has a spine without rows."""
    both = Events("tx", key="who", includes_request=True)
    history = [
        tx.first("amount"), tx.median("amount"), tx.mode("shop", values=("bar",)), tx.time_between("std"),
        tx.streak(amount=at_least(1)), tx.slope("amount"), both.decayed_sum("amount", days(1), name="own_sum"),
        both.mode("shop", values=("bar",), name="own_mode"), both.quantile("amount", 0.1, name="own_p10"),
    ]  # fmt: skip
    kernel = compile_features(FeatureSet(history=history), CENTS)
    spine = pa.table({"who": ["me"], "as_of": pa.array([NOON], MICROS), "amount": [2.5], "shop": ["inn"]})
    found = kernel.compute({"tx": None}, spine).to_pylist()[0]
    assert [found[name] for name in ("own_sum", "own_mode", "own_p10")] == [2.5, "inn", 2.5]
    assert [found[feature.name] for feature in history[:6]] == [None, None, None, None, 0.0, None]
    empty = kernel.compute({"tx": events([1], amount=[1.0], shop=["bar"])}, spine.slice(1))
    assert empty.num_rows == 0
    assert empty.schema.field("own_mode").type == TEXT


def test_missing_values_do_not_count_and_meet_no_condition() -> None:
    events = payments((3, None), (2, float("nan")), (1, 4.0))
    assert value(tx.mean("amount", days(1)), events) == 4.0
    assert value(tx.count(days(1)), events) == 3
    assert value(tx.share(days(1), amount=4.0), events) == pytest.approx(1 / 3)
    assert value(tx.distinct("amount", days(1)), events) == 1


def test_the_last_event_counts_even_without_a_value() -> None:
    assert value(tx.last("amount", days(1)), payments((2, 5.0), (1, None))) is None


def test_the_first_event_counts_even_without_a_value() -> None:
    """`first` is the earliest event's value, the smallest one among tied events."""
    assert value(tx.first("amount"), _amounts(3.0, 1.0, 2.0)) == 3.0
    assert value(tx.first("amount"), _amounts(None, 1.0)) is None
    assert value(tx.first("amount", hours(2)), _amounts(3.0, 1.0, 2.0)) == 2.0
    assert value(tx.first("amount"), events([5, 5, 5, 1], amount=[7.0, 4.0, None, 1.0])) == 4.0
    assert value(own.first("amount"), _amounts(), amount=[9.0]) is None


def test_of_simultaneous_events_the_one_known_last_is_the_last() -> None:
    events = pa.concat_tables([payments((1, 5.0)), payments((1, 3.0), late=0.5)])
    assert value(tx.last("amount", days(1)), events) == 3.0
    assert value(tx.last("amount", days(1)), events.take(pa.array([1, 0]))) == 3.0


def test_days_since_are_fractions_of_a_day() -> None:
    events = payments((36, 1.0), (6, 1.0))
    assert value(tx.time_since_last(), events) == 0.25
    assert value(tx.time_since_first(), events) == 1.5
    assert value(own.time_since_last(), events, request(amount=[1.0])) == 0.25
