"""The events of a replayed decision's entities in the online store, tiled or not."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.replay.features import compare_with_lake, explain
from assets.replay.lake_events import LakeEvents
from assets.replay.store_events import StoreReader
from assets.serving.engine import Engine
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import OnlineStore
from tests.unit.serving.test_engine_tiles import NOW, REQUEST, bundle, history, kernel, load, store

__all__ = ["bundle", "store"]


def test_events_in_tiles_are_events_of_the_store(bundle: Bundle, store: OnlineStore) -> None:
    """Of a tiled entity only the event that the lake lacks is named, and that alone: not the events in its tiles."""
    load(store, "tiles", tiled=True)
    decision = Engine(bundle, store, as_of_allowed=True).decide(REQUEST, now=NOW)
    events = history()
    recent = pc.and_(
        pc.equal(events["terminal_id"], "busy"),
        pc.greater(events["event_time"], pa.scalar(NOW - timedelta(days=20), TIMESTAMP)),
    )
    gone = pc.indices_nonzero(recent)[0].as_py()
    lake = events.take(pa.array([number for number in range(events.num_rows) if number != gone]))
    index = LakeEvents({"cards": lake}, {"cards": NOW.date()}).by_entity(kernel())
    parity = compare_with_lake(decision, bundle, index)
    assert parity.differences
    reader = StoreReader(bundle.parts.kernel, store)
    for _ in range(2):  # the second time from the events that are kept
        explained = explain(decision, bundle, index, parity, reader.of(decision.keys))
        (gap,) = explained.gaps
        assert (gap.held_by, gap.event_time) == ("store", events["event_time"][gone].as_py())
        assert explained.remark == ""


def test_a_posted_event_of_a_tiled_entity_is_waited_for(bundle: Bundle, store: OnlineStore) -> None:
    load(store, "tiles", tiled=True)
    later = NOW + timedelta(days=1)
    store.append_event(
        "cards", {"terminal_id": "busy", "card_id": "c1", "amount": 7.77, "event_time": later, "known_at": later}
    )
    as_of = later + timedelta(minutes=1)
    decision = Engine(bundle, store, as_of_allowed=True).decide(REQUEST | {"as_of": as_of.isoformat()}, now=as_of)
    index = LakeEvents({"cards": history()}, {"cards": NOW.date()}).by_entity(kernel())
    parity = compare_with_lake(decision, bundle, index)
    explained = explain(decision, bundle, index, parity, StoreReader(bundle.parts.kernel, store).of(decision.keys))
    assert explained.waiting
    assert [gap.event_time for gap in explained.gaps] == [later]
