"""Single events: what fits a record, what identifies it, and until when it is kept."""

from datetime import datetime

import pyarrow as pa
import pytest

from resources.online_store.errors import EventError
from resources.online_store.positions import StreamPosition
from resources.online_store.protocol import OnlineStore
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import (
    DAY,
    HISTORY,
    UNTIL,
    amounts,
    event,
    events,
    follow,
    load,
    streamed,
)


def test_an_integer_key_and_its_text_are_the_same_entity(store: OnlineStore) -> None:
    table = HISTORY.set_column(0, "card_id", pa.array([17, 18, 18, 18]))
    load(store, table, "1")
    assert amounts(store, "card_id", "17") == amounts(store, "card_id", 17) == [3.0]  # type: ignore[arg-type]


def test_an_appended_event_is_seen_by_every_key_once(store: OnlineStore) -> None:
    load(store, HISTORY, "1")
    assert store.append_event("cards", event(UNTIL + DAY)) is True
    assert store.append_event("cards", event(UNTIL + DAY)) is False
    assert store.append_event("cards", event(UNTIL + DAY), event_id="e1") is True
    assert store.append_event("cards", event(UNTIL + DAY, amount=6.0), event_id="e1") is False
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0, 5.0]
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0, 5.0]
    assert fetch(store, "cards", "card_id", "a").schema == HISTORY.schema


def test_a_correction_back_to_an_earlier_value_is_an_event(store: OnlineStore) -> None:
    """5, 7 and 5 again are three versions of a fact; elsewhere, known at another moment, 5 is the same event again."""
    for source, corrected in (("cards", True), ("taps", False)):
        store.put_events(source, "card_id", HISTORY, version="1", watermark=UNTIL, corrected=corrected)
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


def test_an_event_without_one_of_its_keys_counts_for_the_others(store: OnlineStore) -> None:
    """As in a load, which leaves such a row out by that key alone."""
    load(store, HISTORY, "1")
    position = StreamPosition({"0": 1}, UNTIL + DAY)
    assert follow(store, [streamed(UNTIL + DAY, "e1", terminal_id=None)], position) == 1
    assert store.append_event("cards", event(UNTIL + DAY, card_id=None)) is True
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0]
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0]


def test_single_events_expire_with_their_source_s_lookback(store: OnlineStore) -> None:
    """An entity that was not seen within the lookback takes no room, although no load came."""
    store.put_events("cards", "card_id", HISTORY, version="1", watermark=UNTIL, lookback=2 * DAY)
    store.publish("1")
    for days in (1, 3):
        store.append_event("cards", event(UNTIL + days * DAY, amount=float(days)))
    assert store.expire(UNTIL + 2 * DAY) == 0
    assert store.expire(UNTIL + 4 * DAY) == 1
    assert amounts(store, "card_id", "a") == [2.0, 3.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": "5"}, "'amount' is a text of 1 characters; it must be a double"),
        ({"amount": True}, "'amount' is a boolean"),
        ({"amount": float("nan")}, "'amount' is nan"),
        ({"amount": 10**400}, "'amount' is an integer; it must be a double"),
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
