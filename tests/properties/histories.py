"""Random histories with all difficulties of real ones, and the features that are tested on them.

Ties in time and in all columns, events that become known late or before they happen, revisions, times around midnight
and around a change of the clock, missing values and keys, entities without events, numbers at the ends of their range.
"""

import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st

from assets.features.kernel.kernel import Kernel, compile_features
from assets.vocabulary import (
    SUMMED,
    Category,
    Clip,
    DayOfWeek,
    Difference,
    Events,
    FeatureSet,
    History,
    Hour,
    Log,
    Log1p,
    Missing,
    Multiply,
    Night,
    Number,
    Ratio,
    SignedLog,
    Sum,
    Trend,
    Weekend,
    Window,
    at_least,
    below,
    days,
    hours,
    last_events,
    last_months,
    this_month,
    today,
)
from assets.vocabulary.windows import LONGEST

START = datetime(2024, 2, 28, 22, tzinfo=UTC)
STARTS = (
    START,
    datetime(2024, 3, 30, 22, 59, 59, 999_995, tzinfo=UTC),  # before Berlin's day of 23 hours
    datetime(2024, 10, 26, 22, tzinfo=UTC),  # as its day of 25 hours begins
    datetime(2018, 11, 3, 20, tzinfo=UTC),  # São Paulo's clock jumps over midnight
    datetime(2011, 12, 29, 9, tzinfo=UTC),  # Apia has no 30 December
)
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "America/St_Johns")
MICROS = pa.timestamp("us", tz="UTC")
RESOLUTIONS = {"payments": {"amount": 0.01, "n": 1.0, "ratio": 2.5}, "orders": {"amount": 0.01}}
SOURCES = ("payments", "orders")
COLUMNS = ("amount", "ratio", "n", "level", "kind", "flag")


class Lagged(NamedTuple):
    """A window that ends some time before the decision."""

    window: timedelta | None
    lag: timedelta


