"""The online stores: the same behaviour from LMDB and from a real Redis server."""

import multiprocessing
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import redis

from resources.online_store.event_blocks import TIMESTAMP, EventError, NewEvent
from resources.online_store.lmdb_store import LmdbStore
from resources.online_store.protocol import (
    EntityEvents,
    OnlineStore,
    StoreError,
    StoreUnavailable,
    StreamPosition,
    open_store,
)
from tests.support.redis_server import RedisServer

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def events(rows: list[tuple[str, str, datetime, float]]) -> pa.Table:
    return pa.table(
        {
            "card_id": pa.array([row[0] for row in rows], pa.string()),
            "terminal_id": pa.array([row[1] for row in rows], pa.string()),
            "event_time": pa.array([row[2] for row in rows], TIMESTAMP),
            "known_at": pa.array([row[2] for row in rows], TIMESTAMP),
            "amount": pa.array([row[3] for row in rows], pa.float64()),
        }
    )


HISTORY = events(
    [
        ("b", "t1", UNTIL - 2 * DAY, 3.0),
        ("a", "t1", UNTIL - 1 * DAY, 2.0),
        ("a", "t2", UNTIL - 9 * DAY, 1.0),
        ("a", "t1", UNTIL, 99.0),
    ]
)


def load(store: OnlineStore, table: pa.Table, version: str, until: datetime = UNTIL) -> None:
    for key_column in ("card_id", "terminal_id"):
        store.put_events("cards", key_column, table, version=version, loaded_until=until)
    store.publish(version)


def amounts(store: OnlineStore, key_column: str, key: str) -> list[float]:
    return sorted(store.fetch("cards", key_column, key)["amount"].to_pylist())


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["lmdb", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], OnlineStore]]:
    """Opens the same store, each time anew: as another process would. LMDB forbids it within one, so it is alone."""
    made: list[OnlineStore] = []
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        with redis.Redis.from_url(url) as client:
            client.flushall()
    else:
        url = f"lmdb://{tmp_path}/online"

    def make() -> OnlineStore:
        if request.param == "lmdb":
            for store in made:
                store.close()
        made.append(open_store(url, "card_fraud"))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(opened: Callable[[], OnlineStore]) -> OnlineStore:
    return opened()


