"""Kinds beyond counts and sums, worked out by hand, by other libraries, and at the ends of what can be held."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Events, FeatureSet, History, at_least, days, hours
from tests.unit.features.kernel.one_person import CENTS, MICROS, NOON, events, own, tx, value

FLOAT, TEXT = pa.float64(), pa.string()


def _amounts(*amounts: float | None) -> pa.Table:
    """Events an hour apart, the last of them an hour before the decision."""
    return events(list(range(len(amounts), 0, -1)), amount=pa.array(amounts, FLOAT))


def test_the_first_event_speaks_even_when_it_has_no_value() -> None:
    """`first` is the earliest event's value, the smallest one among events that nothing tells apart."""
    assert value(tx.first("amount"), _amounts(3.0, 1.0, 2.0)) == 3.0
    assert value(tx.first("amount"), _amounts(None, 1.0)) is None
    assert value(tx.first("amount", hours(2)), _amounts(3.0, 1.0, 2.0)) == 2.0
    assert value(tx.first("amount"), events([5, 5, 5, 1], amount=[7.0, 4.0, None, 1.0])) == 4.0
    assert value(own.first("amount"), _amounts(), amount=[9.0]) is None


def test_a_quantile_lies_between_two_values_and_is_rounded_once() -> None:
    """Quantiles are type 7 of Hyndman and Fan on the steps of the resolution."""
    assert value(tx.median("amount"), _amounts(0.1, 0.2)) == 0.15
    assert value(tx.median("amount"), _amounts(5.0, None, 1.0, 3.0)) == 3.0
    assert value(tx.quantile("amount", 0.9), _amounts(*(float(n) for n in range(1, 12)))) == 10.0
    assert value(tx.quantile("amount", 0), _amounts(2.0, -1.0)) == -1.0
    assert value(tx.quantile("amount", 1), _amounts(2.0, -1.0)) == 2.0
    assert value(own.median("amount"), _amounts(1.0, 2.0), amount=[9.0]) == 2.0
    assert value(own.quantile("amount", 0.25), _amounts(), amount=[9.0]) == 9.0


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25, 0.5, 0.9, 0.9999, 1.0])
def test_quantiles_are_those_of_numpy(level: float) -> None:
    """Over many windows of many values, repeated ones among them, NumPy's linear method says the same."""
    random = np.random.default_rng(8)
    amounts = np.round(random.normal(0, 40, 300), 2)
    before = np.sort(random.choice(3_000, 300, replace=False))[::-1] / 60
    history = events(before.tolist(), amount=amounts)
    for length in (1, 7, 30, 50):
        inside = amounts[before < length]
        expected = None if not len(inside) else pytest.approx(np.quantile(inside, level), abs=1e-9)
        assert value(tx.quantile("amount", level, hours(length)), history) == expected


def test_the_mode_is_the_most_frequent_value_and_of_equals_the_smallest() -> None:
    """Modes of numbers and of texts, missing values apart."""
    assert value(tx.mode("n"), events([4, 3, 2, 1], n=[5, 2, 5, 1])) == 5.0
    assert value(tx.mode("n"), events([4, 3, 2, 1], n=[5, 2, 5, 2])) == 2.0
    assert value(tx.mode("n"), events([4, 3, 2], n=pa.array([None, None, 3], pa.int64()))) == 3.0
    assert value(own.mode("n"), events([4, 3], n=[5, 2]), n=[5]) == 5.0
    words = tx.mode("shop", values=("bakery", "bar"))
    assert value(words, events([3, 2, 1], shop=["bar", None, "bakery"])) == "bakery"
    assert value(words, events([3, 2, 1], shop=["zoo", "zoo", "bar"])) == "zoo"
    assert value(own.mode("shop", values=("bar",)), events([3], shop=["bar"]), shop=["an inn"]) == "an inn"
    assert value(own.mode("shop", values=("bar",)), events([3], shop=["bar"]), shop=["zoo"]) == "bar"


