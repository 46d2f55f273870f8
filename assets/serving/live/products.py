"""The live products, for the calls that name one.

Belongs here: finding a live product by its name, describing all. Does not belong here: loading them (`watcher.py`),
deciding (`engine.py`).
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from assets.serving.engine import Engine
from assets.serving.live.product import LiveProduct
from assets.serving.live.watcher import Watcher
from assets.serving.requests.parse import NoChampion, NotRolledOut, RequestError
from resources.naming import BadName, checked_name
from resources.online_store.protocol import StoreUnavailable

_LOG = logging.getLogger("loopline.service")


class Products:
    """The live products and their online stores."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def find(self, name: str) -> LiveProduct:
        """The live product of that name.

        Raises:
            RequestError: It is not a name.
            NotRolledOut: Nobody rolled out a product of this name.
            NoChampion: No champion of the product is loaded.
        """
        try:
            live = self._watcher.live.get(checked_name(name, "product"))
        except BadName as error:
            raise RequestError(str(error)) from error
        if live is None:
            known = self._watcher.known
            # While nothing is rolled out, the service is not ready and no product can be told from an unknown one.
            if known and name not in known:
                raise NotRolledOut(f"product '{name}' is unknown; known: {', '.join(sorted(known))}")
            raise NoChampion(
                f"no champion of product '{name}' is loaded; train and roll one out with `loopline run {name}`"
            )
        return live

    def describe(self) -> list[dict[str, Any]]:
        """The live products: bundles by role, the request columns of them all, state of the online store."""
        return [
            {
                "product": live.product,
                "champion": _release(live.champion),
                "challengers": [
                    {**_release(engine), "share": challenger.share}
                    for engine, challenger in zip(live.challengers, live.manifest.challengers, strict=True)
                    if engine is not None
                ],
                "rollout": live.manifest.rollout,
                "shadow": None if live.shadow is None else _release(live.shadow),
                "loaded_at": live.loaded_at.isoformat(),
                "request": {"fields": sorted(live.also_known)},
                "events": self._events_of(live.product),
            }
            for live in self._watcher.live.values()
        ]

    def watermarks(self, product: str) -> Mapping[str, datetime]:
        """The watermark of each source in the online store; empty when the store cannot be read."""
        try:
            return self._watcher.store(product).watermarks()
        except StoreUnavailable as error:
            _LOG.warning("%s: %s", product, error)
            return {}

    def store_works(self, product: str) -> bool:
        """Whether the product's online store can be read and holds a version."""
        try:
            return self._watcher.store(product).state() is not None
        except StoreUnavailable:
            return False

    def store_rests(self, product: str) -> bool:
        """Whether decisions do not ask the product's online store for the moment, because it failed."""
        return self._watcher.store(product).is_resting()

    def _events_of(self, product: str) -> dict[str, Any]:
        """The online store's version, the table versions that it was loaded from, and each source's watermark."""
        try:
            state = self._watcher.store(product).state()
        except StoreUnavailable as error:
            return {"version": None, "problem": str(error)}
        if state is None:
            return {"version": None, "problem": f"the online store is empty; load it: loopline load {product}"}
        until = {source: moment.isoformat() for source, moment in self.watermarks(product).items()}
        return {"version": state.version, "tables": state.table_versions, "watermarks": until}


def _release(engine: Engine) -> dict[str, str]:
    return {"version": engine.bundle.version, "digest": engine.bundle.digest}