@dataclass(frozen=True)
class Case:
    """One history: the features, their kernel, events by source and the rows."""

    features: FeatureSet
    kernel: Kernel
    events: dict[str, pa.Table]
    spine: pa.Table

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The form in which Hypothesis shows a counterexample."""
        windows = sorted({f"{f.window}, {f.lag}, {f.record_key}" for f in self.features.history})
        events = {source: events.to_pylist() for source, events in self.events.items()}
        printer.text(f"Case(windows={windows}, events={events}, spine={self.spine.to_pylist()})")


def _aggregates(of: Events, window: Window | None, tag: str) -> list[History]:
    """Every kind of aggregate over one stream and window, filtered and not."""
    some = of.where(kind=("a", "b"))
    high = of.where(level=at_least(0.0)).where(n=below(3))
    flagged = of.where(flag=True)
    return [
        of.count(window, name=f"count{tag}"),
        flagged.count(window, name=f"flagged{tag}"),
        of.sum("amount", window, name=f"sum{tag}"),
        of.sum("ratio", window, name=f"odd_sum{tag}", empty=0),
        of.mean("amount", window, name=f"mean{tag}", empty=-1),
        some.mean("n", window, name=f"some_mean{tag}"),
        some.sum("amount", window, name=f"some_sum{tag}"),
        of.std("amount", window, name=f"std{tag}"),
        high.std("n", window, name=f"high_std{tag}", empty=0),
        of.min("level", window, name=f"min{tag}"),
        some.max("level", window, name=f"some_max{tag}", empty=0),
        of.max("n", window, name=f"max{tag}"),
        of.distinct("kind", window, name=f"kinds{tag}"),
        flagged.distinct("n", window, name=f"flagged_numbers{tag}"),
        of.distinct("level", window, name=f"levels{tag}", empty=-1),
        of.share(window, kind="a", name=f"share{tag}"),
        some.share(window, n=at_least(1), name=f"some_share{tag}", empty=0),
        of.last("level", window, name=f"last{tag}"),
        some.last("n", window, name=f"some_last{tag}", empty=-5),
        of.time_since_last(window, name=f"since_last{tag}"),
        flagged.time_since_first(window, name=f"since_first{tag}"),
        *_more_aggregates(of, window, tag),
    ]


def _more_aggregates(of: Events, window: timedelta | None, tag: str) -> list[History]:
    """Aggregates of order, ranks, trends and age."""
    some = of.where(kind=("a", "b"))
    flagged = of.where(flag=True)
    return [
        of.first("level", window, name=f"first{tag}"),
        some.first("n", window, name=f"some_first{tag}", empty=-5),
        of.median("amount", window, name=f"median{tag}"),
        of.quantile("amount", 0.9, window, name=f"p90{tag}", empty=0),
        some.quantile("n", 0.3333, window, name=f"some_third{tag}"),
        some.quantile("ratio", 1, window, name=f"some_largest{tag}"),
        of.mode("level", window, name=f"mode{tag}"),
        flagged.mode("n", window, name=f"flagged_mode{tag}", empty=-1),
        of.mode("kind", window, values=("a", "c"), name=f"kind_mode{tag}"),
        flagged.mode("kind", window, values=("b",), name=f"flagged_kind_mode{tag}"),
        *(of.time_between(s, window, name=f"{s}_between{tag}") for s in ("mean", "min", "max", "std")),
        *(some.time_between(s, window, name=f"some_{s}_between{tag}", empty=-1) for s in ("mean", "min", "max", "std")),
        of.streak(window, flag=True, name=f"streak{tag}"),
        some.streak(window, kind="a", n=at_least(1), name=f"some_streak{tag}", empty=-1),
        of.slope("amount", window, name=f"slope{tag}"),
        some.slope("n", window, name=f"some_slope{tag}", empty=0),
        of.decayed_count(hours(5), window, name=f"decayed_count{tag}"),
        some.decayed_count(timedelta(microseconds=1), window, name=f"some_decayed_count{tag}"),
        of.decayed_sum("amount", days(1), window, name=f"decayed_sum{tag}"),
        some.decayed_sum("n", days(3_000), window, name=f"some_decayed_sum{tag}", empty=0),
    ]


def feature_set(windows: tuple[Window | Lagged | None, ...], corrected: bool = False) -> FeatureSet:
    """Every kind of feature over each window, by two keys, on both time axes, with and without the request."""
    record_key = "record_id" if corrected else None
    payments = Events("payments", key="person", record_key=record_key)
    known = Events("payments", key="place", time="known_at", record_key=record_key)
    orders = Events("orders", key="person", includes_request=True, record_key=record_key)
    lags: dict[str, timedelta] = {}
    history: list[History] = []
    for number, each in enumerate(windows):
        window = each.window if isinstance(each, Lagged) else each
        before = len(history)
        history += _aggregates(payments, window, f"_p{number}")
        history += _aggregates(known, window, f"_k{number}")
        of_orders = _aggregates(orders, window, f"_o{number}")
        # Columns without a resolution in the contract of orders cannot be added up.
        history += [f for f in of_orders if f.kind not in SUMMED or f.column == "amount"]
        history += [payments.time_since_first(window, name=f"person_since_first_{number}")]
        if isinstance(each, Lagged):
            lags |= {feature.name: each.lag for feature in history[before:]}
    history = [replace(feature, lag=lags.get(feature.name)) for feature in history]
    lengths = [w for w in windows if isinstance(w, timedelta)]
    trends = []
    if len(set(lengths)) > 1:
        short, long = (windows.index(pick(lengths)) for pick in (min, max))
        trends = [Trend("trend", recent=f"count_p{short}", longer=f"count_p{long}")]
    return FeatureSet(
        request=[Number("amount"), Category("kind", values=("a", "b"))],
        history=history,
        derived=[
            Ratio("amount_to_mean", numerator="amount", denominator="mean_p0"),
            Difference("less", left="amount", right="last_p0"),
            Log1p("logarithm", of="amount_to_mean"),
            Missing("unknown_kind", of="kind"),
            Missing("unknown", of="logarithm"),
            Weekend("weekend"),
            Night("night"),
            DayOfWeek("weekday"),
            Hour("hour"),
            Log("plain_logarithm", of="amount"),
            SignedLog("signed_logarithm", of="last_p0"),
            Clip("clipped", of="amount", low=-1, high=2.5),
            Clip("floored", of="last_p0", low=0),
            Sum("total", of=("amount", "last_p0", "amount")),
            Multiply("product", left="amount", right="last_p0"),
            Missing("no_mode", of="kind_mode_p0"),
            Weekend("local_weekend", zone="Pacific/Auckland"),
            Night("local_night", zone="Europe/Berlin"),
            DayOfWeek("local_weekday", zone="Asia/Kathmandu"),
            Hour("local_hour", zone="America/New_York"),
            *trends,
        ],
    )


_finite = st.floats(allow_nan=False, allow_infinity=False)
_cents = st.one_of(
    st.integers(-2000, 2000).map(lambda cents: cents / 100),
    st.sampled_from([0.0, -0.0, 0.005, 90_071_992_547_409.0, -90_071_992_547_409.0]),
)


def _values() -> dict[str, st.SearchStrategy[object]]:
    return {
        "amount": st.one_of(st.none(), _cents, st.just(float("nan"))),
        "ratio": st.one_of(st.none(), st.integers(-40, 40).map(lambda steps: steps * 2.5)),
        "n": st.one_of(st.none(), st.integers(-3, 5), st.sampled_from([2**53 - 1, 1 - 2**53])),
        "level": st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5]), _finite),
        "kind": st.one_of(st.none(), st.sampled_from("abc")),
        "flag": st.one_of(st.none(), st.booleans()),
        "person": st.one_of(st.none(), st.sampled_from(["p", "q", "r"])),
        "place": st.one_of(st.none(), st.integers(1, 3)),
        "record_id": st.one_of(st.none(), st.integers(1, 4)),
    }


TYPES = {
    "amount": pa.float64(), "ratio": pa.float64(), "n": pa.int64(), "level": pa.float64(), "kind": pa.string(),
    "flag": pa.bool_(), "person": pa.string(), "place": pa.int32(), "event_time": MICROS, "known_at": MICROS,
    "as_of": MICROS, "sequence": pa.int64(), "row_id": pa.int64(), "record_id": pa.int64(),
}  # fmt: skip


def table(rows: list[dict[str, object]], names: tuple[str, ...]) -> pa.Table:
    """Rows as an Arrow table of the columns' types; NaN stays NaN."""
    return pa.table({name: pa.array([row[name] for row in rows], TYPES[name]) for name in names})


