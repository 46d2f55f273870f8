"""What a window holds, worked out by hand, and what the kernel refuses."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.features import reference
from assets.features.kernel import kernel as kernel_module
from assets.features.kernel import parts as parts_module
from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.online.request import compute_one
from assets.vocabulary import (
    Category,
    Events,
    FeatureError,
    FeatureSet,
    History,
    Number,
    Ratio,
    at_least,
    days,
    hours,
    last_events,
    last_months,
    this_month,
    today,
)

MICROS = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CENTS = {"tx": {"amount": 0.01}}

tx = Events("tx", key="who")
own = Events("tx", key="who", includes_request=True)


def _events(*rows: tuple[float, float | None], late: float = 0, **columns: list[Any]) -> pa.Table:
    """Events of one person: (hours before noon, amount), each known `late` hours after it happened."""
    moments = [NOON - timedelta(hours=before) for before, _ in rows]
    return pa.table(
        {
            "who": pa.array(["me"] * len(rows), pa.string()),
            "event_time": pa.array(moments, MICROS),
            "known_at": pa.array([moment + timedelta(hours=late) for moment in moments], MICROS),
            "amount": pa.array([amount for _, amount in rows], pa.float64()),
            **columns,
        }
    )


def _spine(as_of: datetime = NOON, who: str | None = "me", **columns: list[Any]) -> pa.Table:
    return pa.table({"who": pa.array([who], pa.string()), "as_of": pa.array([as_of], MICROS), **columns})


def _value(feature: History, events: pa.Table, spine: pa.Table | None = None) -> Any:
    kernel = compile_features(FeatureSet(history=[feature]), CENTS)
    return kernel.compute({"tx": events}, _spine() if spine is None else spine)[feature.name][0].as_py()


def test_a_window_is_open_at_its_far_end_and_closed_at_the_decision() -> None:
    assert _value(tx.count(hours(5)), _events((5, 1), (4.999, 1), (0, 1), (-0.001, 1))) == 2


def test_with_the_request_counted_only_earlier_events_count_beside_it() -> None:
    events = _events((5, 7.0), (1, 5.0), (0, 9.0), (-1, 9.0))
    spine = _spine(amount=[3.0])
    assert _value(own.count(hours(5)), events, spine) == 2
    assert _value(own.sum("amount", hours(5)), events, spine) == 8.0
    assert _value(own.max("amount", hours(5)), events, spine) == 5.0


def test_simultaneous_events_count_by_sequence() -> None:
    events = _events((0, 1.0), (0, 10.0), (0, 100.0), sequence=[4, 5, 6])
    assert _value(own.sum("amount", days(1)), events, _spine(amount=[10.0], sequence=[5])) == 11.0
    assert _value(own.last("amount", days(1)), events, _spine(amount=[10.0], sequence=[7])) == 100.0


def test_what_became_known_later_is_not_used() -> None:
    assert _value(tx.sum("amount", days(1)), _events((5, 2.5), late=5)) == 2.5
    assert _value(tx.sum("amount", days(1)), _events((5, 2.5), late=5.001)) is None


def test_what_is_known_ahead_is_not_used_before_it_happens() -> None:
    known = Events("tx", key="who", time="known_at")
    announced = _events((-2, 2.5), late=-3)
    assert _value(tx.count(days(1)), announced) == 0
    assert _value(known.count(days(1)), announced) == 0
    assert _value(known.count(days(1)), announced, _spine(NOON + timedelta(hours=2))) == 1


def test_a_window_may_be_over_when_facts_became_known() -> None:
    known = Events("tx", key="who", time="known_at")
    events = _events((7 * 24 + 1, 1.0), (7 * 24 - 1, 1.0), (8 * 24, 1.0), late=7 * 24)
    assert _value(known.count(days(1)), events) == 1


def test_sums_are_exact_whatever_stands_before_them() -> None:
    amounts = [90_071_992_547_409.0, 0.1, 0.2]
    events = _events(*zip([50, 2, 1], amounts, strict=True))
    assert _value(tx.sum("amount", hours(3)), events) == 0.3
    assert _value(tx.std("amount", hours(3)), events) == pytest.approx(0.0707106781, abs=1e-9)


def test_a_spread_survives_a_large_mean() -> None:
    events = _events((3, 10_000_000_000.01), (2, 10_000_000_000.02), (1, 10_000_000_000.03))
    assert _value(tx.std("amount", days(1)), events) == 0.01


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
def test_over_nothing_a_feature_is_missing_unless_it_is_declared(feature: History, nothing: float | None) -> None:
    assert _value(feature, _events()) == nothing
    assert _value(feature, _events((1, 4.0)), _spine(who="somebody else")) == nothing
    assert _value(feature, _events((1, 4.0)), _spine(who=None)) == nothing


def test_missing_values_are_left_out_and_never_match() -> None:
    events = _events((3, None), (2, float("nan")), (1, 4.0))
    assert _value(tx.mean("amount", days(1)), events) == 4.0
    assert _value(tx.count(days(1)), events) == 3
    assert _value(tx.share(days(1), amount=4.0), events) == pytest.approx(1 / 3)
    assert _value(tx.distinct("amount", days(1)), events) == 1


def test_the_last_event_speaks_even_when_it_has_no_value() -> None:
    assert _value(tx.last("amount", days(1)), _events((2, 5.0), (1, None))) is None


def test_simultaneous_last_events_are_the_later_known_one() -> None:
    events = pa.concat_tables([_events((1, 5.0)), _events((1, 3.0), late=0.5)])
    assert _value(tx.last("amount", days(1)), events) == 3.0
    assert _value(tx.last("amount", days(1)), events.take(pa.array([1, 0]))) == 3.0


def test_days_since_are_fractions_of_a_day() -> None:
    events = _events((36, 1.0), (6, 1.0))
    assert _value(tx.time_since_last(), events) == 0.25
    assert _value(tx.time_since_first(), events) == 1.5
    assert _value(own.time_since_last(), events, _spine(amount=[1.0])) == 0.25


def test_text_may_be_encoded_or_large() -> None:
    feature = tx.where(kind="a").count(days(1))
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        events = _events((3, 1.0), (2, 1.0), (1, 1.0), kind=pa.array(["a", None, "b"]).cast(kind))
        assert _value(feature, events) == 1


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


def test_many_late_facts_are_right_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that must be spelled out are taken some at a time."""
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


