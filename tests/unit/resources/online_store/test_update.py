"""Updates of an online store: all changes at once upon the version that is read, or nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa
import pytest
import redis

from resources.online_store.event_blocks import blocks, prepared
from resources.online_store.opening import open_store
from resources.online_store.protocol import Change, NewBlock, OnlineStore, StoreError, StoreState, VersionReplaced
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL, amounts, events, load

# Of card a another event, of card c the first, of card b none.
RENEWED = events([("a", "t1", UNTIL - DAY, 7.0), ("c", "t1", UNTIL - DAY, 8.0)])


def changes(upon: StoreState, gone: str = "b", then: Callable[[], None] = lambda: None) -> list[Change]:
    """The changes of a version in which two cards have other events, one has none, and no terminal has others."""
    loaded = upon.sources["cards"]

    def renewed() -> Iterator[NewBlock]:
        rows = prepared(RENEWED, source="cards", key_column="card_id", watermark=UNTIL, lookback=None)
        more = {"a": -1, "c": 1}
        yield from (NewBlock(key, block, more[key]) for key, block in blocks(rows, "card_id"))
        yield NewBlock(gone, None, -1)
        then()

    return [
        Change("cards", "card_id", replace(loaded, table_version=2), renewed()),
        Change("cards", "terminal_id", replace(loaded, table_version=2), ()),
    ]


def read(store: OnlineStore) -> list[list[float]]:
    return [amounts(store, "card_id", card) for card in "abc"] + [amounts(store, "terminal_id", "t1")]


BEFORE = [[1.0, 2.0], [3.0], [], [2.0, 3.0]]
AFTER = [[7.0], [], [8.0], [2.0, 3.0]]


def loaded(store: OnlineStore) -> StoreState:
    load(store, HISTORY, "1")
    state = store.state()
    assert state is not None
    return state


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_is_not_named_stays(store: OnlineStore, opened: Callable[[], OnlineStore]) -> None:
    upon = loaded(store)
    done = store.update("2", changes(upon), upon=upon)
    assert read(store) == AFTER
    assert done.sources["cards"].rows == {"card_id": 2, "terminal_id": 3}
    assert (done.version, done.sources["cards"].table_version, len(done.places)) == ("2", 2, 1)
    assert done.token != upon.token
    other = opened()
    assert (other.state(), other.staged()) == (done, None)
    again = other.update("3", changes(done, "c"), upon=done)
    assert read(other) == [[7.0], [], [], [2.0, 3.0]]
    load(other, HISTORY, "4")
    assert read(other) == BEFORE
    assert again.serial > done.serial > upon.serial


def test_readers_see_no_part_of_it(store: OnlineStore, opened: Callable[[], OnlineStore]) -> None:
    """Neither while it is filled, nor after it was killed there, nor in a load of everything of the same name."""
    upon, seen = loaded(store), []
    with pytest.raises(KeyboardInterrupt):
        store.update("2", changes(upon, then=lambda: (seen.append(read(store)), killed())), upon=upon)  # type: ignore[func-returns-value]
    assert seen == [BEFORE]
    other = opened()
    assert read(other) == BEFORE
    staged = other.staged()
    assert staged is not None
    assert (staged.version, len(staged.layers)) == ("2", 2)
    with pytest.raises(StoreError, match="cannot be published"):
        other.publish("2")
    load(other, HISTORY.slice(0, 1), "2")
    assert read(other) == [[], [3.0], [], [3.0]]


@pytest.mark.parametrize("finish", ["settled", "load", "erase"])
def test_an_update_killed_behind_its_publication_is_seen_whole(
    store: OnlineStore, opened: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch, finish: str
) -> None:
    """Blocks of two layers are one version; whoever writes next ends it, and reads the same."""
    upon = loaded(store)
    monkeypatch.setattr(store, "settled", killed)
    with pytest.raises(KeyboardInterrupt):
        store.update("2", changes(upon), upon=upon)
    assert read(store) == AFTER
    other = opened()
    unsettled = other.state()
    assert unsettled is not None
    assert len(unsettled.places) == 2
    assert read(other) == AFTER
    if finish == "settled":
        state = other.settled()
        assert state is not None
        assert (state.version, len(state.places)) == ("2", 1)
        assert state.token != unsettled.token
        assert read(other) == AFTER
    elif finish == "load":
        load(other, HISTORY, "3")
        assert read(other) == BEFORE
    else:
        assert other.erase("card_id", "a") == 1
        assert read(other) == [[], [], [8.0], [3.0]]


def test_nothing_is_put_upon_a_version_that_was_replaced(store: OnlineStore) -> None:
    upon = loaded(store)
    load(store, HISTORY.slice(0, 1), "2")
    with pytest.raises(VersionReplaced):
        store.update("3", changes(upon), upon=upon)
    assert (store.version(), store.staged()) == ("2", None)


def test_nothing_is_put_upon_a_version_from_which_events_were_erased(store: OnlineStore) -> None:
    """Neither begun before the erasure, nor after it: the blocks that it read have the events."""
    upon = loaded(store)
    with pytest.raises(VersionReplaced, match="events were erased"):
        store.update("2", changes(upon, then=lambda: store.erase("card_id", "a") and None), upon=upon)
    erased = store.state()
    assert erased is not None
    assert (erased.version, erased.is_erased) == ("1", True)
    with pytest.raises(VersionReplaced, match="events were erased"):
        store.update("2", changes(erased), upon=erased)
    assert read(store) == [[], [3.0], [], [3.0]]
    load(store, HISTORY, "2")
    assert not loaded(store).is_erased


def test_a_load_beside_an_update_displaces_it(store: OnlineStore, opened: Callable[[], OnlineStore]) -> None:
    upon = loaded(store)

    def begin() -> None:
        store.put_events("cards", "card_id", HISTORY, version="3", watermark=UNTIL)

    with pytest.raises(StoreError, match="another load took the place of version '2'"):
        store.update("2", changes(upon, then=begin), upon=upon)
    assert read(store) == BEFORE


def test_a_redis_that_dropped_a_source_says_so(redis_url: str) -> None:
    store = open_store(redis_url, "card_fraud")
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        assert store.repair() is None
        upon = loaded(store)
        assert store.repair() is None
        client.delete(f"loopline:{{card_fraud}}:data:{upon.base}:cards:terminal_id")
        assert str(store.repair()).endswith("no longer has version 1 of cards by terminal_id")
    store.close()


def test_blocks_are_read_as_they_were_loaded(store: OnlineStore) -> None:
    """Events that were posted since are not in them."""
    state = loaded(store)
    rows = prepared(HISTORY, source="cards", key_column="card_id", watermark=UNTIL, lookback=None)
    assert isinstance(rows, pa.Table)
    made = dict(blocks(rows, "card_id"))
    assert [*store.loaded_blocks(state, "cards", "card_id", ["b", "x", "a"])] == [made["b"], None, made["a"]]
