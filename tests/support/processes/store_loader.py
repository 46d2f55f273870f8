"""Loads an online store over and over, as a process that can be killed.

    python -m tests.support.processes.store_loader URL FIRST LAST [changes]

Version n holds, for each entity and each of two sources, n % 7 + 1 events with the value n, and records the table
version n, so that readers know the content of each version. Prints a line after each step. With `changes`, each version
is an update of the one before, in which every entity has other events.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from resources.online_store.event_blocks import TIMESTAMP, blocks, prepared
from resources.online_store.opening import open_store
from resources.online_store.protocol import Change, EntityEvents, NewBlock, OnlineStore, Snapshot

PRODUCT = "loaded"
SOURCES = ("orders", "returns")
ENTITIES = 4_000
UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
WANTED = tuple(EntityEvents(source, "customer_id", f"C{n}") for source in SOURCES for n in (0, 17, ENTITIES - 1))


def table(number: int) -> pa.Table:
    """The events of version n of one source."""
    each = number % 7 + 1
    moments = pa.array([UNTIL - timedelta(hours=1)] * (ENTITIES * each), TIMESTAMP)
    customers = [f"C{n}" for n in range(ENTITIES) for _ in range(each)]
    values = pa.array([float(number)] * len(customers))
    return pa.table({"customer_id": customers, "event_time": moments, "known_at": moments, "value": values})


def put(store: OnlineStore, source: str, number: int) -> None:
    """Fills one source of version n."""
    store.put_events(source, "customer_id", table(number), version=str(number), watermark=UNTIL, table_version=number)


def update(store: OnlineStore, number: int) -> None:
    """Publishes version n as an update of the version that is read."""
    upon = store.settled()
    assert upon is not None

    def renewed(source: str, before: int) -> Iterator[NewBlock]:
        rows = prepared(table(number), source=source, key_column="customer_id", watermark=UNTIL, lookback=None)
        for key, block in blocks(rows, "customer_id"):
            yield NewBlock(key, block, number % 7 + 1 - before // ENTITIES)
        print(f"put {source} {number}", flush=True)

    changes = [
        Change(
            source, "customer_id", replace(loaded, table_version=number), renewed(source, loaded.rows["customer_id"])
        )
        for source, loaded in upon.sources.items()
    ]
    store.update(str(number), changes, upon=upon)


def is_whole(snapshot: Snapshot) -> bool:
    """Whether everything in the snapshot belongs to the version that the snapshot names."""
    number = int(snapshot.version)
    return all(found["value"].to_pylist() == [float(number)] * (number % 7 + 1) for found in snapshot.tables.values())


def main() -> None:
    """The command."""
    url, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    store = open_store(url, PRODUCT)
    for number in range(first, last + 1):
        if sys.argv[4:] == ["changes"]:
            update(store, number)
        else:
            for source in SOURCES:
                put(store, source, number)
                print(f"put {source} {number}", flush=True)
            store.publish(str(number))
        print(f"published {number}", flush=True)
    store.close()


if __name__ == "__main__":
    main()