def test_the_table_has_numbers_and_texts_in_order() -> None:
    features = FeatureSet(
        request=[Category("purpose", values=("car",)), Number("age"), Number("member")],
        derived=[Ratio("young", "age", "age")],
    )
    spine = _spine(purpose=["boat"], age=pa.array([30], pa.int16()), member=[True])
    found = compile_features(features, {}).compute({}, spine)
    assert found.schema == pa.schema(
        [("purpose", pa.string()), ("age", pa.float64()), ("member", pa.float64()), ("young", pa.float64())]
    )
    assert found.to_pylist() == [{"purpose": "boat", "age": 30.0, "member": 1.0, "young": 1.0}]


def test_a_lagged_window_ends_before_the_decision() -> None:
    """(as_of - 2 h - 3 h, as_of - 2 h]; an event counts as soon as it is known at the decision, even if not before."""
    events = _events((5.001, 1), (5, 2), (4.999, 4), (2, 8), (1.999, 16))
    assert _value(tx.sum("amount", hours(3), lag=hours(2)), events) == 12
    assert _value(tx.sum("amount", lag=hours(2)), events) == 15
    assert _value(tx.sum("amount", hours(3), lag=hours(2)), _events((3, 1), late=2.5)) == 1
    assert _value(tx.count(hours(3), lag=hours(2)), _events((3, 1), late=3.5)) == 0
    known = Events("tx", key="who", time="known_at")
    assert _value(known.count(hours(3), lag=hours(2)), _events((7, 1), (4, 1), late=1.5)) == 1


def test_the_request_is_not_in_a_window_that_ends_before_it() -> None:
    """A lag or a whole month takes the request out, and its columns are not asked for."""
    for feature in (own.sum("amount", hours(3), lag=hours(2)), own.sum("amount", last_months(1))):
        assert _value(feature, _events((24 * 20, 4), (3, 4))) == 4
    assert _value(own.sum("amount", today()), _events((3, 4)), _spine(amount=[8.0])) == 12


