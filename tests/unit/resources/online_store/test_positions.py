"""Streams: their events count once, and are read again when a load needs it."""

from datetime import timedelta

import pyarrow as pa
import pytest

from resources.online_store.errors import EventError
from resources.online_store.event_records import NewEvent
from resources.online_store.positions import StreamPosition
from resources.online_store.protocol import OnlineStore
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
    assert store.watermarks() == {"cards": UNTIL + 2 * DAY}
    with pytest.raises(EventError, match="'amount' is a text of 1 characters"):
        follow(store, [streamed(UNTIL + DAY, "e3"), streamed(UNTIL + DAY, "e4", amount="5")], position)
    assert amounts(store, "terminal_id", "t2") == [1.0, 5.0, 5.0]


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
