"""The process that follows every stream of some products into the online stores, by default of the workspace's.

    python -m pipelines.services.stream_follower [--host 127.0.0.1] [--port 4704] [PRODUCT ...]

Belongs here: the list of streams, the loop over them, retries after failures. Does not belong here: the step of one
stream (`assets.streaming.follower`), the pages on which the process tells how it fares (`stream_health.py`).
"""

import argparse
import faulthandler
import logging
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

from assets.ingestion.assets import avro_of
from assets.product import Product, StreamTopic
from assets.streaming.follower import Follower
from assets.validation.rules.expectations import ContractCannotRun
from pipelines.connections import clock_of
from pipelines.products import load_product
from pipelines.sandbox_sources import source_systems
from pipelines.services.figures import FigureMetrics
from pipelines.services.stream_health import PortTaken, StreamHealth, Why, serve_health
from pipelines.workspace import served_products
from resources.environments import Environment, load_environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.online_store.errors import EventError
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import StoreError
from resources.processes.loops import Loop, LoopHealth, described
from resources.sandbox.world.incidents import SandboxError
from resources.sources.readers import SourceError
from resources.sources.streams.tails import Tail

_LOG = logging.getLogger("loopline.stream")
_PAUSE_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_EXPIRY_SECONDS = 3600.0
# The messages of these errors contain a remedy and no personal data.
_FORESEEN: tuple[tuple[type[LooplineError], Why], ...] = (
    (SourceError, "stream"), (StoreError, "store"), (EventError, "store"), (LakeError, "lake"),
    (ContractCannotRun, "contract"), (SandboxError, "clock"),
)  # fmt: skip


def followed(product: Product) -> tuple[StreamTopic, ...]:
    """The product's streams whose events its features read."""
    streams = (source for source in product.sources if isinstance(source, StreamTopic))
    return tuple(source for source in streams if source.name in product.features.sources)


def _tail(product: Product, source: StreamTopic, environment: Environment) -> Tail:
    return source_systems(product, environment).tail(
        source.name, topic=source.topic, arrival_field=source.arrival_field, connection=source.connection,
        avro=avro_of(product, source),
    )  # fmt: skip


@dataclass
class _Followed:
    """A stream and how it fares.

    Attributes:
        problem: The last failure; empty while it is followed.
        told: The failures that the log has since it was last followed, without their numbers.
    """

    follower: Follower
    retry_at: float = 0.0
    problem: str = ""
    why: Why | None = "starting"
    told: set[str] = field(default_factory=set)


class Following:
    """Follows all streams of some products in turn, until `stop`."""

    def __init__(self, environment: Environment, products: Sequence[Product]) -> None:
        self._loop = Loop("streams", self._turn, retry=_RETRY_SECONDS)
        self._expire_at = time.monotonic() + _EXPIRY_SECONDS
        self._moved = time.monotonic()
        self._unexpired: dict[str, str] = {}
        self._stores = OnlineStores(environment.online_store)
        self._clocks = {product.name: clock_of(product, environment) for product in products}
        lake, keys = Lake(environment.lake), Keys.of(environment.home)
        self._followed = [
            _Followed(
                Follower(
                    product,
                    source,
                    _tail(product, source, environment),
                    store=self._stores.of(product.name),
                    lake=lake,
                    key=keys.tokenisation,
                    now=self._clocks[product.name].now,
                )
            )
            for product in products
            for source in followed(product)
        ]

    def run(self) -> None:
        """Follows until `stop` is called. A failure is logged once, and its stream is retried."""
        self._loop.run()
        for one in self._followed:
            one.follower.close()
        self._stores.close()

    def stop(self) -> None:
        """Ends `run` after the present step."""
        self._loop.stop()

    def health(self) -> tuple[StreamHealth, ...]:
        """How each stream is followed; safe to call from any thread."""
        return tuple(_health(one) for one in self._followed)

    def loop_health(self) -> LoopHealth:
        """How the loop over the streams fares."""
        return self._loop.health()

    def silent_seconds(self) -> float:
        """For how long no step has ended."""
        return time.monotonic() - self._moved

    def _turn(self) -> float:
        """One step of every stream; seconds to pause before the next."""
        busy = [one for one in self._followed if self._step(one)]
        if time.monotonic() > self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRY_SECONDS
            self._expire()
        self._moved = time.monotonic()
        return 0.0 if busy else _PAUSE_SECONDS

    def _step(self, one: _Followed) -> bool:
        """Whether the step read messages."""
        self._moved = time.monotonic()
        if time.monotonic() < one.retry_at:
            return False
        try:
            done = one.follower.step()
        except Exception as error:  # noqa: BLE001 - a fault of the code in one stream must not stop the others
            return self._failed(one, error)
        if one.problem:
            _LOG.warning("%s is followed again", one.follower.name)
        one.problem, one.why = "", None if done.is_loaded else "not_loaded"
        one.told.clear()
        if done.read:
            _LOG.info(
                "%s: %d messages, %d new events, %d quarantined, %d withheld, %d left out",
                one.follower.name, done.read, done.added, done.quarantined, done.withheld, done.left_out,
            )  # fmt: skip
        return done.read > 0

    def _failed(self, one: _Followed, error: Exception) -> bool:
        """Tells each failure once until the stream is followed again, also where two of them take turns."""
        why = next((why for kind, why in _FORESEEN if isinstance(error, kind)), None)
        problem = f"{described(error)}; the other streams are still followed" if why is None else str(error)
        kind = re.sub(r"\d+", "#", problem)
        if kind not in one.told:
            _LOG.error("%s is not followed: %s", one.follower.name, problem)
            one.told.add(kind)
        one.problem, one.why, one.retry_at = problem, why or "fault", time.monotonic() + _RETRY_SECONDS
        return False

    def _expire(self) -> None:
        for name, clock in self._clocks.items():
            try:
                store = self._stores.of(name)
                removed = store.expire(clock.now()) if store.state() else 0
            except StoreError as error:
                self._not_expired(name, str(error))
            except Exception as error:  # noqa: BLE001 - as in a step
                self._not_expired(name, described(error))
            else:
                self._unexpired.pop(name, None)
                _LOG.info("%s: removed %d events older than every window", name, removed)

    def _not_expired(self, name: str, problem: str) -> None:
        if self._unexpired.get(name) != problem:
            _LOG.warning("%s: expired events are not removed yet: %s", name, problem)
        self._unexpired[name] = problem


def _health(one: _Followed) -> StreamHealth:
    lag = one.follower.lag
    seconds = None if lag is None else round(lag.total_seconds(), 1)
    return StreamHealth(one.follower.name, one.why, one.problem, seconds, one.follower.messages_behind)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the process; SIGTERM and SIGINT end it after the present step. Exit status 1 if its port is taken."""
    faulthandler.enable()  # as in the decision service: a store's file that is cut while it is read ends the process
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    environment = load_environment()
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.services.stream_follower", description="Follows the streams into the online stores."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where /livez, /readyz and /metrics are answered")
    parser.add_argument("--port", type=int, default=environment.ports.stream)
    parser.add_argument("products", nargs="*", help="by default those of the workspace")
    options = parser.parse_args(arguments)
    products = [load_product(name) for name in options.products or served_products()]
    following, figures = Following(environment, products), FigureMetrics(products, Lake(environment.lake))

    def end(_number: int, _frame: FrameType | None) -> None:
        following.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        with serve_health(following, options.host, options.port, figures):
            following.run()
    except PortTaken as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