def test_calendar_windows_begin_and_end_with_their_period() -> None:
    """Noon of 10 March: the month is 9.5 days old; February had 28 days."""
    month = 9.5 * 24
    events = _events((0, 1), (month, 2), (month + 0.001, 4), (month + 28 * 24, 8), (month + 28 * 24 + 0.001, 16))
    assert _value(tx.sum("amount", this_month()), events) == 3
    assert _value(tx.sum("amount", last_months(1)), events) == 12
    assert _value(tx.sum("amount", last_months(2)), events) == 28
    assert _value(tx.sum("amount", today()), _events((12.001, 1), (12, 2), (0, 4), (-1, 8))) == 6
    # Berlin is an hour ahead: its day began at 23:00 UTC.
    assert _value(tx.sum("amount", today("Europe/Berlin")), _events((13.001, 1), (13, 2), (12, 4))) == 6
    spring = datetime(2026, 3, 29, 10, tzinfo=UTC)
    late = [(NOON - spring) / timedelta(hours=1) + before for before in (11.001, 11, 0)]
    assert _value(tx.count(today("Europe/Berlin")), _events(*((h, 1.0) for h in late)), _spine(spring)) == 2


def test_the_last_events_are_counted_after_the_filter() -> None:
    """Three of the five are big; the last two of these count, wherever small ones stand among them."""
    events = _events((9, 10), (8, 1), (7, 20), (6, 40), (5, 2), (-1, 80))
    big = tx.where(amount=at_least(10))
    assert _value(big.sum("amount", last_events(2)), events) == 60
    assert _value(big.count(last_events(9)), events) == 3
    assert _value(big.time_since_first(last_events(2)), events) == 7 / 24
    assert _value(tx.sum("amount", last_events(3)), events) == 62
    assert _value(big.mean("amount", last_events(2)), _events((3, 1))) is None


def test_the_request_is_one_of_the_last_events_where_it_counts() -> None:
    """A request that the filter leaves out takes no place, and what asks of earlier events alone does not see it."""
    events, big = _events((3, 10), (2, 20)), own.where(amount=at_least(10))
    assert _value(big.sum("amount", last_events(2)), events, _spine(amount=[40.0])) == 60
    assert _value(big.sum("amount", last_events(2)), events, _spine(amount=[4.0])) == 30
    assert _value(big.sum("amount", last_events(1)), events, _spine(amount=[40.0])) == 40
    assert _value(big.last("amount", last_events(1)), events, _spine(amount=[40.0])) == 20


def test_a_share_and_a_count_of_last_events_each_have_their_own() -> None:
    """The share looks at the last two events, the count at the last two big ones."""
    events = _events((9, 10), (8, 20), (7, 1), (6, 2))
    features = [tx.share(last_events(2), amount=at_least(10)), tx.where(amount=at_least(10)).count(last_events(2))]
    found = compile_features(FeatureSet(history=features), CENTS).compute({"tx": events}, _spine())
    assert [column[0].as_py() for column in found.columns] == [0, 2]


def test_last_events_that_nothing_tells_apart_stand_together() -> None:
    """Two of the same moment are both in; one that became known earlier is the earlier one."""
    assert _value(tx.sum("amount", last_events(2)), _events((3, 1), (2, 2), (2, 4), (1, 8))) == 14
    moments = pa.array([NOON - timedelta(hours=h) for h in (1.5, 2, 1)], MICROS)
    events = _events((2, 2), (2, 4), (1, 8)).set_column(2, "known_at", moments)
    assert _value(tx.sum("amount", last_events(2)), events) == 10


