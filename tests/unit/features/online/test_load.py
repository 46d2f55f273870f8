"""Loads of the online store: pinned versions, whole days, names of loads."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import (
    SourceLoad,
    as_stored,
    is_current,
    is_loaded,
    load_name,
    planned_loads,
    put_source,
)
from assets.vocabulary import FeatureSet
from assets.vocabulary.windows import LONGEST
from pipelines.card_fraud import product as card_fraud
from resources.lake import Lake, MissingTable
from resources.lake.partitioning import with_slot
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.opening import open_store
from resources.online_store.protocol import SourceState, StoreState
from resources.slots import Slot, checked_slot, day_of, slots_between
from tests.support.thirty_days import of_thirty_days

PRODUCT = of_thirty_days(card_fraud.PRODUCT)
KERNEL = compile_features(PRODUCT.features, PRODUCT.resolutions)
TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)
YESTERDAY = TODAY - timedelta(days=1)


def until(last: date) -> frozenset[date]:
    """The days of the year up to this one."""
    return frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range((last - date(2026, 1, 1)).days + 1))


VALIDATED = {"card_transactions": until(YESTERDAY), "fraud_labels": until(TODAY - timedelta(days=4))}


def rows(day: date) -> pa.Table:
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return pa.table(
        {
            "transaction_id": [1],
            "card_id": ["c"],
            "terminal_id": ["t"],
            "is_fraud": [0],
            "amount": [1.0],
            "event_time": pa.array([moment], TIMESTAMP),
            "known_at": pa.array([moment], TIMESTAMP),
            "day": pa.array([day], pa.date32()),
        }
    )


def put(lake: Lake, source: str, *days: date) -> None:
    for day in days:
        lake.replace(f"card_fraud/validated_{source}", rows(day), days=[day])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Cards up to yesterday, labels up to three days before."""
    lake = Lake(str(tmp_path))
    put(lake, "card_transactions", date(2026, 1, 1), TODAY - timedelta(days=2), TODAY - timedelta(days=1))
    put(lake, "fraud_labels", TODAY - timedelta(days=4))
    return lake


def planned(lake: Lake, **validated: frozenset[date]) -> dict[str, SourceLoad]:
    loads = planned_loads(PRODUCT, KERNEL, lake, validated={**VALIDATED, **validated}, now=NOW)
    return {load.source: load for load in loads}


def test_a_source_is_loaded_until_the_end_of_its_last_day(lake: Lake) -> None:
    """A load at two in the morning does not cover today: events of today must not count as loaded."""
    found = planned(lake)
    assert found["card_transactions"].watermark == datetime(2026, 3, 10, tzinfo=UTC)
    assert found["fraud_labels"].watermark == datetime(2026, 3, 7, tzinfo=UTC)


def test_a_quiet_day_counts_once_it_was_validated(lake: Lake) -> None:
    """A source without rows is not stale if its days were validated."""
    found = planned(lake, fraud_labels=until(YESTERDAY))
    assert found["fraud_labels"].watermark == datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize("source", ["card_transactions", "fraud_labels"])
def test_a_load_ends_where_a_day_was_not_validated(lake: Lake, source: str) -> None:
    """Even if later days were validated: features would miss the day silently."""
    lacking = TODAY - timedelta(days=6)
    found = planned(lake, **{source: until(YESTERDAY) - {lacking}})[source]
    assert (found.lacking, found.watermark.date()) == (lacking, lacking)
    assert all(day < lacking for day in found.days)


def test_a_day_before_every_window_may_be_missing(lake: Lake) -> None:
    """Windows are of thirty days and begin on one more day."""
    oldest = YESTERDAY - timedelta(days=31)
    found = planned(lake, card_transactions=until(YESTERDAY) - {oldest - timedelta(days=1)})["card_transactions"]
    assert (found.lacking, found.watermark) == (None, datetime(2026, 3, 10, tzinfo=UTC))
    found = planned(lake, card_transactions=until(YESTERDAY) - {oldest})["card_transactions"]
    assert found.lacking == oldest


