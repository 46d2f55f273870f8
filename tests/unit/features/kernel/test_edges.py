"""Where windows begin and end, computed by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from assets.features import reference
from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Events, FeatureSet, days, hours, last_events, last_months, this_month, today
from tests.unit.features.one_person import CENTS, MICROS, NOON, own, payments, request, tx, value


def test_a_window_is_open_at_its_far_end_and_closed_at_the_decision() -> None:
    assert value(tx.count(hours(5)), payments((5, 1), (4.999, 1), (0, 1), (-0.001, 1))) == 2


def test_where_the_request_counts_other_events_must_be_before_it() -> None:
    events = payments((5, 7.0), (1, 5.0), (0, 9.0), (-1, 9.0))
    spine = request(amount=[3.0])
    assert value(own.count(hours(5)), events, spine) == 2
    assert value(own.sum("amount", hours(5)), events, spine) == 8.0
    assert value(own.max("amount", hours(5)), events, spine) == 5.0


def test_simultaneous_events_are_ordered_by_sequence() -> None:
    events = payments((0, 1.0), (0, 10.0), (0, 100.0), sequence=[4, 5, 6])
    assert value(own.sum("amount", days(1)), events, request(amount=[10.0], sequence=[5])) == 11.0
    assert value(own.last("amount", days(1)), events, request(amount=[10.0], sequence=[7])) == 100.0


def test_a_lagged_window_ends_before_the_decision() -> None:
    """(as_of - 2 h - 3 h, as_of - 2 h]; an event counts if it is known at the decision, even after the window's end."""
    events = payments((5.001, 1), (5, 2), (4.999, 4), (2, 8), (1.999, 16))
    assert value(tx.sum("amount", hours(3), lag=hours(2)), events) == 12
    assert value(tx.sum("amount", lag=hours(2)), events) == 15
    assert value(tx.sum("amount", hours(3), lag=hours(2)), payments((3, 1), late=2.5)) == 1
    assert value(tx.count(hours(3), lag=hours(2)), payments((3, 1), late=3.5)) == 0
    known = Events("tx", key="who", time="known_at")
    assert value(known.count(hours(3), lag=hours(2)), payments((7, 1), (4, 1), late=1.5)) == 1


def test_the_request_is_not_in_a_window_that_ends_before_it() -> None:
    """With a lag or a past month the request is not in the window, and the spine needs none of its columns."""
    for feature in (own.sum("amount", hours(3), lag=hours(2)), own.sum("amount", last_months(1))):
        assert value(feature, payments((24 * 20, 4), (3, 4))) == 4
    assert value(own.sum("amount", today()), payments((3, 4)), request(amount=[8.0])) == 12


def test_calendar_windows_begin_and_end_with_their_period() -> None:
    """Noon of 10 March: the month is 9.5 days old; February had 28 days."""
    month = 9.5 * 24
    events = payments((0, 1), (month, 2), (month + 0.001, 4), (month + 28 * 24, 8), (month + 28 * 24 + 0.001, 16))
    assert value(tx.sum("amount", this_month()), events) == 3
    assert value(tx.sum("amount", last_months(1)), events) == 12
    assert value(tx.sum("amount", last_months(2)), events) == 28
    assert value(tx.sum("amount", today()), payments((12.001, 1), (12, 2), (0, 4), (-1, 8))) == 6
    # Berlin is an hour ahead: its day began at 23:00 UTC.
    assert value(tx.sum("amount", today("Europe/Berlin")), payments((13.001, 1), (13, 2), (12, 4))) == 6
    spring = datetime(2026, 3, 29, 10, tzinfo=UTC)
    late = [(NOON - spring) / timedelta(hours=1) + before for before in (11.001, 11, 0)]
    assert value(tx.count(today("Europe/Berlin")), payments(*((h, 1.0) for h in late)), request(spring)) == 2


def test_tied_events_are_all_among_the_last_events() -> None:
    """Two with the same times are both in the window; of simultaneous ones, the one known earlier is the earlier."""
    assert value(tx.sum("amount", last_events(2)), payments((3, 1), (2, 2), (2, 4), (1, 8))) == 14
    moments = pa.array([NOON - timedelta(hours=h) for h in (1.5, 2, 1)], MICROS)
    events = payments((2, 2), (2, 4), (1, 8)).set_column(2, "known_at", moments)
    assert value(tx.sum("amount", last_events(2)), events) == 10


def test_entities_over_a_long_time_are_searched_in_slabs() -> None:
    """Thousands of years times dozens of entities do not fit one 63-bit integer."""
    random = np.random.default_rng(3)
    people, count = [f"p{number}" for number in range(80)], 1_500
    moments = random.integers(-60_000_000_000, 250_000_000_000, count) * 1_000_000
    events = pa.table(
        {
            "who": pa.array(random.choice(people, count)),
            "event_time": pa.array(moments, MICROS),
            "known_at": pa.array(moments + random.integers(0, 2, count) * 10**15, MICROS),
            "amount": pa.array(random.integers(0, 10_000, count) / 100),
        }
    )
    as_of = pa.array(random.integers(-60_000_000_000, 250_000_000_000, 200) * 1_000_000, MICROS)
    spine = pa.table({"who": pa.array(random.choice(people, 200)), "as_of": as_of})
    features = FeatureSet(history=[tx.sum("amount", days(300_000)), tx.last("amount"), tx.count(days(365_000))])
    found = compile_features(features, CENTS).compute({"tx": events}, spine)
    assert found.to_pylist() == reference.compute(features, CENTS, {"tx": events}, spine)
    assert sum(value or 0 for value in found["tx_count_365000d"].to_pylist()) > 300
