"""Facts that are corrected: what a decision could know of them, in the kernel and through the online store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.online.request import compute_one
from assets.vocabulary import Events, FeatureError, FeatureSet, History, days, hours, last_events
from resources.online_store.opening import open_store

MICROS = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TYPES = {"who": pa.string(), "id": pa.string(), "amount": pa.float64(), "void": pa.bool_()}
CENTS = {"tx": {"amount": 0.01}}

tx = Events("tx", key="who", fact="id")


def _version(
    fact: str | None, happened: float, known: float, amount: float, who: str = "me", void: bool = False
) -> dict[str, Any]:
    """A version of a fact; times in hours from noon."""
    return {
        "who": who, "id": fact, "amount": amount, "void": void, "event_time": NOON + timedelta(hours=happened),
        "known_at": NOON + timedelta(hours=known),
    }  # fmt: skip


def _table(*versions: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(
        list(versions), schema=pa.schema([*TYPES.items(), ("event_time", MICROS), ("known_at", MICROS)])
    )


def _values(feature: History, events: pa.Table, *hours_from_noon: float) -> list[Any]:
    """The feature of one person as of some moments."""
    spine = pa.table(
        {
            "who": ["me"] * len(hours_from_noon),
            "as_of": pa.array([NOON + timedelta(hours=h) for h in hours_from_noon], MICROS),
        }
    )
    found = compile_features(FeatureSet(history=[feature]), CENTS).compute({"tx": events}, spine)
    return list(found[feature.name].to_pylist())


def test_a_correction_counts_from_when_it_was_known() -> None:
    """Before that the first version counts, at that very moment the second one does, and never both."""
    events = _table(_version("a", -9, -9, 10), _version("a", -9, -2, 12), _version("b", -8, -8, 1))
    moments = (-10, -8.5, -2.001, -2, 0)
    assert _values(tx.sum("amount", days(1)), events, *moments) == [None, 10, 11, 13, 13]
    assert _values(tx.count(days(1)), events, *moments) == [0, 1, 2, 2, 2]


def test_a_version_counts_until_the_moment_at_which_the_next_is_known() -> None:
    """Not at that moment, and at every moment before: also alone, and where another fact is replaced later still."""
    events = _table(_version("a", -9, -9, 10), _version("a", -9, -2, 12), _version("b", -8, -8, 1))
    microsecond = timedelta(microseconds=1) / timedelta(hours=1)
    assert _values(tx.sum("amount", days(1)), events, -2 - microsecond) == [11]
    assert _values(tx.sum("amount", days(1)), events, -2) == [13]
    both = pa.concat_tables([events, _table(_version("b", -8, -1, 4))])
    assert _values(tx.sum("amount", days(1)), both, -2 - microsecond, -2, -1 - microsecond, -1) == [11, 13, 13, 16]


def test_the_sequence_tells_versions_of_one_moment_apart() -> None:
    """Among versions known and happened at the same moment the last by sequence counts."""
    own = Events("tx", key="who", fact="id", includes_request=True)
    versions = _table(_version("a", -3, -3, 1), _version("a", -3, -3, 2), _version("a", -3, -3, 4))
    kernel = compile_features(FeatureSet(history=[own.max("amount", days(1))]), CENTS)
    spine = pa.table({"who": ["me"], "as_of": pa.array([NOON], MICROS), "amount": [0.0], "sequence": [9]})
    for order, expected in (([1, 3, 2], 2.0), ([1, 2, 3], 4.0), ([3, 1, 2], 1.0)):
        events = versions.append_column("sequence", pa.array(order))
        assert kernel.compute({"tx": events}, spine).to_pylist() == [{"tx_max_amount_1d": expected}]


def test_a_range_of_time_takes_other_versions_of_its_facts_along() -> None:
    """A correction that moved a fact far away is not lost where an entity is computed in ranges."""
    kernel = compile_features(FeatureSet(history=[tx.count(hours(2))]), CENTS)
    events = _table(
        *(_version(f"f{hour}", -hour, -hour, 1) for hour in range(30)), _version("f3", -200, -2, 1),
        _version("f20", -200, -19.5, 1),
    )  # fmt: skip
    moments = pa.array([NOON - timedelta(hours=hour) for hour in range(30)], MICROS)
    spine = pa.table({"who": ["me"] * 30, "as_of": moments})
    whole = kernel.compute_entity("who", {"tx": events}, spine)["tx_count_2h"]
    split = kernel.compute_entity("who", {"tx": events}, spine, most_events=4)["tx_count_2h"]
    assert split.tolist() == whole.tolist()
    assert (whole[1], whole[2], whole[3], whole[19], whole[20]) == (2, 1, 2, 1, 2)


def test_a_correction_may_move_a_fact_out_of_the_window_and_into_it() -> None:
    """The time of the version that counts decides, also when it is far from the window or yet to come."""
    away = _table(_version("a", -9, -9, 10), _version("a", -900, -2, 10))
    assert _values(tx.count(days(1)), away, -3, 0) == [1, 0]
    back = _table(_version("a", -900, -9, 10), _version("a", -5, -2, 10))
    assert _values(tx.count(days(1)), back, -3, 0) == [0, 1]
    ahead = _table(_version("a", -9, -9, 10), _version("a", 3, -2, 10))
    assert _values(tx.count(days(1)), ahead, -3, 0, 3) == [1, 0, 1]


def test_a_version_that_the_filter_leaves_out_takes_the_fact_back() -> None:
    """Versions follow one another before any condition is looked at."""
    events = _table(_version("a", -9, -9, 10), _version("a", -9, -4, 10, void=True), _version("a", -9, -2, 10))
    assert _values(tx.where(void=False).count(days(1)), events, -5, -3, -1) == [1, 0, 1]


def test_what_is_known_late_is_not_replaced_before() -> None:
    """An older version that arrives after the newer one was known is the last word: it was known last."""
    events = _table(_version("a", -9, -2, 10), _version("a", -8, -4, 20))
    assert _values(tx.sum("amount", days(1)), events, -3, 0) == [20, 10]


def test_events_without_identity_and_of_others_stand_for_themselves() -> None:
    """A missing identity is no common one, and an identity is its entity's alone."""
    events = _table(_version(None, -3, -3, 1), _version(None, -2, -2, 2), _version("a", -1, -1, 4))
    assert _values(tx.sum("amount", days(1)), events, 0) == [7]
    other = _table(_version("a", -3, -3, 1), _version("a", -2, -2, 2, who="you"))
    assert _values(tx.sum("amount", days(1)), other, 0) == [1]


