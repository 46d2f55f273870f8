"""The online stores of one environment, opened on first use.

Belongs here: opening each product's store once in this process, since LMDB allows no second time. Does not belong
here: what a store does (`online_store.py`).
"""

from resources.online_store.protocol import OnlineStore, open_store


class OnlineStores:
    """Gives the store of a product."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: dict[str, OnlineStore] = {}

    def of(self, product: str) -> OnlineStore:
        """The product's store, opened the first time."""
        if product not in self._opened:
            self._opened[product] = open_store(self._url, product)
        return self._opened[product]

    def close(self) -> None:
        """Closes what was opened."""
        for store in self._opened.values():
            store.close()
        self._opened.clear()
