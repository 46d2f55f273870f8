"""Revised records: what a decision could know of them."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import Events, FeatureError, FeatureSet, History, days, hours, last_events
from tests.unit.features.one_person import CENTS, MICROS, NOON, revised, revision

tx = Events("tx", key="who", record_key="id")


def _values(feature: History, events: pa.Table, *hours_from_noon: float) -> list[Any]:
    """The feature of one person as of several times."""
    spine = pa.table(
        {
            "who": ["me"] * len(hours_from_noon),
            "as_of": pa.array([NOON + timedelta(hours=h) for h in hours_from_noon], MICROS),
        }
    )
    found = compile_features(FeatureSet(history=[feature]), CENTS).compute({"tx": events}, spine)
    return list(found[feature.name].to_pylist())


def test_a_correction_counts_from_when_it_was_known() -> None:
    """Before that time the first revision counts, from then on the second one, and never both."""
    events = revised(revision("a", -9, -9, 10), revision("a", -9, -2, 12), revision("b", -8, -8, 1))
    moments = (-10, -8.5, -2.001, -2, 0)
    assert _values(tx.sum("amount", days(1)), events, *moments) == [None, 10, 11, 13, 13]
    assert _values(tx.count(days(1)), events, *moments) == [0, 1, 2, 2, 2]


def test_a_revision_counts_until_the_next_one_is_known() -> None:
    """Until the microsecond before; also where another record is replaced later."""
    events = revised(revision("a", -9, -9, 10), revision("a", -9, -2, 12), revision("b", -8, -8, 1))
    microsecond = timedelta(microseconds=1) / timedelta(hours=1)
    assert _values(tx.sum("amount", days(1)), events, -2 - microsecond) == [11]
    assert _values(tx.sum("amount", days(1)), events, -2) == [13]
    both = pa.concat_tables([events, revised(revision("b", -8, -1, 4))])
    assert _values(tx.sum("amount", days(1)), both, -2 - microsecond, -2, -1 - microsecond, -1) == [11, 13, 13, 16]


def test_revisions_with_the_same_times_are_ordered_by_sequence() -> None:
    """The last one by sequence counts."""
    own = Events("tx", key="who", record_key="id", includes_request=True)
    revisions = revised(revision("a", -3, -3, 1), revision("a", -3, -3, 2), revision("a", -3, -3, 4))
    kernel = compile_features(FeatureSet(history=[own.max("amount", days(1))]), CENTS)
    spine = pa.table({"who": ["me"], "as_of": pa.array([NOON], MICROS), "amount": [0.0], "sequence": [9]})
    for order, expected in (([1, 3, 2], 2.0), ([1, 2, 3], 4.0), ([3, 1, 2], 1.0)):
        events = revisions.append_column("sequence", pa.array(order))
        assert kernel.compute({"tx": events}, spine).to_pylist() == [{"tx_max_amount_1d": expected}]


def test_a_range_of_time_holds_all_revisions_of_its_records() -> None:
    """A revision that moves an event far away counts also where an entity is computed in ranges."""
    kernel = compile_features(FeatureSet(history=[tx.count(hours(2))]), CENTS)
    events = revised(
        *(revision(f"f{hour}", -hour, -hour, 1) for hour in range(30)), revision("f3", -200, -2, 1),
        revision("f20", -200, -19.5, 1),
    )  # fmt: skip
    moments = pa.array([NOON - timedelta(hours=hour) for hour in range(30)], MICROS)
    spine = pa.table({"who": ["me"] * 30, "as_of": moments})
    whole = kernel.compute_entity("who", {"tx": events}, spine)["tx_count_2h"]
    split = kernel.compute_entity("who", {"tx": events}, spine, most_events=4)["tx_count_2h"]
    assert split.tolist() == whole.tolist()
    assert (whole[1], whole[2], whole[3], whole[19], whole[20]) == (2, 1, 2, 1, 2)


def test_a_revision_may_move_an_event_out_of_the_window_and_into_it() -> None:
    """The time of the latest known revision decides, also where it is far from the window or in the future."""
    away = revised(revision("a", -9, -9, 10), revision("a", -900, -2, 10))
    assert _values(tx.count(days(1)), away, -3, 0) == [1, 0]
    back = revised(revision("a", -900, -9, 10), revision("a", -5, -2, 10))
    assert _values(tx.count(days(1)), back, -3, 0) == [0, 1]
    ahead = revised(revision("a", -9, -9, 10), revision("a", 3, -2, 10))
    assert _values(tx.count(days(1)), ahead, -3, 0, 3) == [1, 0, 1]


def test_a_revision_that_the_filter_excludes_withdraws_the_record() -> None:
    """Revisions replace each other before conditions apply."""
    events = revised(revision("a", -9, -9, 10), revision("a", -9, -4, 10, void=True), revision("a", -9, -2, 10))
    assert _values(tx.where(void=False).count(days(1)), events, -5, -3, -1) == [1, 0, 1]


def test_the_revision_known_last_counts_whenever_it_happened() -> None:
    """Of two revisions the one known last counts, even if it happened earlier."""
    events = revised(revision("a", -9, -2, 10), revision("a", -8, -4, 20))
    assert _values(tx.sum("amount", days(1)), events, -3, 0) == [20, 10]


def test_events_without_a_record_key_and_of_other_entities_are_separate_records() -> None:
    """Missing record keys are not equal, and equal record keys of two entities are two records."""
    events = revised(revision(None, -3, -3, 1), revision(None, -2, -2, 2), revision("a", -1, -1, 4))
    assert _values(tx.sum("amount", days(1)), events, 0) == [7]
    other = revised(revision("a", -3, -3, 1), revision("a", -2, -2, 2, who="you"))
    assert _values(tx.sum("amount", days(1)), other, 0) == [1]


def test_identical_revisions_count_once_and_contradictory_ones_are_refused() -> None:
    """Of two different revisions with the same times, neither is the later one."""
    twice = revision("a", -3, -3, 1)
    assert _values(tx.sum("amount", days(1)), revised(twice, twice), 0) == [1]
    with pytest.raises(FeatureError, match="events of 'tx': two revisions of the same 'id' differ"):
        _values(tx.sum("amount", days(1)), revised(twice, {**twice, "amount": 2.0}), 0)


def test_the_last_events_are_records_and_not_revisions() -> None:
    """A revised record is one of the last two by the time of its latest known revision."""
    events = revised(
        revision("a", -9, -9, 1), revision("b", -8, -8, 2), revision("c", -7, -7, 4), revision("b", -8, -1, 8)
    )
    assert _values(tx.sum("amount", last_events(2)), events, -2, 0) == [6, 12]