def test_today_is_left_out_even_if_it_has_rows(lake: Lake) -> None:
    """It is not over: its later events would count as loaded."""
    put(lake, "card_transactions", TODAY)
    found = planned(lake, card_transactions=until(TODAY))["card_transactions"]
    assert (found.watermark, found.days[-1]) == (datetime(2026, 3, 10, tzinfo=UTC), TODAY - timedelta(days=1))


def test_only_days_within_the_lookback_are_read(lake: Lake) -> None:
    """Windows are of thirty days and begin on one more day."""
    found = planned(lake)["card_transactions"]
    assert found.days == (TODAY - timedelta(days=2), TODAY - timedelta(days=1))
    assert found.lookback == timedelta(days=30)


def test_the_longest_window_is_loaded(tmp_path: Path) -> None:
    """The store holds its events, though the window begins a thousand years ago."""
    noon = pa.array([datetime(2026, 3, 9, 12, tzinfo=UTC)], TIMESTAMP)
    events = pa.table({"terminal_id": ["t"], "is_fraud": [0], "event_time": noon, "known_at": noon})
    lake, day = Lake(str(tmp_path / "lake")), timedelta(days=1)
    by_day = events.append_column("day", pa.array([YESTERDAY]))
    lake.replace("card_fraud/validated_fraud_labels", by_day, days=[YESTERDAY])
    first = next(feature for feature in PRODUCT.features.history if feature.source == "fraud_labels")
    kernel = compile_features(FeatureSet(history=[replace(first, window=LONGEST - day, lag=day)]), PRODUCT.resolutions)
    (load,) = planned_loads(PRODUCT, kernel, lake, validated={"fraud_labels": frozenset()}, now=NOW)
    assert (load.days, load.lookback) == ((YESTERDAY,), LONGEST)
    with closing(LmdbStore(tmp_path / "store")) as store:
        put_source(store, "v", load, None, events)
        assert store.publish("v").sources[load.source].rows == {"terminal_id": 1}


def test_a_load_says_which_source_sends_revisions(lake: Lake, tmp_path: Path) -> None:
    """The store then takes a posted event that repeats an earlier one as another revision."""
    history = [
        replace(feature, record_key="transaction_id") if feature.source == "fraud_labels" else feature
        for feature in PRODUCT.features.history
    ]
    kernel = compile_features(replace(PRODUCT.features, history=history), PRODUCT.resolutions)
    store = open_store(f"lmdb://{tmp_path}/online", "card_fraud")
    for load in planned_loads(PRODUCT, kernel, lake, validated=VALIDATED, now=NOW):
        events = as_stored(PRODUCT, kernel.needs, load.source, rows(TODAY))
        put_source(store, "1", load, None, events)
    state = store.publish("1")
    assert {source: of.corrected for source, of in state.sources.items()} == {
        "card_transactions": False, "fraud_labels": True,
    }  # fmt: skip
    assert store.state() == state
    store.close()


def test_the_name_of_a_load_follows_from_its_table_versions(lake: Lake) -> None:
    """The same versions give the same name; a replaced day or other features give another."""
    before = planned(lake)
    assert before["card_transactions"].table_version == 2
    name = load_name(PRODUCT, list(before.values()))
    assert name.startswith("until-2026-03-10-")
    assert load_name(PRODUCT, list(planned(lake).values())) == name
    put(lake, "card_transactions", TODAY - timedelta(days=2))
    assert load_name(PRODUCT, list(planned(lake).values())) != name
    others = tuple(f for f in PRODUCT.features.history if f.name != "terminal_count_30d")
    fewer = replace(PRODUCT.features, history=others)
    assert load_name(replace(PRODUCT, features=fewer), list(before.values())) != name


def test_an_interrupted_load_is_continued(lake: Lake) -> None:
    """Only a load of the same name, and without the keys that it finished."""
    load = planned(lake)["fraud_labels"]
    done = SourceState({"terminal_id": 5}, pa.schema([]), load.watermark)
    staged = StoreState(version="v", serial=1, sources={"fraud_labels": done})
    assert is_loaded(staged, "v", load)
    assert not is_loaded(staged, "other", load)
    assert not is_loaded(None, "v", load)
    assert not is_loaded(replace(staged, sources={"fraud_labels": replace(done, rows={"card_id": 5})}), "v", load)