def _dense(random: Random, start: datetime, unit: timedelta, source: bool) -> dict[str, object]:
    """An event (or a row) of few people and few times, so that windows hold many events and ties are common."""
    moment = start + random.randrange(12) * unit
    return {
        "amount": random.choice([None, 0.0, -0.0, random.randrange(-500, 500) / 100]),
        "ratio": random.choice([None, random.randrange(-4, 4) * 2.5]),
        "n": random.choice([None, *range(-1, 4)]),
        "level": random.choice([None, 0.0, -0.0, random.uniform(-2, 2)]),
        "kind": random.choice([None, "a", "b", "c"]),
        "flag": random.choice([None, True, True, False]),
        "person": random.choice(["p", "p", "q", None]),
        "place": random.choice([1, 1, 2, None]),
        "record_id": random.choice([None, *range(6)]),
        "event_time" if source else "as_of": moment,
        "delay": random.choice([0, 0, 0, -1, 1, 2, 6]) * unit,
        "sequence": random.randrange(3),
    }


def _distinguishable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events without revisions of a record that have the same times: the kernel refuses these."""
    found: dict[object, dict[str, Any]] = {}
    for number, event in enumerate(events):
        alike = number if event["record_id"] is None else (event["record_id"], event["event_time"], event["delay"])
        found.setdefault(alike, event)
    return list(found.values())


def _windows(unit: timedelta) -> st.SearchStrategy[Window | Lagged | None]:
    lengths = st.integers(1, 12).map(lambda steps: steps * min(unit, LONGEST / 24))
    every = st.one_of(st.none(), lengths)
    zones = st.sampled_from(ZONES)
    return st.one_of(
        every,
        every,
        st.builds(Lagged, every, lengths),
        zones.map(today),
        zones.map(this_month),
        st.builds(last_months, st.integers(1, 3), zones),
        st.integers(1, 6).map(last_events),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A history of two sources and some rows: few events chosen by Hypothesis, or many in a short time."""
    units = [timedelta(microseconds=1), timedelta(hours=1), timedelta(hours=7), timedelta(days=20)]
    unit, start = draw(st.sampled_from([*units, timedelta(days=60_000)])), draw(st.sampled_from(STARTS))
    windows = tuple(draw(st.lists(_windows(unit), min_size=1, max_size=3, unique=True)))
    corrected = draw(st.booleans())
    if draw(st.booleans()):
        random = Random(draw(st.integers(0, 2**32)))
        happened = {
            source: [_dense(random, start, unit, True) for _ in range(random.randrange(40))] for source in SOURCES
        }
        rows = [_dense(random, start, unit, False) for _ in range(8)]
    else:
        moments = st.integers(0, 30).map(lambda steps: start + steps * unit)
        delays = st.one_of(st.just(0), st.integers(-5, 15)).map(lambda steps: steps * unit)
        order = st.integers(0, 2)
        event = st.fixed_dictionaries({**_values(), "event_time": moments, "delay": delays, "sequence": order})
        happened = {source: draw(st.lists(event, max_size=15)) for source in SOURCES}
        row = st.fixed_dictionaries({**_values(), "as_of": moments, "sequence": order})
        rows = draw(st.lists(row, min_size=1, max_size=6))
    tail = ("sequence",) if draw(st.booleans()) else ()
    events = {}
    for source, every in happened.items():
        found = _distinguishable(every)
        again = draw(st.lists(st.sampled_from(found), max_size=3)) if found else []
        stamped = [{**event, "known_at": event["event_time"] + event["delay"]} for event in (*found, *again)]
        events[source] = table(stamped, ("person", "place", "record_id", *COLUMNS, "event_time", "known_at", *tail))
    features = feature_set(windows, corrected)
    kernel = compile_features(features, RESOLUTIONS)
    return Case(features, kernel, events, table(rows, ("person", "place", *COLUMNS, "as_of", *tail)))


def differences(got: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """Where two lists of rows differ, numbers compared to the last bit (the sign of zero included)."""
    assert len(got) == len(expected)
    return [
        f"row {number}, {name}: {row[name]!r} instead of {other[name]!r}"
        for number, (row, other) in enumerate(zip(got, expected, strict=True))
        for name in {**row, **other}
        if _bits(row[name]) != _bits(other[name])
    ]


def _bits(value: object) -> object:
    return struct.pack("<d", value) if isinstance(value, float) else value
