"""Reading one entity's events from an online store."""

import pyarrow as pa

from resources.online_store.protocol import EntityEvents, OnlineStore


def fetch(store: OnlineStore, source: str, key_column: str, key: str | int) -> pa.Table:
    """The events of one entity; empty for an entity that was never seen."""
    wanted = EntityEvents(source, key_column, key)
    return store.fetch_all((wanted,)).tables[wanted]
