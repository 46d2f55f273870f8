"""The online stores: the same behaviour from LMDB and from a real Redis server."""

import threading
from collections.abc import Callable

import pytest

from resources.online_store.errors import StoreError, StoreUnavailable
from resources.online_store.protocol import EntityEvents, OnlineStore
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL, amounts, events, load


def test_events_are_fetched_by_each_key_without_those_known_later(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    assert amounts(store, "card_id", "a") == [1.0, 2.0]
    assert amounts(store, "terminal_id", "t1") == [2.0, 3.0]
    assert fetch(store, "cards", "card_id", "a").schema == HISTORY.schema
    assert fetch(store, "cards", "card_id", "nobody").num_rows == 0


def test_a_version_is_seen_only_once_it_is_published(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.put_events("cards", "card_id", HISTORY.slice(0, 1), version="2", watermark=UNTIL)
    assert (store.version(), amounts(store, "card_id", "a")) == ("1", [1.0, 2.0])
    store.put_events("cards", "terminal_id", HISTORY.slice(0, 1), version="2", watermark=UNTIL)
    state = store.publish("2")
    assert (state.version, store.version()) == ("2", "2")
    assert state.sources["cards"].rows == {"card_id": 1, "terminal_id": 1}
    assert amounts(store, "card_id", "a") == []


def test_publishing_what_was_not_filled_is_refused(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    with pytest.raises(StoreError, match="'2' cannot be published: none is being filled"):
        store.publish("2")
    store.put_events("cards", "card_id", HISTORY, version="3", watermark=UNTIL)
    with pytest.raises(StoreError, match="'3' is being filled"):
        store.publish("2")


def test_a_load_that_was_left_unfinished_is_taken_over_and_its_first_writer_stopped(
    store: OnlineStore, opened: Callable[[], OnlineStore]
) -> None:
    """A second loader of the same version goes on with what is there; the first may not write beside it."""
    store.put_events("cards", "card_id", HISTORY, version="1", watermark=UNTIL)
    second = opened()
    staged = second.staged()
    assert staged is not None
    assert (staged.version, staged.sources["cards"].rows) == ("1", {"card_id": 3})
    second.put_events("cards", "terminal_id", HISTORY, version="1", watermark=UNTIL)
    second.close()
    with pytest.raises(StoreError, match="another load took the place of version '1'"):
        store.put_events("cards", "terminal_id", HISTORY.slice(0, 1), version="1", watermark=UNTIL)
    with pytest.raises(StoreError, match="another load took the place of version '1'"):
        store.publish("1")
    store.close()
    second.publish("1")
    assert amounts(second, "card_id", "a") == [1.0, 2.0]
    assert amounts(second, "terminal_id", "t1") == [2.0, 3.0]
    assert second.staged() is None


def test_the_abandoned_load_leaves_nothing_behind(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.put_events("cards", "card_id", HISTORY, version="lost", watermark=UNTIL)
    load(store, HISTORY.slice(1, 1), "2")
    assert amounts(store, "card_id", "b") == []
    assert amounts(store, "card_id", "a") == [2.0]


def test_an_empty_store_and_an_unloaded_source_are_unavailable(store: OnlineStore) -> None:
    assert store.version() is None
    with pytest.raises(StoreUnavailable):
        fetch(store, "cards", "card_id", "a")
    load(store, HISTORY, "1")
    with pytest.raises(StoreUnavailable, match="no events of labels by card_id"):
        fetch(store, "labels", "card_id", "a")


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


@pytest.mark.parametrize("name", ["../x", "Cards", "", "a b", "cards\0"])
def test_names_that_are_not_names_are_refused(store: OnlineStore, name: str) -> None:
    with pytest.raises(StoreError, match="is not a name"):
        store.put_events(name, "card_id", HISTORY, version="1", watermark=UNTIL)