def test_events_are_fetched_by_each_key_without_those_known_later(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    assert amounts(store, "card_id", "a") == [1.0, 2.0]
    assert amounts(store, "terminal_id", "t1") == [2.0, 3.0]
    assert store.fetch("cards", "card_id", "a").schema == HISTORY.schema
    assert store.fetch("cards", "card_id", "nobody").num_rows == 0


def test_an_integer_key_and_its_text_are_the_same_entity(store: OnlineStore) -> None:
    table = HISTORY.set_column(0, "card_id", pa.array([17, 18, 18, 18]))
    load(store, table, "1")
    assert amounts(store, "card_id", "17") == amounts(store, "card_id", 17) == [3.0]  # type: ignore[arg-type]


def test_events_beyond_the_lookback_are_left_out(store: OnlineStore) -> None:
    kept = store.put_events("cards", "card_id", HISTORY, version="1", loaded_until=UNTIL, lookback=timedelta(days=8))
    store.publish("1")
    assert kept == 2
    assert amounts(store, "card_id", "a") == [2.0]


def test_a_late_event_whose_arrival_is_within_the_lookback_is_kept(store: OnlineStore) -> None:
    late = HISTORY.slice(2, 1).set_column(3, "known_at", pa.array([UNTIL - DAY], TIMESTAMP))
    assert store.put_events("cards", "card_id", late, version="1", loaded_until=UNTIL, lookback=5 * DAY) == 1


def test_a_version_is_seen_only_once_it_is_published(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.put_events("cards", "card_id", HISTORY.slice(0, 1), version="2", loaded_until=UNTIL)
    assert (store.version(), amounts(store, "card_id", "a")) == ("1", [1.0, 2.0])
    store.put_events("cards", "terminal_id", HISTORY.slice(0, 1), version="2", loaded_until=UNTIL)
    state = store.publish("2")
    assert (state.version, store.version()) == ("2", "2")
    assert state.sources["cards"].rows == {"card_id": 1, "terminal_id": 1}
    assert amounts(store, "card_id", "a") == []


def test_publishing_what_was_not_filled_is_refused(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    with pytest.raises(StoreError, match="'2' cannot be published: none is being filled"):
        store.publish("2")
    store.put_events("cards", "card_id", HISTORY, version="3", loaded_until=UNTIL)
    with pytest.raises(StoreError, match="'3' is being filled"):
        store.publish("2")


def test_a_source_is_loaded_by_all_its_keys_from_the_same_table_up_to_the_same_moment(store: OnlineStore) -> None:
    """Else a card's events and its terminal's would not be the same events."""
    store.put_events("cards", "card_id", HISTORY, version="1", loaded_until=UNTIL, table_version=7)
    with pytest.raises(StoreError, match="give the same table and the same moment"):
        store.put_events("cards", "terminal_id", HISTORY, version="1", loaded_until=UNTIL + DAY, table_version=7)
    with pytest.raises(StoreError, match="of table version 7, now by terminal_id .* of 8"):
        store.put_events("cards", "terminal_id", HISTORY, version="1", loaded_until=UNTIL, table_version=8)


def test_a_version_says_which_tables_it_is_of_and_until_when_its_events_are_known(store: OnlineStore) -> None:
    """Each source has its own table version and its own moment; a snapshot tells the moments that it read."""
    assert store.known_until() == {}
    store.put_events("cards", "card_id", HISTORY, version="1", loaded_until=UNTIL, table_version=7, lookback=9 * DAY)
    store.put_events("labels", "card_id", HISTORY, version="1", loaded_until=UNTIL - DAY, table_version=3)
    store.publish("1")
    state = store.state()
    assert state is not None
    assert state.table_versions == {"cards": 7, "labels": 3}
    assert (state.sources["cards"].lookback, state.sources["labels"].lookback) == (9 * DAY, None)
    assert store.known_until() == {"cards": UNTIL, "labels": UNTIL - DAY}
    snapshot = store.fetch_all((EntityEvents("labels", "card_id", "a"),))
    assert snapshot.known_until == {"labels": UNTIL - DAY}
    assert snapshot.tables[EntityEvents("labels", "card_id", "a")]["amount"].to_pylist() == [1.0]


def test_a_load_that_was_left_unfinished_is_taken_over_and_its_first_writer_stopped(
    store: OnlineStore, opened: Callable[[], OnlineStore]
) -> None:
    """A second loader of the same version goes on with what is there; the first may not write beside it."""
    store.put_events("cards", "card_id", HISTORY, version="1", loaded_until=UNTIL)
    second = opened()
    staged = second.staged()
    assert staged is not None
    assert (staged.version, staged.sources["cards"].rows) == ("1", {"card_id": 3})
    second.put_events("cards", "terminal_id", HISTORY, version="1", loaded_until=UNTIL)
    second.close()
    with pytest.raises(StoreError, match="another load took the place of version '1'"):
        store.put_events("cards", "terminal_id", HISTORY.slice(0, 1), version="1", loaded_until=UNTIL)
    with pytest.raises(StoreError, match="another load took the place of version '1'"):
        store.publish("1")
    store.close()
    second.publish("1")
    assert amounts(second, "card_id", "a") == [1.0, 2.0]
    assert amounts(second, "terminal_id", "t1") == [2.0, 3.0]
    assert second.staged() is None


def test_the_abandoned_load_leaves_nothing_behind(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.put_events("cards", "card_id", HISTORY, version="lost", loaded_until=UNTIL)
    load(store, HISTORY.slice(1, 1), "2")
    assert amounts(store, "card_id", "b") == []
    assert amounts(store, "card_id", "a") == [2.0]


def test_an_empty_store_and_an_unloaded_source_are_unavailable(store: OnlineStore) -> None:
    assert store.version() is None
    with pytest.raises(StoreUnavailable):
        store.fetch("cards", "card_id", "a")
    load(store, HISTORY, "1")
    with pytest.raises(StoreUnavailable, match="no events of labels by card_id"):
        store.fetch("labels", "card_id", "a")


def event(moment: datetime, **values: object) -> dict[str, object]:
    return {"card_id": "a", "terminal_id": "t2", "event_time": moment, "known_at": moment, "amount": 5} | values


def test_an_appended_event_is_seen_by_every_key_once(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    assert store.append_event("cards", event(UNTIL + DAY)) is True
    assert store.append_event("cards", event(UNTIL + DAY)) is False
    assert store.append_event("cards", event(UNTIL + DAY), event_id="e1") is True
    assert store.append_event("cards", event(UNTIL + DAY, amount=6.0), event_id="e1") is False
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0, 5.0]
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0, 5.0]
    assert store.fetch("cards", "card_id", "a").schema == HISTORY.schema


def test_a_correction_back_to_an_earlier_value_is_an_event(store: OnlineStore) -> None:
    """5, 7 and 5 again are three versions of a fact; elsewhere, known at another moment, 5 is the same event again."""
    for source, corrected in (("cards", True), ("taps", False)):
        store.put_events(source, "card_id", HISTORY, version="1", loaded_until=UNTIL, corrected=corrected)
    store.publish("1")
    versions = [event(UNTIL, known_at=UNTIL + hours * DAY / 24, amount=v) for hours, v in ((1, 5), (2, 7), (3, 5))]
    assert [store.append_event("cards", version) for version in (*versions, versions[2])] == [True, True, True, False]
    assert [store.append_event("taps", version) for version in versions] == [True, True, False]
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0, 5.0, 7.0]


def test_a_new_version_takes_the_place_of_the_appended_events_that_it_has(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY))
    store.append_event("cards", event(UNTIL + 2 * DAY, amount=7.0))
    load(store, pa.concat_tables([HISTORY, events([("a", "t2", UNTIL + DAY, 5.0)])]), "2", UNTIL + 2 * DAY)
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0, 7.0, 99.0]


