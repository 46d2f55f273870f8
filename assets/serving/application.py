"""The decision service without HTTP: the parts of one process.

Belongs here: opening and closing the parts, whether they work. Does not belong here: what a part does (`decider.py`,
`posted.py`, `postings.py`, `explainer.py`), status codes (`http`), BentoML (`service.py`).
"""

import gc
import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Self

from assets.serving.access.access import Access
from assets.serving.access.keyring import Keyring
from assets.serving.access.rates import Rates
from assets.serving.decider import Decider
from assets.serving.earlier.explainer import Explainer
from assets.serving.earlier.repeats import Repeats
from assets.serving.live.guard import SECONDS, SIMULATED_SECONDS, Guard
from assets.serving.live.product import LiveProduct
from assets.serving.live.products import Products
from assets.serving.live.watcher import Watcher
from assets.serving.log.posted_log import PostedLog
from assets.serving.log.writer import DecisionLog
from assets.serving.metrics import Metrics
from assets.serving.observing.logs import AccessLog
from assets.serving.observing.spans import NoSpans, Spans
from assets.serving.posted import PostedEvents
from assets.serving.postings import Postings
from assets.serving.reviewing import ReviewDesk
from assets.serving.settings import Settings, keys_required, read_settings
from resources.environments import Environment, load_environment
from resources.keys import signing_key
from resources.online_store.opening import open_store
from resources.processes.loops import Loop, LoopHealth
from resources.rollout_store.store import RolloutStore

if TYPE_CHECKING:
    from assets.serving.earlier.shared import SharedMarks

_FAILING_SECONDS = 60.0
_S3_INTERVAL = 5.0
_FOLDER_INTERVAL = 0.5
_KEYS_INTERVAL = 1.0


class Application:
    """One process of the decision service.

    Attributes:
        access: Who may call.
        decider: Decides requests.
        explainer: Explains earlier decisions.
        events: Takes posted events.
        postings: Takes posted outcomes and reviews.
        products: The live products.
        repeats: Requests with an idempotency key.
        reviews: The cases that wait for a person's word.
        draining: The service was asked to end: it answers what comes, and takes no connection for longer than that.
    """

    def __init__(
        self,
        environment: Environment,
        watcher: Watcher,
        guard: Guard,
        metrics: Metrics,
        *,
        settings: Settings,
        access: Access,
        explainer: Explainer,
        rollout: RolloutStore,
        spans: Spans,
    ) -> None:
        self.settings, self.metrics, self.access, self.explainer = settings, metrics, access, explainer
        self.spans = spans
        any_time = _is_local(environment)
        self.products = products = Products(watcher)
        self.events = PostedEvents(watcher, products, metrics, environment.clock, any_time=any_time)
        self.repeats = Repeats(_shared_marks(environment))
        self.access_log = AccessLog() if settings.access_log else None
        self.draining = False
        self._watcher = watcher
        self._log = DecisionLog(environment.decision_log)
        self._loops = [watcher.loop, self._log.loop, access.keyring.loop, guard.loop]
        self.decider = Decider(products, self._log, guard, metrics, environment.clock)
        kept = PostedLog(environment.posted, self._log, any_time=any_time)
        self.reviews = ReviewDesk(lambda: watcher.live, rollout, kept, explainer)
        self.postings = Postings(
            products.find, self.reviews.asks, kept, environment.decision_log, metrics, environment.clock,
            any_time=any_time,
        )  # fmt: skip
        metrics.show(lambda: watcher.live, products.watermarks, products.store_works, products.store_rests)
        metrics.show_loops(self.loops)

    @classmethod
    def open(cls, variables: Mapping[str, str] | None = None, *, addresses: Collection[str] = ()) -> Self:
        """Opens the application of the environment that the variables name, and begins to load bundles.

        Args:
            addresses: The addresses on which the service listens.

        Raises:
            UnknownEnvironment: No such environment is declared.
            BadSetting: A setting is wrong, or would open the service to other machines.
            MissingKey: There is no signing key.
        """
        variables = os.environ if variables is None else variables
        environment = load_environment(variables, part="decisions")
        settings = read_settings(environment.name, variables)
        required = keys_required(settings, environment.name, addresses)
        key = signing_key(variables, environment.home, "signing")
        rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
        metrics, spans = Metrics(), _spans(settings)
        watcher = Watcher(
            rollout,
            key,
            open_store=lambda product: open_store(environment.online_store, product),
            as_of_allowed=_is_local(environment),
            count_failure=lambda product: metrics.load_failures.labels(product).inc(),
            after_swap=_settle,
            interval=_S3_INTERVAL if environment.rollout.startswith("s3://") else _FOLDER_INTERVAL,
            spans=spans,
        )
        access = Access(
            Keyring(rollout.read_access_keys, key, interval=_KEYS_INTERVAL),
            Rates(environment.online_store),
            required=required,
            open_metrics=settings.open_metrics,
            rate=settings.rate,
        )
        guard = Guard(
            watcher, rollout, lambda product: metrics.rollbacks.labels(product).inc(), environment.clock,
            SECONDS if environment.simulated_clock is None else SIMULATED_SECONDS,
        )  # fmt: skip
        explainer = Explainer(environment.decision_log, rollout, key, lambda: watcher.live)
        application = cls(
            environment, watcher, guard, metrics, settings=settings, access=access, explainer=explainer,
            rollout=rollout, spans=spans,
        )  # fmt: skip
        application.repeats.load(environment.decision_log, environment.clock.now())
        access.keyring.start()
        watcher.start()
        guard.loop.start()
        return application

    def start(self, loop: Loop) -> None:
        """Starts one more loop, which readiness and metrics then tell of, and which ends with the application."""
        self._loops.append(loop)
        loop.start()

    def loops(self) -> tuple[LoopHealth, ...]:
        """How the threads of this process fare."""
        return tuple(loop.health() for loop in self._loops)

    @property
    def ready(self) -> bool:
        """Whether a champion is loaded, the threads work, the log has space, and no live embedded store is damaged.

        A store that another machine serves does not count: it fails for all replicas, and a fallback is an answer.
        """
        needed = (loop.health() for loop in self._loops if loop is not self.access.keyring.loop)
        loops_work = not any(loop.ended or loop.failing_seconds > _FAILING_SECONDS for loop in needed)
        damaged = any(self._watcher.store(product).damage() for product in self.live)
        return not self.draining and bool(self.live) and loops_work and not damaged and not self._log.is_full

    @property
    def live(self) -> Mapping[str, LiveProduct]:
        """The live products by name."""
        return self._watcher.live

    def close(self) -> None:
        """Ends the threads, closes the log and the stores; call it when every request is answered."""
        for loop in self._loops[2:]:  # the watcher and the log end with what they hold
            loop.stop()
        self.decider.close()
        self._watcher.close()
        self._log.close()
        self.spans.close()


def _spans(settings: Settings) -> Spans:
    if not settings.traced:
        return NoSpans()
    # OpenTelemetry's exporter is slow to import, and only a traced service needs it.
    from assets.serving.observing.traces import OtlpSpans

    return OtlpSpans()


def _shared_marks(environment: Environment) -> "SharedMarks | None":
    """What the processes of a deployment tell each other of repeated requests, where they share a Redis."""
    if not environment.online_store.startswith(("redis://", "rediss://")):
        return None
    from assets.serving.earlier.shared import SharedMarks

    return SharedMarks(environment.online_store)


def _settle() -> None:
    """Exempts the loaded bundles from garbage collection: a full collection of them would delay requests."""
    gc.collect()
    gc.freeze()


def _is_local(environment: Environment) -> bool:
    return environment.name == "local"
