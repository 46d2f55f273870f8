"""The decision service without HTTP: the parts of one process, and the answer to each call.

Belongs here: opening and closing the parts, deciding, logging, shadow scoring. Does not belong here: status codes
(`http`), BentoML (`service.py`), computing a decision (`engine.py`).
"""

import gc
import logging
import os
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from assets.serving.access.access import Access
from assets.serving.access.keyring import Keyring
from assets.serving.access.rates import Rates
from assets.serving.decision import Decision
from assets.serving.earlier.explainer import Explainer
from assets.serving.earlier.marks import Mark
from assets.serving.earlier.repeats import Repeats
from assets.serving.live import LiveProduct
from assets.serving.log_writer import DecisionLog
from assets.serving.metrics import Metrics
from assets.serving.observing.logs import AccessLog
from assets.serving.observing.spans import NoSpans, Spans
from assets.serving.posted import PostedEvents
from assets.serving.products import Products
from assets.serving.requests.batch import Batch, parse_batch
from assets.serving.requests.parse import call_fields, parse_json
from assets.serving.settings import Settings, keys_required, read_settings
from assets.serving.shadows import Shadows
from assets.serving.watcher import Watcher
from resources.environments import Environment, load_environment
from resources.keys import signing_key
from resources.online_store.opening import open_store
from resources.processes.loops import Loop, LoopHealth
from resources.rollout_store.store import RolloutStore

if TYPE_CHECKING:
    from assets.serving.earlier.shared import SharedMarks

_LOG = logging.getLogger("loopline.service")
_FAILING_SECONDS = 60.0
_S3_INTERVAL = 5.0
_FOLDER_INTERVAL = 0.5
_KEYS_INTERVAL = 1.0


@dataclass(frozen=True)
class Answer:
    """A decision, and the future that is done when the decision is on disk.

    Attributes:
        request: The request that was decided.
        live: The bundles that were live then.
    """

    decision: Decision
    logged: "Future[None]"
    request: Mapping[str, object]
    live: LiveProduct


class Application:
    """One process of the decision service.

    Attributes:
        access: Who may call.
        explainer: Explains earlier decisions.
        events: Takes posted events.
        products: The live products.
        repeats: Requests with an idempotency key.
        draining: The service was asked to end: it answers what comes, and takes no connection for longer than that.
    """

    def __init__(
        self,
        environment: Environment,
        watcher: Watcher,
        metrics: Metrics,
        *,
        settings: Settings,
        access: Access,
        explainer: Explainer,
        spans: Spans,
    ) -> None:
        self.settings, self.metrics, self.access, self.explainer = settings, metrics, access, explainer
        self.spans = spans
        self.products = Products(watcher)
        self.events = PostedEvents(watcher, self.products, metrics, any_time=_is_local(environment))
        self.repeats = Repeats(_shared_marks(environment))
        self.access_log = AccessLog() if settings.access_log else None
        self.draining = False
        self._watcher = watcher
        self._log = DecisionLog(environment.decision_log)
        self._loops = [watcher.loop, self._log.loop, access.keyring.loop]
        self._shadows = Shadows(self._log, metrics)
        products = self.products
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
        explainer = Explainer(environment.decision_log, rollout, key, lambda: watcher.live)
        application = cls(
            environment, watcher, metrics, settings=settings, access=access, explainer=explainer, spans=spans
        )
        application.repeats.load(environment.decision_log, datetime.now(UTC))
        access.keyring.start()
        watcher.start()
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
        for loop in self._loops[2:]:
            loop.stop()
        self._shadows.close()
        self._watcher.close()
        self._log.close()
        self.spans.close()

    # ------------------------------------------------------------------ decisions

    def decide(self, body: bytes, mark: Mark | None = None) -> Answer:
        """Decides the request in a body `{"product": …, "request": {…}, "explain": false}`.

        Args:
            mark: The mark of a request with an idempotency key; the record keeps it.

        Raises:
            RequestError: The body or the request in it is invalid.
            NotRolledOut: Nobody rolled out a product of this name.
            NoChampion: No champion of the product is loaded.
            StaleEvents: A source's watermark is too old, and the product then refuses to decide.
        """
        call = call_fields(parse_json(body), needed={"product": str, "request": dict}, optional={"explain": bool})
        live = self.products.find(call["product"])
        return self._decide(live, call["request"], explain=call.get("explain", False), mark=mark)

    def read_batch(self, body: bytes) -> tuple[LiveProduct, Batch]:
        """The requests in a body `{"product": …, "requests": [{…}, …], "explain": false}`, and their product.

        Raises:
            RequestError: The body is invalid, or has no or too many requests; a request itself is not checked yet.
            NotRolledOut, NoChampion: See `decide`.
        """
        batch = parse_batch(body)
        return self.products.find(batch.product), batch

    def decide_each(
        self, live: LiveProduct, batch: Batch, marks: Mapping[int, Mark | None], errors: tuple[type[Exception], ...]
    ) -> dict[int, Answer | Exception]:
        """Decides requests of a batch: for each its answer, or the error that it raised.

        Args:
            marks: The requests that are decided, by their number, each with its mark.
            errors: The errors that are answers; any other ends the whole batch.
        """
        found: dict[int, Answer | Exception] = {}
        try:
            for number, mark in marks.items():
                try:
                    found[number] = self._decide(live, batch.requests[number], explain=batch.explain, mark=mark)
                except errors as error:
                    found[number] = error
        except Exception:
            for answer in found.values():
                if isinstance(answer, Answer):
                    self.withdraw(answer)
            raise
        return found

    def _decide(self, live: LiveProduct, request: Mapping[str, object], *, explain: bool, mark: Mark | None) -> Answer:
        request = live.identified(request)
        engine, assignment = live.choose(request)
        now = datetime.now(UTC)
        decision = engine.decide(request, now=now, explain=explain, assignment=assignment, also_known=live.also_known)
        if mark is not None:
            decision = replace(decision, mark=str(mark))
        if decision.problem:
            _LOG.error("%s: decision %s is a fallback: %s", decision.product, decision.id, decision.problem)
        return Answer(decision, self._log.append(decision), request, live)

    def answered(self, answer: Answer) -> None:
        """Counts a decision that is logged and answered, and has it scored by the shadow, if there is one."""
        self.metrics.count(answer.decision)
        if answer.live.shadow is not None:
            self._shadows.score(answer.live.shadow, answer.request, answer.decision, answer.live.also_known)

    def withdraw(self, answer: Answer) -> None:
        """Records that a decision is void: it was not logged in time, and its caller is told so."""
        self._log.append(replace(answer.decision, void=True))

    def earlier(self, decision_id: str) -> dict[str, Any]:
        """The answer that a repeated request got before.

        Raises:
            NoDecision: The decision is not in the log any more.
        """
        decision = self.repeats.recent(decision_id) or self.explainer.record(decision_id)
        return decision.answer()


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
