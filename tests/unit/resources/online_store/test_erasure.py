"""Erasing from the online stores: whatever is kept of a subject goes, wherever it is and whatever became of it."""

import pyarrow as pa
import pytest

from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.protocol import OnlineStore, StoreUnavailable
from resources.online_store.redis.store import RedisStore
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL, amounts, event, load


def spoil(store: OnlineStore, kind: str) -> None:
    """Writes over what a store holds of card a: its events, or its block."""
    if isinstance(store, LmdbStore):
        start, holder = (b"a", b"\0card_id\0a\0") if kind == "events" else (b"d", b"\0card_id\0a")
        with store._files.writing() as txn, txn.cursor() as cursor:
            for name in [bytes(key) for key, _ in cursor if bytes(key).startswith(start) and holder in bytes(key)]:
                txn.put(name, b"{broken")
        return
    assert isinstance(store, RedisStore)
    if kind == "events":
        (name,) = store._patient.keys("*:event:cards:card_id:a")
        for event_id in store._patient.hkeys(name):
            store._patient.hset(name, event_id, b"{broken")
    else:
        (name,) = store._patient.keys("*:data:*:cards:card_id")
        store._patient.hset(name, "a", b"{broken")


def test_erasing_an_entity_removes_its_events_from_other_entities_too(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY, terminal_id="t1"))
    assert store.erase("card_id", "a") == 3
    assert amounts(store, "card_id", "a") == []
    assert amounts(store, "terminal_id", "t1") == [3.0]
    assert amounts(store, "terminal_id", "t2") == []
    assert amounts(store, "card_id", "b") == [3.0]
    assert store.erase("card_id", "a") == 0


@pytest.mark.parametrize("kind", ["events", "block"])
def test_what_cannot_be_read_any_more_is_erased(store: OnlineStore, kind: str) -> None:
    """It does not tell which terminals hold the same events: they are found by their names, or by the card in them."""
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY, terminal_id="t1"))
    store.append_event("cards", event(UNTIL + DAY, terminal_id="t1", card_id="b", amount=7))
    spoil(store, kind)
    with pytest.raises(StoreUnavailable, match="stored events are damaged"):
        fetch(store, "cards", "card_id", "a")
    assert store.erase("card_id", "a") == 3
    assert amounts(store, "card_id", "a") == []
    assert amounts(store, "terminal_id", "t1") == [3.0, 7.0]
    assert amounts(store, "terminal_id", "t2") == []
    assert store.erase("card_id", "a") == 0


def test_an_event_with_a_text_that_no_table_takes_is_erased(store: OnlineStore) -> None:
    """Half a surrogate is a text of JSON, and none of Arrow."""
    load(store, HISTORY.append_column("country", pa.array(["AT"] * 4)), "1")
    store.append_event("cards", event(UNTIL + DAY, country="\ud800"))
    with pytest.raises(StoreUnavailable, match="stored events are damaged"):
        fetch(store, "cards", "card_id", "a")
    assert store.erase("card_id", "a") == 3
    assert amounts(store, "terminal_id", "t2") == []


def test_posted_events_of_a_source_that_is_kept_by_another_key_are_erased(store: OnlineStore) -> None:
    """Only a column names the subject: in loaded events and in single ones."""
    store.put_events("cards", "terminal_id", HISTORY, version="1", watermark=UNTIL)
    store.publish("1")
    store.append_event("cards", event(UNTIL + DAY, terminal_id="t1"))
    store.append_event("cards", event(UNTIL + DAY, terminal_id="t1", card_id="b", amount=7))
    assert store.erase("card_id", "a") == 3
    assert amounts(store, "terminal_id", "t1") == [3.0, 7.0]
