"""The process that follows every stream of every product into the online stores.

    python -m pipelines.services.stream_follower

Belongs here: the list of streams, the loop over them, retries after failures. Does not belong here: the step of one
stream (`assets.streaming.follower`).
"""

import logging
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from assets.product import Product, StreamTopic
from assets.streaming.follower import Follower
from assets.validation.expectations import ContractCannotRun
from pipelines.connections import clock_of
from pipelines.products import load_product, product_names
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.online_store.errors import EventError
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import StoreError
from resources.processes.loops import Loop, described
from resources.sandbox.world.incidents import SandboxError
from resources.sources.readers import SourceError
from resources.sources.systems import SourceSystems

_LOG = logging.getLogger("loopline.stream")
_PAUSE_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_EXPIRY_SECONDS = 3600.0
# The messages of these errors contain a remedy and no personal data.
_FORESEEN = (SourceError, StoreError, LakeError, EventError, ContractCannotRun, SandboxError)


def followed(product: Product) -> tuple[StreamTopic, ...]:
    """The product's streams whose events its features read."""
    streams = (source for source in product.sources if isinstance(source, StreamTopic))
    return tuple(source for source in streams if source.name in product.features.sources)


@dataclass
class _Followed:
    follower: Follower
    retry_at: float = 0.0
    problem: str = ""


class Following:
    """Follows all streams of some products in turn, until `stop`."""

    def __init__(self, environment: Environment, products: Sequence[Product]) -> None:
        self._loop = Loop("streams", self._turn, retry=_RETRY_SECONDS)
        self._expire_at = time.monotonic() + _EXPIRY_SECONDS
        self._stores = OnlineStores(environment.online_store)
        self._clocks = {product.name: clock_of(product, environment) for product in products}
        lake, systems, keys = Lake(environment.lake), SourceSystems(environment), Keys.of(environment.home)
        self._followed = [
            _Followed(
                Follower(
                    product,
                    source,
                    systems.tail(source.name, topic=source.topic, arrival_field=source.arrival_field),
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

    def _turn(self) -> float:
        """One step of every stream; seconds to pause before the next."""
        busy = [one for one in self._followed if self._step(one)]
        if time.monotonic() > self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRY_SECONDS
            self._expire()
        return 0.0 if busy else _PAUSE_SECONDS

    def _step(self, one: _Followed) -> bool:
        """Whether the step read messages."""
        if time.monotonic() < one.retry_at:
            return False
        try:
            done = one.follower.step()
        except _FORESEEN as error:
            return self._failed(one, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of the code in one stream must not stop the others
            return self._failed(one, f"{described(error)}; the other streams are still followed")
        if one.problem:
            _LOG.warning("%s is followed again", one.follower.name)
            one.problem = ""
        if done.read:
            _LOG.info(
                "%s: %d messages, %d new events, %d quarantined, %d withheld, %d left out",
                one.follower.name, done.read, done.added, done.quarantined, done.withheld, done.left_out,
            )  # fmt: skip
        return done.read > 0

    def _failed(self, one: _Followed, problem: str) -> bool:
        if problem != one.problem:
            _LOG.error("%s is not followed: %s", one.follower.name, problem)
        one.problem, one.retry_at = problem, time.monotonic() + _RETRY_SECONDS
        return False

    def _expire(self) -> None:
        for name, clock in self._clocks.items():
            try:
                store = self._stores.of(name)
                removed = store.expire(clock.now()) if store.state() else 0
            except StoreError as error:
                _LOG.warning("%s: expired events are not removed yet: %s", name, error)
            except Exception as error:  # noqa: BLE001 - as in a step
                _LOG.error("%s: expired events are not removed yet: %s", name, described(error))
            else:
                _LOG.info("%s: removed %d events older than every window", name, removed)


def main() -> None:
    """Runs the process; SIGTERM and SIGINT end it after the present step."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    following = Following(load_environment(), [load_product(name) for name in product_names()])

    def end(_number: int, _frame: FrameType | None) -> None:
        following.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    following.run()


if __name__ == "__main__":
    main()
