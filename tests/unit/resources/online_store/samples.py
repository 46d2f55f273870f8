"""Events of cards at terminals, and how the tests of online stores load and read them."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.event_records import NewEvent
from resources.online_store.positions import StreamPosition
from resources.online_store.protocol import OnlineStore
from tests.support.stores import fetch

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def events(rows: list[tuple[str, str, datetime, float]]) -> pa.Table:
    return pa.table(
        {
            "card_id": pa.array([row[0] for row in rows], pa.string()),
            "terminal_id": pa.array([row[1] for row in rows], pa.string()),
            "event_time": pa.array([row[2] for row in rows], TIMESTAMP),
            "known_at": pa.array([row[2] for row in rows], TIMESTAMP),
            "amount": pa.array([row[3] for row in rows], pa.float64()),
        }
    )


HISTORY = events(
    [
        ("b", "t1", UNTIL - 2 * DAY, 3.0),
        ("a", "t1", UNTIL - 1 * DAY, 2.0),
        ("a", "t2", UNTIL - 9 * DAY, 1.0),
        ("a", "t1", UNTIL, 99.0),
    ]
)


def load(store: OnlineStore, table: pa.Table, version: str, until: datetime = UNTIL) -> None:
    for key_column in ("card_id", "terminal_id"):
        store.put_events("cards", key_column, table, version=version, watermark=until)
    store.publish(version)


def amounts(store: OnlineStore, key_column: str, key: str) -> list[float]:
    return sorted(fetch(store, "cards", key_column, key)["amount"].to_pylist())


def event(moment: datetime, **values: object) -> dict[str, object]:
    return {"card_id": "a", "terminal_id": "t2", "event_time": moment, "known_at": moment, "amount": 5} | values


def streamed(moment: datetime, event_id: str, **values: object) -> NewEvent:
    return NewEvent(event(moment, **values), event_id, arrived_at=moment)


def follow(store: OnlineStore, events: list[NewEvent], position: StreamPosition) -> int:
    """Puts a stream's events into the version that is read."""
    state = store.state()
    assert state is not None
    return store.append_stream("cards", events, position, token=state.token)
