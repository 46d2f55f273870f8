"""Loaded events: which rows of a table a block holds."""

from datetime import timedelta

import pyarrow as pa
import pytest

from resources.online_store.errors import EventError
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import OnlineStore
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL, amounts


def test_events_beyond_the_lookback_are_left_out(store: OnlineStore) -> None:
    kept = store.put_events("cards", "card_id", HISTORY, version="1", watermark=UNTIL, lookback=timedelta(days=8))
    store.publish("1")
    assert kept == 2
    assert amounts(store, "card_id", "a") == [2.0]


def test_a_late_event_whose_arrival_is_within_the_lookback_is_kept(store: OnlineStore) -> None:
    late = HISTORY.slice(2, 1).set_column(3, "known_at", pa.array([UNTIL - DAY], TIMESTAMP))
    assert store.put_events("cards", "card_id", late, version="1", watermark=UNTIL, lookback=5 * DAY) == 1


def test_tables_without_times_or_keys_are_refused(store: OnlineStore) -> None:
    with pytest.raises(EventError, match="'known_at' must be there"):
        store.put_events("cards", "card_id", HISTORY.drop(["known_at"]), version="1", watermark=UNTIL)
    with pytest.raises(EventError, match="no key column 'customer_id'"):
        store.put_events("cards", "customer_id", HISTORY, version="1", watermark=UNTIL)