def test_what_was_delivered_twice_counts_once_and_what_contradicts_itself_is_refused() -> None:
    """Two equal versions are one; two that differ and are known at the same moment have no later one."""
    twice = _version("a", -3, -3, 1)
    assert _values(tx.sum("amount", days(1)), _table(twice, twice), 0) == [1]
    with pytest.raises(FeatureError, match="events of 'tx': two versions of the same 'id' differ"):
        _values(tx.sum("amount", days(1)), _table(twice, {**twice, "amount": 2.0}), 0)


def test_the_last_events_are_facts_and_not_versions() -> None:
    """A corrected fact is one of the last two, where its last version says that it happened."""
    events = _table(
        _version("a", -9, -9, 1), _version("b", -8, -8, 2), _version("c", -7, -7, 4), _version("b", -8, -1, 8)
    )
    assert _values(tx.sum("amount", last_events(2)), events, -2, 0) == [6, 12]


def test_the_online_store_gives_a_decision_what_training_saw(tmp_path: Path) -> None:
    """Versions loaded and versions posted since; the identity is among the columns that the kernel needs."""
    kernel = compile_features(
        FeatureSet(history=[tx.sum("amount", days(1)), tx.count(hours(6)), tx.last("amount", last_events(3))]), CENTS
    )
    (need,) = kernel.needs
    assert need.columns == ("amount", "id")
    loaded = [_version("a", -9, -9, 10), _version("a", -9, -8, 12), _version("b", -5, -5, 1), _version("c", -4, -4, 3)]
    posted = [_version("b", -5, -1, 7), _version("c", -90, -0.5, 3)]
    store = open_store(f"lmdb://{tmp_path}", "product")
    names = ["who", "event_time", "known_at", *need.columns]
    store.put_events(
        "tx", "who", _table(*loaded).select(names), version="v1", loaded_until=NOON - timedelta(hours=2),
        lookback=timedelta(microseconds=need.reach) if need.reach else None,
    )  # fmt: skip
    store.publish("v1")
    for version in posted:
        assert store.append_event("tx", {name: version[name] for name in names})
    spine = pa.table({"who": ["me"], "as_of": pa.array([NOON], MICROS)})
    online = compute_one(kernel, {("tx", "who"): store.fetch("tx", "who", "me")}, spine)
    store.close()
    assert kernel.compute({"tx": _table(*loaded, *posted)}, spine).to_pylist() == [online]
    assert online == {"tx_sum_amount_1d": 19.0, "tx_count_6h": 1.0, "tx_last_amount_last_3_events": 7.0}
