"""The online stores while versions are published: what others add and load in between is neither lost nor mixed."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pyarrow as pa
import pytest

from resources.online_store.errors import EventError
from resources.online_store.event_records import NewEvent
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, StoreError, StoreState, StreamPosition, VersionReplaced
from resources.online_store.redis import store as redis_store
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL, amounts, event, follow, load, streamed

WIDER = HISTORY.append_column("country", pa.array(["AT"] * 4))
READ = StreamPosition({"0": 1}, UNTIL + 2 * DAY)


def countries(store: OnlineStore) -> list[str]:
    return sorted(fetch(store, "cards", "card_id", "a")["country"].to_pylist())


def during_the_sweep(monkeypatch: pytest.MonkeyPatch, store: OnlineStore, then: Callable[[], None]) -> None:
    """Has something happen after a version was switched to, and before what it replaces is removed."""
    sweep = store._sweep  # type: ignore[attr-defined]

    def hold(state: StoreState) -> None:
        then()
        sweep(state)

    monkeypatch.setattr(store, "_sweep", hold)


def killed() -> None:
    raise KeyboardInterrupt


def read_again(store: OnlineStore) -> int:
    """What a follower does once the store has no position: it puts the stream's event with all columns."""
    assert store.position("cards") is None
    return follow(store, [streamed(UNTIL + DAY, "e1", country="DE")], READ)


def followed_with_fewer_columns(store: OnlineStore) -> None:
    """A store whose stream was read, and a load of it that has one column more."""
    load(store, HISTORY, "1")
    follow(store, [streamed(UNTIL + DAY, "e1")], READ)
    for key_column in ("card_id", "terminal_id"):
        store.put_events("cards", key_column, WIDER, version="2", watermark=UNTIL)


def test_a_stream_that_is_read_again_before_the_sweep_keeps_its_events(
    store: OnlineStore, opened: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event of before has fewer columns: it makes room for itself, and the sweep does not take the new one."""
    followed_with_fewer_columns(store)
    added = []

    def read() -> None:
        follower = opened()
        added.append(read_again(follower))
        follower.close()

    during_the_sweep(monkeypatch, store, read)
    store.publish("2")
    assert added == [1]
    assert countries(store) == ["AT", "AT", "DE"]
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0]
    assert store.position("cards") == READ


def test_a_loader_killed_before_its_sweep_leaves_nothing_that_is_seen(
    store: OnlineStore, opened: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event without the new column is not there; read again it has it, and stays when the load is repeated."""
    followed_with_fewer_columns(store)
    during_the_sweep(monkeypatch, store, killed)
    with pytest.raises(KeyboardInterrupt):
        store.publish("2")
    after = opened()
    assert countries(after) == ["AT", "AT"]
    assert read_again(after) == 1
    assert countries(after) == ["AT", "AT", "DE"]
    load(after, WIDER, "2")
    assert countries(after) == ["AT", "AT", "DE"]
    assert after.position("cards") == READ


def test_a_sweep_leaves_alone_what_the_next_load_has_begun(
    store: OnlineStore, opened: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process fills the next version as soon as this one is switched to; it is published with all it had."""

    def begin() -> None:
        other = opened()
        other.put_events("cards", "card_id", HISTORY, version="2", watermark=UNTIL)
        other.close()

    during_the_sweep(monkeypatch, store, begin)
    load(store, HISTORY.slice(0, 1), "1")
    second = opened()
    second.put_events("cards", "terminal_id", HISTORY, version="2", watermark=UNTIL)
    second.publish("2")
    assert amounts(second, "card_id", "a") == [1.0, 2.0]
    assert amounts(second, "terminal_id", "t1") == [2.0, 3.0]


def test_a_sweep_that_comes_late_leaves_alone_what_the_next_version_has(
    store: OnlineStore, opened: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next load ends earlier, and its stream is read again: the first one's sweep would take those events."""
    load(store, HISTORY, "1")

    def fall_back() -> None:
        other = opened()
        load(other, HISTORY, "3", UNTIL)
        follow(other, [streamed(UNTIL + DAY, "e1")], READ)
        other.close()

    during_the_sweep(monkeypatch, store, fall_back)
    load(store, HISTORY, "2", UNTIL + 2 * DAY)
    assert store.version() == "3"
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0]


def test_a_load_that_was_taken_over_does_not_remove_what_the_other_put(
    store: OnlineStore, opened: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had made sure that the version is its own, and was about to begin, when the other came."""
    stage = store._stage  # type: ignore[attr-defined]

    def hold(version: str) -> StoreState:
        staged: StoreState = stage(version)
        other = opened()
        load(other, HISTORY, "1")
        other.close()
        return staged

    monkeypatch.setattr(store, "_stage", hold)
    with pytest.raises(StoreError, match="another load took the place of version '1'"):
        store.put_events("cards", "card_id", HISTORY.slice(0, 1), version="1", watermark=UNTIL)
    assert amounts(store, "card_id", "a") == [1.0, 2.0]
    assert amounts(store, "card_id", "b") == [3.0]


def test_an_event_of_the_columns_before_is_refused_by_the_version_published_meanwhile(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service had read the state when the version came; LMDB reads it in the transaction that adds."""
    service, loader = open_store(redis_url, "posted"), open_store(redis_url, "posted")
    followed_with_fewer_columns(loader)
    encode = redis_store.encode_posted

    def late(*arguments: object, **named: object) -> bytes:
        encoded = encode(*arguments, **named)  # type: ignore[arg-type]
        if loader.staged() is not None:
            loader.publish("2")
        return encoded

    monkeypatch.setattr(redis_store, "encode_posted", late)
    with pytest.raises(EventError, match="column 'country' is missing"):
        service.append_event("cards", event(UNTIL + timedelta(hours=3)))
    assert service.append_event("cards", event(UNTIL + timedelta(hours=3), country="FR")) is True
    assert countries(loader) == ["AT", "AT", "FR"]
    service.close()
    loader.close()


def test_a_stream_read_for_the_version_before_is_refused(store: OnlineStore) -> None:
    """The position of before would hide that the new version, which ends earlier, lacks events of the stream."""
    load(store, HISTORY, "1")
    before = store.state()
    assert before is not None
    assert store.append_stream("cards", [streamed(UNTIL + DAY, "e1")], READ, token=before.token) == 1
    load(store, HISTORY, "2", UNTIL - DAY)
    with pytest.raises(VersionReplaced, match="published meanwhile"):
        store.append_stream("cards", [streamed(UNTIL + DAY, "e2")], READ, token=before.token)
    assert store.position("cards") is None
    assert amounts(store, "card_id", "a") == [1.0, 5.0]


def test_a_version_published_while_a_stream_is_put_refuses_it(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the state and the write nothing holds Redis back; LMDB has one transaction for both."""
    follower, loader = open_store(redis_url, "followed"), open_store(redis_url, "followed")
    followed_with_fewer_columns(loader)
    encode = redis_store.encode_streamed

    def late(*arguments: object, **named: object) -> Iterator[tuple[NewEvent, bytes]]:
        loader.publish("2")
        return encode(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(redis_store, "encode_streamed", late)
    with pytest.raises(VersionReplaced, match="published meanwhile"):
        follow(follower, [streamed(UNTIL + DAY, "e2")], READ)
    assert follower.position("cards") is None
    assert countries(follower) == ["AT", "AT"]
    follower.close()
    loader.close()
