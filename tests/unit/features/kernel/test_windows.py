"""Which events a row may use; the searches and ranges, against the obvious way."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.features import reference
from assets.features.kernel.kernel import compile_features
from assets.features.kernel.windows import chunks, ragged, range_pick, ranges
from assets.vocabulary import Events, FeatureSet, days
from tests.unit.features.one_person import CENTS, MICROS, NOON, events, payments, request, tx, value


@pytest.mark.parametrize("size", [1, 2, 7, 64, 65])
def test_every_range_has_its_extreme(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 50, size).astype(np.float64)
    low, high = (grid.ravel() for grid in np.meshgrid(np.arange(size + 1), np.arange(size + 1)))
    low, high = low[low <= high], high[low <= high]
    expected = [values[a:b].min(initial=np.inf) for a, b in zip(low, high, strict=True)]
    np.testing.assert_array_equal(range_pick(values, low, high, np.minimum, np.inf), expected)


def test_positions_of_ranges_have_their_owner() -> None:
    owner, index = ragged(np.array([3, 5, 0]), np.array([5, 5, 1]))
    assert owner.tolist() == [0, 0, 2]
    assert index.tolist() == [3, 4, 0]


def test_chunks_hold_every_row_once_and_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.features.kernel.windows._PAIRS", 10)
    sizes = np.array([4, 6, 1, 0, 30, 0, 9, 1, 1])
    found = list(chunks(sizes))
    assert found == [(0, 2), (2, 4), (4, 5), (5, 8), (8, 9)]
    assert list(chunks(np.array([], np.int64))) == []


@pytest.mark.parametrize("most", [1, 50, 300, 5_000])
def test_ranges_go_on_by_as_much_as_they_look_back(most: int) -> None:
    """A row whose window exceeds the limit does not make every as-of time a range of its own."""
    random = np.random.default_rng(most)
    times, as_of = np.sort(random.integers(0, 10_000, 2_000)), random.integers(0, 10_000, 700)
    held, rows = 0, []
    for positions, first, last in ranges(times, as_of, 1_000, most):
        events = np.sum((times > first) & (times <= last))
        window = np.sum((times > first) & (times <= as_of[positions].min()))
        assert (as_of[positions] <= last).all()
        assert (as_of[positions] - 1_000 >= first).all()
        assert events <= max(most, 2 * window)
        held += events
        rows += positions.tolist()
    assert sorted(rows) == list(range(700))
    assert held <= 3 * len(times)


def test_what_became_known_later_is_not_used() -> None:
    assert value(tx.sum("amount", days(1)), payments((5, 2.5), late=5)) == 2.5
    assert value(tx.sum("amount", days(1)), payments((5, 2.5), late=5.001)) is None


def test_what_is_known_ahead_is_not_used_before_it_happens() -> None:
    known = Events("tx", key="who", time="known_at")
    announced = payments((-2, 2.5), late=-3)
    assert value(tx.count(days(1)), announced) == 0
    assert value(known.count(days(1)), announced) == 0
    assert value(known.count(days(1)), announced, request(NOON + timedelta(hours=2))) == 1


def test_a_window_may_be_over_known_at() -> None:
    known = Events("tx", key="who", time="known_at")
    events = payments((7 * 24 + 1, 1.0), (7 * 24 - 1, 1.0), (8 * 24, 1.0), late=7 * 24)
    assert value(known.count(days(1)), events) == 1


def test_many_late_events_are_right_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are recomputed one by one are taken in chunks."""
    monkeypatch.setattr("assets.features.kernel.windows._PAIRS", 40)
    random = np.random.default_rng(4)
    moments = random.integers(0, 1_000, 120) * 3_600_000_000
    events = pa.table(
        {
            "who": pa.array(random.choice(["a", "b"], 120)),
            "event_time": pa.array(moments, MICROS),
            "known_at": pa.array(moments + random.integers(0, 500, 120) * 3_600_000_000, MICROS),
            "amount": pa.array(random.integers(0, 500, 120) / 100),
        }
    )
    spine = pa.table(
        {
            "who": pa.array(random.choice(["a", "b"], 50)),
            "as_of": pa.array(random.integers(0, 1_200, 50) * 3_600_000_000, MICROS),
        }
    )
    features = FeatureSet(
        history=[
            tx.sum("amount", days(9)),
            tx.distinct("amount", days(20)),
            tx.max("amount"),
            tx.last("amount", days(2)),
        ]
    )
    found = compile_features(features, CENTS).compute({"tx": events}, spine)
    assert found.to_pylist() == reference.compute(features, CENTS, {"tx": events}, spine)


def test_of_simultaneous_events_the_one_known_first_is_the_first() -> None:
    """`first` and `streak` order simultaneous events by when they became known, in whatever order they are stored."""
    both = events([5, 5], amount=[3.0, 7.0], status=["late", "paid"])
    known = pa.array([NOON - timedelta(hours=2), NOON - timedelta(hours=4)], MICROS)
    both = both.set_column(2, "known_at", known)
    for history in (both, both.take(pa.array([1, 0]))):
        assert value(tx.first("amount"), history) == 7.0
        assert value(tx.streak(status="late"), history) == 1.0
        assert value(tx.streak(status="paid"), history) == 0.0