def test_ranges_of_time_see_only_what_they_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred events an hour apart, windows of five hours: no range takes in more than the twelve allowed."""
    features = FeatureSet(history=[tx.sum("amount", hours(5)), tx.count(hours(2), lag=hours(3))])
    kernel = compile_features(features, CENTS)
    events = _events(*((float(hour), float(hour)) for hour in range(100)))
    spine = pa.table({"who": ["me"] * 40, "as_of": [NOON - timedelta(hours=2 * n) for n in range(40)]})
    spine = spine.set_column(1, "as_of", spine["as_of"].cast(MICROS))
    whole = kernel.compute_entity("who", {"tx": events}, spine)
    sizes: list[int] = []
    together = kernel_module._together

    def counting(group: Any, table: pa.Table, *others: Any) -> Any:
        sizes.append(table.num_rows)
        return together(group, table, *others)

    monkeypatch.setattr(kernel_module, "_together", counting)
    split = kernel.compute_entity("who", {"tx": events}, spine, most_events=12)
    assert len(sizes) > 10
    assert max(sizes) <= 12
    assert {name: value.tobytes() for name, value in split.items()} == {n: v.tobytes() for n, v in whole.items()}


def test_entities_that_have_events_alone_in_a_range_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of moments may hold many events of entities whose rows are of other moments, the first ones among them."""
    monkeypatch.setattr(parts_module, "_MOST", 8)
    moments = [NOON + timedelta(minutes=n) for n in range(10)] + [
        NOON + timedelta(days=2, minutes=n) for n in range(20)
    ]
    at = pa.array(moments, MICROS)
    events = pa.table({"who": ["a"] * 10 + ["b"] * 20, "event_time": at, "known_at": at, "shop": ["x"] * 30})
    decided = pa.array([NOON + timedelta(days=2, hours=12), NOON + timedelta(hours=5)], MICROS)
    spine = pa.table({"who": ["a", "b"], "as_of": decided, "shop": ["y", "y"]})
    history = [own.distinct("shop", days(1), name="shops"), own.count(days(1), name="events")]
    kernel = compile_features(FeatureSet(history=history), {})
    for most_events in (9, 1_000):
        found = kernel.compute_entity("who", {"tx": events}, spine, most_events=most_events)
        assert {name: value.tolist() for name, value in found.items()} == {"shops": [1.0, 1.0], "events": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("theirs", "mine", "expected"),
    [
        ([17, 18], ["T17"], 3.0), ([17, 18], ["17"], 2.0), ([17, 18], [None], 2.0), ([17, 18], [17.5], 3.0),
        ([17.5, 18.5], [17], 3.0), ([17.5, 18.0], [18], 2.0), (["17", "x"], [17], 2.0), (["17", "x"], [18], 3.0),
        ([True, True], ["T17"], 2.0), ([NOON, NOON], [True], 2.0), ([], ["T17"], 1.0),
    ],
)  # fmt: skip
def test_a_request_of_another_type_than_the_events_is_a_value_like_any_other(
    theirs: list[Any], mine: list[Any], expected: float
) -> None:
    """It is new where no event can have it; for one request and for many, with events and without."""
    kernel = compile_features(FeatureSet(history=[own.distinct("shop", days(1), name="shops")]), {})
    events, spine = _events(*[(1, None)] * len(theirs), shop=theirs), _spine(shop=mine)
    assert kernel.compute({"tx": events}, spine)["shops"].to_pylist() == [expected]
    assert compute_one(kernel, {("tx", "who"): events}, spine) == {"shops": expected}
    others = _spine(who="nobody", shop=["T18"])
    together = pa.concat_tables([spine, others]) if isinstance(mine[0], str) else spine
    assert kernel.compute({"tx": events}, together)["shops"][0].as_py() == expected


def test_needs_say_what_is_read() -> None:
    by_place = Events("labels", key="place", time="known_at")
    features = FeatureSet(
        history=[
            tx.where(kind="a").sum("amount", days(3)), own.max("amount", days(9)), by_place.share(days(2), fraud=1),
            by_place.time_since_last(),
        ]
    )  # fmt: skip
    first, second = compile_features(features, CENTS).needs
    assert (first.source, first.key, first.columns, first.reach) == (
        "tx",
        "who",
        ("kind", "amount"),
        9 * 86_400_000_000,
    )
    assert first.request == ("amount",)
    assert (second.source, second.key, second.columns, second.reach) == ("labels", "place", ("fraud",), None)
    assert second.request == ()


def test_a_column_that_is_added_up_needs_a_resolution() -> None:
    with pytest.raises(
        FeatureError, match="'tx_mean_level_1d' adds up tx.level, which has no resolution.*contract of 'tx'"
    ):
        compile_features(FeatureSet(history=[tx.mean("level", days(1))]), CENTS)
    with pytest.raises(FeatureError, match="write a positive step"):
        compile_features(FeatureSet(history=[tx.mean("level", days(1))]), {"tx": {"level": -1.0}})
    compile_features(FeatureSet(history=[tx.max("level", days(1))]), {})