def streamed(moment: datetime, event_id: str, **values: object) -> NewEvent:
    return NewEvent(event(moment, **values), event_id, arrived_at=moment)


def follow(store: OnlineStore, events: list[NewEvent], position: StreamPosition) -> int:
    """Puts a stream's events into the version that is read."""
    state = store.state()
    assert state is not None
    return store.append_stream("cards", events, position, token=state.token)


def test_a_stream_s_events_are_seen_with_its_position_and_count_once(store: OnlineStore) -> None:
    """What is read again after a crash changes nothing, nor what somebody else had posted under the same id."""
    load(store, HISTORY, "1")
    assert store.position("cards") is None
    store.append_event("cards", event(UNTIL + DAY), event_id="e1")
    events = [streamed(UNTIL + DAY, "e1"), streamed(UNTIL + DAY, "e2"), streamed(UNTIL - DAY, "old")]
    position = StreamPosition({"0": 3, "1": 9}, UNTIL + 2 * DAY)
    assert follow(store, events, position) == 1
    assert follow(store, events, position) == 0
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0, 5.0]
    assert store.position("cards") == position
    assert store.known_until() == {"cards": UNTIL + 2 * DAY}
    with pytest.raises(EventError, match="'amount' is '5'"):
        follow(store, [streamed(UNTIL + DAY, "e3"), streamed(UNTIL + DAY, "e4", amount="5")], position)
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0, 5.0]


def test_an_event_without_one_of_its_keys_counts_for_the_others(store: OnlineStore) -> None:
    """As in a load, which leaves such a row out by that key alone."""
    load(store, HISTORY, "1")
    position = StreamPosition({"0": 1}, UNTIL + DAY)
    assert follow(store, [streamed(UNTIL + DAY, "e1", terminal_id=None)], position) == 1
    assert store.append_event("cards", event(UNTIL + DAY, card_id=None)) is True
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0]
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0]