def test_a_source_without_a_table_is_named(tmp_path: Path) -> None:
    """Nothing is loaded without one of the product's sources."""
    with pytest.raises(MissingTable, match="card_fraud/validated_card_transactions does not exist"):
        planned(Lake(str(tmp_path)))


def test_an_event_is_stored_with_the_columns_that_features_read() -> None:
    """Its keys, its times, the columns of features, and its sequence where requests are events of the source."""
    stored = as_stored(PRODUCT, KERNEL.needs, "card_transactions", rows(TODAY))
    assert stored.column_names == ["event_time", "known_at", "card_id", "amount", "sequence"]
    stored = as_stored(PRODUCT, KERNEL.needs, "fraud_labels", rows(TODAY))
    assert stored.column_names == ["event_time", "known_at", "terminal_id", "is_fraud"]


def test_equal_content_in_newer_versions_is_current(lake: Lake) -> None:
    """As after a backfill that changed nothing; other content, a later end or another source's rows are not."""

    def loads() -> list[SourceLoad]:
        return list(planned(lake).values())

    day, first = TODAY - timedelta(days=2), loads()
    sources = {load.source: SourceState({}, pa.schema([]), load.watermark, load.table_version) for load in first}
    state = StoreState(version=load_name(PRODUCT, first), serial=1, sources=sources)
    assert is_current(PRODUCT, lake, first, state)
    assert not is_current(PRODUCT, lake, first, None)
    put(lake, "card_transactions", day)
    assert loads() != first
    assert is_current(PRODUCT, lake, loads(), state)
    later = list(planned(lake, fraud_labels=until(YESTERDAY)).values())
    assert not is_current(PRODUCT, lake, later, state)
    unknown = {**sources, "fraud_labels": replace(sources["fraud_labels"], table_version=None)}
    assert not is_current(PRODUCT, lake, loads(), replace(state, sources=unknown))
    other = rows(day).set_column(4, "amount", pa.array([2.0]))
    lake.replace("card_fraud/validated_card_transactions", other, days=[day])
    assert not is_current(PRODUCT, lake, loads(), state)


def hourly_rows(*hours: Slot) -> pa.Table:
    return pa.concat_tables([with_slot(rows(day_of(hour)).drop_columns(["day"]), hour) for hour in hours])


def test_by_the_hour_a_source_is_loaded_until_the_end_of_its_last_hour(tmp_path: Path) -> None:
    """The present hour is left out, and a missing one ends the load before it."""
    lake, now = Lake(str(tmp_path)), datetime(2026, 3, 10, 2, 30, tzinfo=UTC)
    hours = slots_between(checked_slot("2026-03-09-22:00"), checked_slot("2026-03-10-02:00"))
    for source in VALIDATED:
        lake.replace(f"card_fraud/validated_{source}", hourly_rows(*hours), days=hours)

    def load(*validated: Slot) -> SourceLoad:
        made = dict.fromkeys(VALIDATED, frozenset(validated))
        return next(iter(planned_loads(PRODUCT, KERNEL, lake, validated=made, now=now)))

    whole = load(*hours)
    assert (whole.days, whole.watermark, whole.lacking) == (hours[:-1], datetime(2026, 3, 10, 2, tzinfo=UTC), None)
    later = datetime(2026, 3, 10, 5, tzinfo=UTC)
    made = dict.fromkeys(VALIDATED, frozenset({*hours, checked_slot("2026-03-10-04:00")}))
    lacking = next(iter(planned_loads(PRODUCT, KERNEL, lake, validated=made, now=later)))
    assert (str(lacking.lacking), lacking.watermark) == ("2026-03-10-03:00", datetime(2026, 3, 10, 3, tzinfo=UTC))
    assert load_name(PRODUCT, [whole]) != load_name(PRODUCT, [lacking])
