"""Opening online stores by their address.

Belongs here: choosing the store for an address, and opening each product's store once in this process. Does not belong
here: what a store does (`protocol.py`).
"""

import threading
from pathlib import Path

from resources.online_store.errors import StoreError
from resources.online_store.protocol import OnlineStore, checked_name


def open_store(url: str, product: str) -> OnlineStore:
    """The online store of a product.

    LMDB allows a process to open a product's store only once.

    Args:
        url: `lmdb:///folder` (made when it is first filled) or `redis://host:port/db`.
        product: The product whose events it holds.

    Raises:
        StoreError: The address is of no known kind, or the product's name is not a name.
    """
    checked_name(product, "product")
    if url.startswith("lmdb:///"):
        from resources.online_store.lmdb.store import LmdbStore

        return LmdbStore(Path(url.removeprefix("lmdb://")) / product)
    if url.startswith(("redis://", "rediss://")):
        from resources.online_store.redis.store import RedisStore

        return RedisStore(url, product)
    raise StoreError(f"online store {url!r} is not an address; write lmdb:///folder or redis://host:port/db")


class OnlineStores:
    """The online stores of all products of one environment, each opened on first use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._opened: dict[str, OnlineStore] = {}

    def of(self, product: str) -> OnlineStore:
        """The product's store, opened the first time."""
        with self._lock:
            if product not in self._opened:
                self._opened[product] = open_store(self._url, product)
            return self._opened[product]

    def close(self) -> None:
        """Closes the stores that were opened."""
        for store in self._opened.values():
            store.close()
        self._opened.clear()