def test_a_load_takes_the_place_of_events_by_the_day_on_which_they_arrived(store: OnlineStore) -> None:
    """An event known before midnight that arrived after it stands in the lake's next day, not in the one loaded."""
    load(store, HISTORY, "1")
    late = NewEvent(event(UNTIL + DAY - timedelta(hours=1), amount=6.0), "late", arrived_at=UNTIL + DAY)
    early = NewEvent(event(UNTIL + DAY - timedelta(hours=2), amount=7.0), "early", arrived_at=UNTIL + DAY / 2)
    position = StreamPosition({"0": 2}, UNTIL + DAY)
    assert follow(store, [early, late], position) == 2
    load(store, pa.concat_tables([HISTORY, events([("a", "t2", UNTIL + DAY / 2, 7.0)])]), "2", UNTIL + DAY)
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 6.0, 7.0, 99.0]
    assert store.position("cards") == position


def test_a_stream_is_read_again_when_a_load_ends_earlier_or_has_other_columns(store: OnlineStore) -> None:
    """The events that were read already would be missing otherwise, or lack a column."""
    load(store, HISTORY, "1")
    position = StreamPosition({"0": 1}, UNTIL + 2 * DAY)
    follow(store, [streamed(UNTIL + DAY, "e1")], position)
    load(store, HISTORY, "2", UNTIL + timedelta(hours=1))
    assert store.position("cards") == position
    wider = HISTORY.append_column("country", pa.array(["AT"] * 4))
    load(store, wider, "3", UNTIL + timedelta(hours=1))
    assert store.position("cards") is None
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 99.0], "an event without the new column is no longer there"
    follow(store, [streamed(UNTIL + DAY, "e1", country="DE")], position)
    load(store, wider, "4", UNTIL)
    assert store.position("cards") is None


def test_single_events_expire_with_their_source_s_lookback(store: OnlineStore) -> None:
    """An entity that was not seen within the lookback takes no room, although no load came."""
    store.put_events("cards", "card_id", HISTORY, version="1", loaded_until=UNTIL, lookback=2 * DAY)
    store.publish("1")
    for days in (1, 3):
        store.append_event("cards", event(UNTIL + days * DAY, amount=float(days)))
    assert store.expire(UNTIL + 2 * DAY) == 0
    assert store.expire(UNTIL + 4 * DAY) == 1
    assert amounts(store, "card_id", "a") == [2.0, 3.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": "5"}, "'amount' is '5'"),
        ({"amount": True}, "'amount' is 'True'"),
        ({"amount": float("nan")}, "'amount' is 'nan'"),
        ({"known_at": None}, "'known_at' is null"),
        ({"event_time": datetime(2026, 3, 5)}, "a time with a zone"),
        ({"colour": "red"}, "unknown column 'colour'"),
        ({"known_at": UNTIL - DAY}, "known_at is before"),
        ({"card_id": None, "terminal_id": None}, "card_id and terminal_id are null"),
        ({"card_id": "a\0b"}, "control characters"),
    ],
)
def test_an_event_that_does_not_fit_is_refused(store: OnlineStore, change: dict[str, object], message: str) -> None:
    load(store, HISTORY, "1")
    with pytest.raises(EventError, match=message):
        store.append_event("cards", event(UNTIL + DAY) | change)
    assert amounts(store, "terminal_id", "t2") == [1.0]


def test_erasing_an_entity_removes_its_events_from_other_entities_too(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY, terminal_id="t1"))
    assert store.erase("card_id", "a") == 3
    assert amounts(store, "card_id", "a") == []
    assert amounts(store, "terminal_id", "t1") == [3.0]
    assert amounts(store, "terminal_id", "t2") == []
    assert amounts(store, "card_id", "b") == [3.0]
    assert store.erase("card_id", "a") == 0