@pytest.mark.parametrize(
    ("events", "spine", "message"),
    [
        (_events().drop_columns("amount"), _spine(), "tx: there is no column 'amount'"),
        (_events((1, float("inf"))), _spine(), "tx.amount holds an infinite value"),
        (_events((1, 1e14)), _spine(), "tx.amount holds .*2\\^53 or more steps of its resolution 0.01"),
        (_events((1, 1e308)), _spine(), "2\\^53 or more steps"),
        (
            _events((1, 1.0)).set_column(3, "amount", pa.array(["1.0"])),
            _spine(),
            "tx.amount is string, and is used as a number",
        ),
        (
            _events((1, 1.0)).set_column(1, "event_time", pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us"))),
            _spine(),
            "'event_time' is timestamp\\[us\\]; it must be a timestamp in UTC",
        ),
        (
            _events((1, 1.0)).set_column(2, "known_at", pa.array([None], MICROS)),
            _spine(),
            "'known_at' is missing in 1 rows",
        ),
        (
            _events((1, 1.0)).set_column(1, "event_time", pa.array([1], pa.timestamp("ns", tz="UTC"))),
            _spine(),
            "finer than a microsecond",
        ),
        (_events((1, 1.0)).set_column(0, "who", pa.array([3])), _spine(), "key 'who' is int64, in the spine .*string"),
        (_events((1, 1.0)), _spine().drop_columns("who"), "spine: there is no column 'who'"),
        (_events((1, 1.0)), _spine().drop_columns("as_of"), "spine: there is no column 'as_of'"),
    ],
)
def test_what_cannot_be_computed_exactly_is_refused(events: pa.Table, spine: pa.Table, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        _value(tx.sum("amount", days(1)), events, spine)


def test_a_sequence_is_on_both_sides_or_on_neither() -> None:
    with pytest.raises(FeatureError, match="'sequence' is in the spine only"):
        _value(own.count(days(1)), _events((1, 1.0)), _spine(sequence=[1]))
    with pytest.raises(FeatureError, match="'sequence' is in the events only"):
        _value(own.count(days(1)), _events((1, 1.0), sequence=[1]), _spine())


def test_a_source_that_is_not_given_is_named_and_one_without_events_is_none() -> None:
    kernel = compile_features(FeatureSet(history=[tx.count(days(1)), own.distinct("kind", days(2))]), CENTS)
    with pytest.raises(FeatureError, match="events of 'tx' are not given; 'tx_count_1d' needs them"):
        kernel.compute({}, _spine())
    found = kernel.compute({"tx": None}, _spine(kind=["a"], sequence=[1]))
    assert found.to_pylist() == [{"tx_count_1d": 0.0, "tx_distinct_kind_2d": 1.0}]


def test_no_rows_have_no_features() -> None:
    features = FeatureSet(
        history=[tx.sum("amount", days(1)), own.distinct("amount"), tx.last("amount"), tx.max("amount")]
    )
    kernel = compile_features(features, CENTS)
    for events in (_events((1, 4.0), (1, 4.0)), _events(), None):
        found = kernel.compute({"tx": events}, _spine(amount=[1.0]).slice(1))
        assert found.num_rows == 0
        assert found.column_names == list(features.names)


def test_a_request_is_one_row() -> None:
    """What many rows are computed by is named."""
    kernel = compile_features(FeatureSet(history=[tx.count(days(1))]), CENTS)
    with pytest.raises(FeatureError, match="a request is one row; this spine has 0: use Kernel.compute"):
        compute_one(kernel, {}, _spine().slice(1))


def test_a_kernel_survives_json() -> None:
    kernel = compile_features(FeatureSet(history=[tx.sum("amount", days(1))]), CENTS)
    assert Kernel.from_dict(json.loads(json.dumps(kernel.to_dict()))) == kernel
    with pytest.raises(FeatureError, match="a kernel has features and resolutions"):
        Kernel.from_dict({"features": {}})


def test_kernel_and_encoder_carry_no_batch_machinery() -> None:
    script = (
        "import sys, assets.features.kernel.kernel, assets.bundle.encoder\n"
        "print([m for m in ('pandas', 'pyspark', 'dagster', 'mlflow', 'great_expectations') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
