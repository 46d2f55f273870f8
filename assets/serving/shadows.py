"""Shadow scoring: a second bundle decides the same request, after its caller has been answered.

Belongs here: the shadows that wait, what becomes of one that fails. Does not belong here: which bundle is the shadow
(`live/watcher.py`), deciding (`engine.py`).
"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore

from assets.serving.decision import Assignment, Decision
from assets.serving.engine import Engine
from assets.serving.live.product import LiveProduct
from assets.serving.log.writer import DecisionLog
from assets.serving.metrics import Metrics
from resources.clock import Clock
from resources.processes.loops import described

_LOG = logging.getLogger("loopline.service")
_MOST_WAITING = 64


@dataclass(frozen=True)
class Answer:
    """A decision, and the future that is done when the decision is on disk.

    Attributes:
        request: The request that was decided.
        live: The bundles that were live then.
        seconds: What the decision took, without its log.
    """

    decision: Decision
    logged: "Future[None]"
    request: Mapping[str, object]
    live: LiveProduct
    seconds: float


Noted = Callable[
    [LiveProduct, Mapping[str, object], tuple[Decision | None, float], tuple[Decision | None, float]], None
]
"""The live bundles, the request, and of champion and shadow the decision (`None` where it failed) and its seconds."""


class Shadows:
    """Scores shadows one after the other; those beyond 64 that wait are dropped, and counted.

    Args:
        noted: Called with each request and how champion and shadow fared with it.
        clock: Says when a decision is made.
    """

    def __init__(self, log: DecisionLog, metrics: Metrics, noted: Noted, clock: Clock) -> None:
        self._log = log
        self._metrics = metrics
        self._noted = noted
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shadow")
        self._slots = BoundedSemaphore(_MOST_WAITING)

    def score(self, answer: Answer) -> None:
        """Has the shadow decide the request of a decision that is answered; returns at once."""
        if answer.live.shadow is None:
            return
        if not self._slots.acquire(blocking=False):
            self._metrics.shadows_dropped.inc()
            return
        self._pool.submit(self._score, answer, answer.live.shadow)

    def score_failed(self, live: LiveProduct, request: Mapping[str, object], seconds: float) -> None:
        """Has the shadow decide a request on which the champion failed: else only the shadow's faults would count."""
        if live.shadow is not None and self._slots.acquire(blocking=False):
            self._pool.submit(self._score_failed, live, live.shadow, request, seconds)

    def close(self) -> None:
        """Returns when every waiting shadow is scored."""
        self._pool.shutdown(wait=True)

    def _score(self, answer: Answer, engine: Engine) -> None:
        decision, live = answer.decision, answer.live
        started, shadow = time.perf_counter(), None
        try:
            shadow = engine.decide(
                {**answer.request, engine.shape.row_id: decision.row_id},
                now=self._clock.now(),
                assignment=Assignment(role="shadow", rollout=live.manifest.rollout),
                also_known=live.also_known,
                shadow_of=decision,
            )
            self._log.append(shadow).add_done_callback(lambda logged: self._count(shadow, logged))
        except Exception as error:  # noqa: BLE001 - nobody waits for a shadow; it must neither vanish nor end others
            self._failed(decision, error)
        finally:
            self._slots.release()
        self._noted(live, answer.request, (decision, answer.seconds), (shadow, time.perf_counter() - started))

    def _score_failed(self, live: LiveProduct, engine: Engine, request: Mapping[str, object], seconds: float) -> None:
        """Nobody was answered, so nothing is logged."""
        started, shadow = time.perf_counter(), None
        try:
            shadow = engine.decide(
                request, now=self._clock.now(), assignment=Assignment(role="shadow"), also_known=live.also_known
            )
        except Exception as error:  # noqa: BLE001 - as in `_score`
            _LOG.error("%s: the shadow failed where the champion had failed: %s", live.product, described(error))
            self._metrics.shadow_failures.labels(live.product).inc()
        finally:
            self._slots.release()
        self._noted(live, request, (None, seconds), (shadow, time.perf_counter() - started))

    def _count(self, shadow: Decision, logged: "Future[None]") -> None:
        error = logged.exception()
        if error is None:
            self._metrics.count(shadow)
        else:
            self._failed(shadow, error)

    def _failed(self, decision: Decision, error: BaseException) -> None:
        _LOG.error("%s: the shadow of decision %s failed: %s", decision.product, decision.id, described(error))
        self._metrics.shadow_failures.labels(decision.product).inc()