@pytest.mark.parametrize("name", ["../x", "Cards", "", "a b", "cards\0"])
def test_names_that_are_not_names_are_refused(store: OnlineStore, name: str) -> None:
    with pytest.raises(StoreError, match="is not a name"):
        store.put_events(name, "card_id", HISTORY, version="1", loaded_until=UNTIL)
    with pytest.raises(StoreError, match="is not a name"):
        open_store("lmdb:///tmp/x", name)


def test_tables_without_times_or_keys_are_refused(store: OnlineStore) -> None:
    with pytest.raises(EventError, match="'known_at' must be there"):
        store.put_events("cards", "card_id", HISTORY.drop(["known_at"]), version="1", loaded_until=UNTIL)
    with pytest.raises(EventError, match="no key column 'customer_id'"):
        store.put_events("cards", "customer_id", HISTORY, version="1", loaded_until=UNTIL)


def test_a_reader_never_sees_two_versions_at_once(store: OnlineStore) -> None:
    """One entity's events by both keys carry the version's number; a snapshot must hold one number only."""
    wanted = (EntityEvents("cards", "card_id", "a"), EntityEvents("cards", "terminal_id", "t1"))
    load(store, events([("a", "t1", UNTIL - DAY, 0.0)]), "0")
    seen: list[set[float]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            snapshot = store.fetch_all(wanted)
            seen.append({value for table in snapshot.tables.values() for value in table["amount"].to_pylist()})

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 15):
        load(store, events([("a", "t1", UNTIL - DAY, float(number))]), str(number))
    stop.set()
    reader.join(10)
    assert {len(values) for values in seen} == {1}
    assert len({value for values in seen for value in values}) > 2


def _load_in_another_process(folder: str) -> None:
    store = LmdbStore(Path(folder))
    for number in range(1, 6):
        load(store, events([("a", "t1", UNTIL - DAY, float(number))] * number), str(number))
    store.close()


def test_lmdb_is_read_while_another_process_fills_it(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "online")
    load(store, events([("a", "t1", UNTIL - DAY, 1.0)]), "first")
    writer = multiprocessing.get_context("spawn").Process(
        target=_load_in_another_process, args=(str(tmp_path / "online"),)
    )
    writer.start()
    while writer.is_alive():
        values = amounts(store, "card_id", "a")
        assert len(values) == values[0]
    writer.join(20)
    assert (writer.exitcode, amounts(store, "card_id", "a")) == (0, [5.0] * 5)
    store.close()


def test_a_removed_lmdb_folder_is_unavailable_until_it_is_filled_again(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    shutil.rmtree(folder)
    with pytest.raises(StoreUnavailable, match="is not there"):
        store.fetch("cards", "card_id", "a")
    assert store.state() is None
    load(store, HISTORY.slice(0, 1), "2")
    assert amounts(store, "card_id", "b") == [3.0]
    store.close()


def test_damaged_lmdb_bytes_are_unavailable(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    store.close()
    (folder / "data.mdb").write_bytes(os.urandom(20_000))
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        LmdbStore(folder).fetch("cards", "card_id", "a")


def test_an_unreachable_redis_fails_at_once_and_then_rests() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = open_store(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "card_fraud")
        started = time.perf_counter()
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            store.fetch("cards", "card_id", "a")
        first = time.perf_counter() - started
        with pytest.raises(StoreUnavailable, match="failed a moment ago"):
            store.fetch("cards", "card_id", "a")
        assert time.perf_counter() - started - first < 0.05
        assert first < 1.0
        store.close()


def test_a_version_that_redis_has_dropped_is_unavailable_and_an_empty_one_is_not(redis_url: str) -> None:
    """An eviction must not look like entities that nothing is known of."""
    store = open_store(redis_url, "card_fraud")
    load(store, HISTORY.slice(0, 0), "empty")
    assert amounts(store, "card_id", "a") == []
    load(store, HISTORY, "full")
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.keys("*data:*card_id"))
    with pytest.raises(
        StoreUnavailable, match="Redis no longer has version full of cards by card_id; set its maxmemory"
    ):
        store.fetch("cards", "card_id", "a")
    store.close()
