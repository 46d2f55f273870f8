"""Versions: what they say of their sources."""

import pytest

from resources.online_store.errors import StoreError
from resources.online_store.protocol import EntityEvents, OnlineStore
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL


def test_a_source_is_loaded_by_all_its_keys_from_the_same_table_up_to_the_same_moment(store: OnlineStore) -> None:
    """Else a card's events and its terminal's would not be the same events."""
    store.put_events("cards", "card_id", HISTORY, version="1", watermark=UNTIL, table_version=7)
    with pytest.raises(StoreError, match="give the same table and the same moment"):
        store.put_events("cards", "terminal_id", HISTORY, version="1", watermark=UNTIL + DAY, table_version=7)
    with pytest.raises(StoreError, match="of table version 7, now by terminal_id .* of 8"):
        store.put_events("cards", "terminal_id", HISTORY, version="1", watermark=UNTIL, table_version=8)


def test_a_version_says_which_tables_it_is_of_and_until_when_its_events_are_known(store: OnlineStore) -> None:
    """Each source has its own table version and its own moment; a snapshot tells the moments that it read."""
    assert store.watermarks() == {}
    store.put_events("cards", "card_id", HISTORY, version="1", watermark=UNTIL, table_version=7, lookback=9 * DAY)
    store.put_events("labels", "card_id", HISTORY, version="1", watermark=UNTIL - DAY, table_version=3)
    store.publish("1")
    state = store.state()
    assert state is not None
    assert state.table_versions == {"cards": 7, "labels": 3}
    assert (state.sources["cards"].lookback, state.sources["labels"].lookback) == (9 * DAY, None)
    assert store.watermarks() == {"cards": UNTIL, "labels": UNTIL - DAY}
    snapshot = store.fetch_all((EntityEvents("labels", "card_id", "a"),))
    assert snapshot.watermarks == {"labels": UNTIL - DAY}
    assert snapshot.tables[EntityEvents("labels", "card_id", "a")]["amount"].to_pylist() == [1.0]
