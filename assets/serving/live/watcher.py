"""The live bundles, kept in step with the rollout store.

Belongs here: polling rollout manifests, loading and warming bundles beside the live ones, swapping them, refusing bad
ones. Does not belong here: deciding with a bundle (`engine.py`), promoting a release (`assets.rollout`).
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from assets.bundle.bundle import BundleError
from assets.bundle.released import released_bundle
from assets.serving.engine import Engine
from assets.serving.live.product import LiveProduct
from assets.serving.observing.spans import NoSpans, Spans
from resources.online_store.errors import StoreDamaged
from resources.online_store.protocol import OnlineStore
from resources.processes.loops import Loop, described
from resources.rollout_store.manifest import Release, RolloutError, RolloutManifest, RolloutUnavailable
from resources.rollout_store.store import RolloutStore

_LOG = logging.getLogger("loopline.rollout")
_RETRY_SECONDS = 10.0


@dataclass(frozen=True)
class _Refusal:
    """A manifest that could not be followed.

    Attributes:
        retry_at: Monotonic time of the next attempt.
    """

    manifest: RolloutManifest
    retry_at: float


class Watcher:
    """Keeps `live` in step with the rollout store. A bad bundle is refused, logged and counted.

    A product whose new champion is bad keeps its live bundles; a bad challenger or shadow is left out.

    Args:
        open_store: Opens the online store of a product; called once per product.
        count_failure: Called with the product for every refused manifest or bundle.
        after_swap: Called after the live bundles of a product were replaced.
        interval: Seconds between two polls.
        spans: Measures the parts of a decision, for traces.

    Attributes:
        live: The loaded products by name.
        known: The products of the rollout store, loaded or not; none until it was read once.
    """

    def __init__(
        self,
        rollout: RolloutStore,
        key: bytes,
        *,
        open_store: Callable[[str], OnlineStore],
        as_of_allowed: bool,
        count_failure: Callable[[str], None],
        after_swap: Callable[[], None] = lambda: None,
        interval: float = 0.5,
        spans: Spans | None = None,
    ) -> None:
        self._rollout = rollout
        self._key = key
        self._open_store = open_store
        self._as_of_allowed = as_of_allowed
        self._count_failure = count_failure
        self._after_swap = after_swap
        self._interval = interval
        self._spans = spans or NoSpans()
        self._stores: dict[str, OnlineStore] = {}
        self._refused: dict[str, _Refusal] = {}
        self._unreadable: dict[str, str] = {}
        self._retry_at: dict[str, float] = {}
        self._reachable = True
        self._withdrawn: set[tuple[str, str, str]] = set()
        self._swap = threading.Lock()
        self.known: frozenset[str] = frozenset()
        self.loop = Loop("rollout-watcher", self._turn)
        self.live: Mapping[str, LiveProduct] = {}

    def start(self) -> None:
        """Starts polling in a thread."""
        self.loop.start()

    def close(self) -> None:
        """Stops polling and closes the online stores; call it when no decision is in progress."""
        self.loop.stop()
        self.loop.join()
        for store in self._stores.values():
            store.close()

    def store(self, product: str) -> OnlineStore:
        """The online store of a live product."""
        return self._stores[product]

    def poll(self) -> None:
        """Reads every product's manifest once and follows those that changed."""
        try:
            products = self._rollout.products()
        except RolloutUnavailable as error:
            self._unreachable(error)
            return
        self._reachable = True
        self.known = frozenset(products)
        for product in products:
            if time.monotonic() < self._retry_at.get(product, 0.0):
                continue
            try:
                self._poll_product(product)
            except Exception as error:  # noqa: BLE001 - a fault in one product must not stop the others
                self._retry_at[product] = time.monotonic() + _RETRY_SECONDS
                self._refuse(product, error)

    def withdraw(self, product: str, rollout: str, version: str) -> None:
        """Takes a version of a rollout out of this process, at once and until the rollout's end."""
        with self._swap:
            self._withdrawn = {*self._withdrawn, (product, rollout, version)}
            live = self.live.get(product)
            if live is not None:
                self.live = {**self.live, product: self._without_withdrawn(live)}

    def _without_withdrawn(self, live: LiveProduct) -> LiveProduct:
        where = (live.product, live.manifest.rollout)
        gone = {version for product, rollout, version in self._withdrawn if (product, rollout) == where}
        kept = tuple(None if engine is None or engine.bundle.version in gone else engine for engine in live.challengers)
        shadow = None if live.shadow is None or live.shadow.bundle.version in gone else live.shadow
        return replace(live, challengers=kept, shadow=shadow)

    def _poll_product(self, product: str) -> None:
        try:
            manifest = self._rollout.read_manifest(product)
        except RolloutUnavailable as error:
            self._unreachable(error)
        except RolloutError as error:
            if self._unreadable.get(product) != str(error):
                self._unreadable[product] = str(error)
                self._refuse(product, error)
        else:
            self._unreadable.pop(product, None)
            if manifest is not None:
                self._follow(product, manifest)

    def _turn(self) -> float:
        self.poll()
        return self._interval

    def _follow(self, product: str, manifest: RolloutManifest) -> None:
        live = self.live.get(product)
        refused = self._refused.get(product)
        waits = refused is not None and refused.manifest == manifest and time.monotonic() < refused.retry_at
        is_followed = live is not None and live.manifest == manifest and refused is None
        if is_followed or waits:
            return
        self._refused.pop(product, None)
        champion = self._engine(product, manifest, manifest.champion)
        if champion is None:
            return
        fresh = LiveProduct(
            product=product,
            manifest=manifest,
            champion=champion,
            challengers=tuple(self._engine(product, manifest, one.release) for one in manifest.challengers),
            shadow=self._engine(product, manifest, manifest.shadow),
            loaded_at=datetime.now(UTC),
        )
        with self._swap:
            self.live = {**self.live, product: self._without_withdrawn(fresh)}
        self._after_swap()
        _LOG.info("%s: version %s decides now (%s)", product, manifest.champion.version, manifest.reason)

    def _engine(self, product: str, manifest: RolloutManifest, release: Release | None) -> Engine | None:
        """The engine of a release, reused if it is live already; `None` when there is no release or it is refused."""
        if release is None:
            return None
        loaded = self._loaded(product, release)
        if loaded is not None:
            return loaded
        try:
            return self._load(product, release)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one bundle, the others decide
            self._refuse(product, error)
            self._refused[product] = _Refusal(manifest=manifest, retry_at=time.monotonic() + _RETRY_SECONDS)
            return None

    def _loaded(self, product: str, release: Release) -> Engine | None:
        live = self.live.get(product)
        for _, engine in live.engines() if live else ():
            if (engine.bundle.version, engine.bundle.digest) == (release.version, release.digest):
                return engine
        return None

    def _load(self, product: str, release: Release) -> Engine:
        bundle = released_bundle(product, release, self._rollout, self._key)
        if (bundle.product, bundle.version) != (product, release.version):
            raise BundleError(
                f"the bundle that is published as version {release.version} of {product} is {bundle.full_name}; "
                f"publish it again from the registry: loopline repair {product}"
            )
        if product not in self._stores:
            self._stores[product] = self._verified(product)
        engine = Engine(bundle, self._stores[product], as_of_allowed=self._as_of_allowed, spans=self._spans)
        engine.warm()
        return engine

    def _verified(self, product: str) -> OnlineStore:
        """The product's store; decisions do without a damaged one, until it is loaded again."""
        store = self._open_store(product)
        try:
            store.verify()
        except StoreDamaged as error:
            _LOG.error("%s: every decision is a fallback: %s", product, error)
        return store

    def _refuse(self, product: str, error: Exception) -> None:
        _LOG.error("%s: the rollout manifest is not followed, the live bundles stay: %s", product, described(error))
        self._count_failure(product)

    def _unreachable(self, error: RolloutUnavailable) -> None:
        if self._reachable:
            _LOG.warning("the rollout store cannot be reached, the live bundles stay: %s", error)
        self._reachable = False