def test_many_modes_are_right_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that must be spelled out are taken some at a time, with the same values."""
    random = np.random.default_rng(3)
    moments = random.integers(0, 1_000, 200) * 3_600_000_000
    history = pa.table(
        {
            "who": random.choice(["a", "b"], 200),
            "event_time": pa.array(moments, MICROS),
            "known_at": pa.array(moments, MICROS),
            "n": random.integers(0, 4, 200),
        }
    )
    as_of = pa.array(random.integers(0, 1_200, 60) * 3_600_000_000, MICROS)
    spine = pa.table({"who": random.choice(["a", "b", "c"], 60), "as_of": as_of})
    kernel = compile_features(FeatureSet(history=[tx.mode("n", days(9)), tx.mode("n")]), CENTS)
    whole = kernel.compute({"tx": history}, spine)
    monkeypatch.setattr("assets.features.kernel.windows._PAIRS", 30)
    assert kernel.compute({"tx": history}, spine).equals(whole)
    assert whole["tx_mode_n_9d"].null_count > 10


def test_times_between_events_are_in_days() -> None:
    """Gaps of 12, 6 and 6 hours; the request ends one more where it counts."""
    history = events([30, 18, 12, 6])
    assert value(tx.time_between("mean"), history) == 1 / 3
    assert value(tx.time_between("min"), history) == 0.25
    assert value(tx.time_between("max"), history) == 0.5
    assert value(tx.time_between("std"), history) == pytest.approx(np.std([0.5, 0.25, 0.25], ddof=1), rel=1e-15)
    assert value(tx.time_between("max", hours(18)), history) == 0.25
    assert value(own.time_between("max", hours(7)), history) == 0.25
    assert value(own.time_between("std"), history) == pytest.approx(np.std([0.5, 0.25, 0.25, 0.25], ddof=1), rel=1e-15)
    some = events([30, 18, 12, 6], kind=["a", "b", "b", "a"])
    assert value(tx.where(kind="a").time_between("mean"), some) == 1.0
    assert value(own.where(kind="a").time_between("mean"), some, kind=["b"]) == 1.0


def test_simultaneous_events_are_no_time_apart() -> None:
    """A gap of nothing is a gap."""
    assert value(tx.time_between("min"), events([5, 5])) == 0.0
    assert value(tx.time_between("std"), events([5, 5, 5])) == 0.0


def test_a_streak_ends_at_the_latest_event_that_breaks_it() -> None:
    """Streaks count back from the decision among the events that are asked of."""
    late = {"status": "late"}
    assert value(tx.streak(**late), events([4, 3, 2, 1], status=["late", "paid", "late", "late"])) == 2
    assert value(tx.streak(**late), events([2, 1], status=["late", "paid"])) == 0
    assert value(tx.streak(**late), events([2, 1], status=["late", None])) == 0
    assert value(tx.streak(hours(3), **late), events([4, 2, 1], status=["late"] * 3)) == 2
    some = events([4, 3, 2, 1], status=["late", "late", "paid", "late"], kind=["a", "a", "b", "a"])
    assert value(tx.where(kind="a").streak(**late), some) == 3
    assert value(own.streak(**late), events([2, 1], status=["late", "late"]), status=["late"]) == 3
    assert value(own.streak(**late), events([2, 1], status=["late", "late"]), status=["paid"]) == 0


def test_of_one_moment_the_event_that_breaks_a_streak_is_the_last() -> None:
    """A streak does not depend on the order in which indistinguishable events are stored."""
    for statuses in (["late", "paid", "late", "late"], ["late", "late", "paid", "late"]):
        assert value(tx.streak(status="late"), events([5, 3, 3, 1], status=statuses)) == 1


def test_of_simultaneous_events_the_one_known_first_is_the_first() -> None:
    """`first` and `streak` order events of one moment by when they became known, however they are stored."""
    both = events([5, 5], amount=[3.0, 7.0], status=["late", "paid"])
    known = pa.array([NOON - timedelta(hours=2), NOON - timedelta(hours=4)], MICROS)
    both = both.set_column(2, "known_at", known)
    for history in (both, both.take(pa.array([1, 0]))):
        assert value(tx.first("amount"), history) == 7.0
        assert value(tx.streak(status="late"), history) == 1.0
        assert value(tx.streak(status="paid"), history) == 0.0


def test_a_slope_is_by_how_much_a_column_rises_a_day() -> None:
    """Ten cents every six hours are forty a day; a single moment has no slope."""
    assert value(tx.slope("amount"), events([24, 18, 12, 6], amount=[0.1, 0.2, 0.3, 0.4])) == 0.4
    assert value(tx.slope("amount"), events([24, 18, 6], amount=[0.1, None, 0.4])) == 0.4
    assert value(tx.slope("amount"), events([5, 5, 5], amount=[1.0, 2.0, 4.0])) is None
    assert value(own.slope("amount"), events([12], amount=[1.0]), amount=[2.0]) == 2.0
    random = np.random.default_rng(5)
    before, amounts = np.sort(random.uniform(0, 900, 50))[::-1], np.round(random.normal(0, 9, 50), 2)
    fitted = np.polyfit(-before / 24, amounts, 1)[0]
    assert value(tx.slope("amount"), events(before.tolist(), amount=amounts)) == pytest.approx(fitted, rel=1e-7)


def test_sums_beyond_64_bits_are_exact() -> None:
    """Over thousands of years, and with amounts at the end of their range, nothing wraps around."""
    largest, century = 90_071_992_547_409.0, 36_525 * 24
    history = events([15 * century, 8 * century, century, 1], amount=[-largest, largest, largest, largest])
    for feature in (tx.slope("amount"), tx.decayed_sum("amount", days(3_000)), tx.time_between("std")):
        assert value(feature, history) > 0
    assert value(tx.median("amount"), history) == largest


def test_an_event_weighs_half_after_each_half_life() -> None:
    """Weights are exact at whole half-lives, and the request weighs one."""
    history = events([0, 24, 48, 24 * 70], amount=[1.0, 10.0, 100.0, 1_000.0])
    assert value(tx.decayed_count(days(1)), history) == 1.75
    assert value(tx.decayed_sum("amount", days(1)), history) == 31.0
    assert value(tx.decayed_count(days(1), days(2)), history) == 1.5
    assert value(own.decayed_sum("amount", days(1)), events([24], amount=[8.0]), amount=[1.0]) == 5.0
    assert value(own.decayed_count(days(1)), events([24], amount=[8.0]), amount=[1.0]) == 1.5


@pytest.mark.parametrize("half_life", [hours(1), hours(31), days(20), days(3_000)])
def test_decayed_sums_keep_their_error_bound(half_life: Any) -> None:
    """Against the formula in floating point, within 2^-32 of the sum of the terms' sizes."""
    random = np.random.default_rng(6)
    before, amounts = np.sort(random.uniform(0, 2_000, 400))[::-1], np.round(random.normal(0, 50, 400), 2)
    micros = (before * 3_600_000_000).astype(np.int64)
    moments = pa.array(int(NOON.timestamp() * 1e6) - micros, MICROS)
    history = pa.table({"who": ["me"] * 400, "event_time": moments, "known_at": moments, "amount": amounts})
    weights = 2.0 ** -(micros / (half_life.total_seconds() * 1e6))
    bound = 2.0**-32
    found = value(tx.decayed_sum("amount", half_life), history)
    assert found == pytest.approx((weights * amounts).sum(), abs=bound * (weights * np.abs(amounts)).sum())
    assert value(tx.decayed_count(half_life), history) == pytest.approx(weights.sum(), rel=bound)


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
def test_over_too_little_a_feature_is_missing_unless_it_is_declared(
    feature: History, nothing: float | None, one: float | None
) -> None:
    """Missing is missing; a count of nothing is 0, and anything else only where `empty` says so."""
    assert value(feature, events([], amount=pa.array([], FLOAT), shop=pa.array([], TEXT))) == nothing
    assert value(feature, events([1], amount=[4.0], shop=["bar"])) == one


@pytest.mark.parametrize(
    "feature", [tx.first("amount"), tx.median("amount"), tx.mode("amount"), tx.slope("amount"),
                tx.decayed_sum("amount", days(1))],
)  # fmt: skip
def test_a_history_without_values_has_no_feature(feature: History) -> None:
    """Events whose column is missing are no zeros."""
    assert value(feature, events([3, 2, 1], amount=pa.array([None, float("nan"), None], FLOAT))) is None


def test_rows_without_events_of_their_own_source() -> None:
    """A source without any event, and a spine without rows, have every kind."""
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
