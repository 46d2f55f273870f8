"""Loaded events: which rows of a table a block holds."""

from datetime import timedelta

import pyarrow as pa
import pytest

from resources.online_store.checksums import unsealed
from resources.online_store.errors import EventError
from resources.online_store.event_blocks import TIMESTAMP, blocks, prepared
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


def test_a_block_has_no_byte_of_another_entity() -> None:
    """Which an erasure of that entity would leave there."""
    table = prepared(HISTORY, source="cards", key_column="card_id", watermark=UNTIL, lookback=None)
    cards = ["erased" if card == "b" else card for card in table["card_id"].to_pylist()]
    renamed = table.set_column(table.column_names.index("card_id"), "card_id", pa.array(cards))
    for key, block in blocks(renamed, "card_id"):
        packed, size = unsealed(block)
        assert (b"erased" in pa.decompress(packed, size, codec="lz4_raw", asbytes=True)) == (key == "erased")
