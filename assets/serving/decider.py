"""Deciding with the live products: from a call to an answer whose decision is in the log.

Belongs here: which bundle decides a request, the champion in the place of a challenger that fails, what is noted of an
answer, batches. Does not belong here: computing a decision (`engine.py`), status codes (`http`), the parts of the
process (`application.py`).
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from assets.serving.decision import Assignment, Decision
from assets.serving.earlier.marks import Mark
from assets.serving.engine import Engine
from assets.serving.live.guard import Guard
from assets.serving.live.product import LiveProduct
from assets.serving.live.products import Products
from assets.serving.log.writer import DecisionLog
from assets.serving.metrics import Metrics
from assets.serving.requests.batch import Batch, parse_batch
from assets.serving.requests.parse import RequestError, StaleEvents, call_fields, parse_json
from assets.serving.shadows import Answer, Shadows
from resources.clock import Clock
from resources.processes.loops import described

_LOG = logging.getLogger("loopline.service")


class Decider:
    """Decides requests; safe to use from several threads.

    Args:
        log: Every decision is appended to it.
        guard: Notes every request that was answered, that failed, or that a shadow scored.
        clock: Says when a decision is made.
    """

    def __init__(self, products: Products, log: DecisionLog, guard: Guard, metrics: Metrics, clock: Clock) -> None:
        self._products, self._log, self._guard, self._metrics = products, log, guard, metrics
        self._clock = clock
        self._shadows = Shadows(log, metrics, guard.shadowed, clock)

    def close(self) -> None:
        """Returns when every waiting shadow is scored."""
        self._shadows.close()

    def decide(self, body: bytes, mark: Mark | None = None, *, writes: bool = False) -> Answer:
        """Decides the request in a body `{"product": …, "request": {…}, "explain": false}`.

        Args:
            mark: The mark of a request with an idempotency key; the record keeps it.
            writes: The caller writes the log itself, by `write_log`.

        Raises:
            RequestError: The body or the request in it is invalid.
            NotRolledOut: Nobody rolled out a product of this name.
            NoChampion: No champion of the product is loaded.
            StaleEvents: A source's watermark is too old, and the product then refuses to decide.
        """
        call = call_fields(parse_json(body), needed={"product": str, "request": dict}, optional={"explain": bool})
        live = self._products.find(call["product"])
        return self._answer(live, call["request"], explain=call.get("explain", False), mark=mark, writes=writes)

    def write_log(self) -> None:
        """Writes the decisions that wait for the log, in this thread if it can."""
        self._log.write()

    def read_batch(self, body: bytes) -> tuple[LiveProduct, Batch]:
        """The requests in a body `{"product": …, "requests": [{…}, …], "explain": false}`, and their product.

        Raises:
            RequestError: The body is invalid, or has no or too many requests; a request itself is not checked yet.
            NotRolledOut, NoChampion: See `decide`.
        """
        batch = parse_batch(body)
        return self._products.find(batch.product), batch

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
                    found[number] = self._answer(live, batch.requests[number], explain=batch.explain, mark=mark)
                except errors as error:
                    found[number] = error
        except Exception:
            for answer in found.values():
                if isinstance(answer, Answer):
                    self.withdraw(answer)
            raise
        return found

    def answered(self, answer: Answer) -> None:
        """Notes a decision that is logged and answered, and has it scored by the shadow, if there is one.

        It is called once for each decision: an answer that is given again to a repeated request is not noted again.
        """
        self._metrics.count(answer.decision)
        self._guard.answered(answer.live, answer.decision, answer.request, answer.seconds)
        self._shadows.score(answer)

    def withdraw(self, answer: Answer) -> None:
        """Records that a decision is void: it was not logged in time, and its caller is told so."""
        self._log.append(replace(answer.decision, void=True))

    def _answer(
        self,
        live: LiveProduct,
        request: Mapping[str, object],
        *,
        explain: bool,
        mark: Mark | None,
        writes: bool = False,
    ) -> Answer:
        request = live.identified(request)
        engine, assignment = live.choose(request)
        started = time.perf_counter()
        try:
            decision = self._decided(live, engine, request, assignment, explain=explain)
        except (RequestError, StaleEvents):
            raise
        except Exception as error:
            failed_after = time.perf_counter() - started
            self._guard.failed(live, engine.bundle.digest, request, failed_after)
            if assignment.role == "champion":
                self._shadows.score_failed(live, request, failed_after)
                raise
            _LOG.error("%s: the challenger failed, the champion decides: %s", live.product, described(error))
            decision = self._decided(live, live.champion, request, Assignment(), explain=explain)
        seconds = time.perf_counter() - started
        if mark is not None:
            decision = replace(decision, mark=str(mark))
        if decision.problem:
            _LOG.error("%s: decision %s is a fallback: %s", decision.product, decision.id, decision.problem)
        return Answer(decision, self._log.append(decision, wake=not writes), request, live, seconds)

    def _decided(
        self, live: LiveProduct, engine: Engine, request: Mapping[str, object], assignment: Assignment, *, explain: bool
    ) -> Decision:
        return engine.decide(
            request, now=self._clock.now(), explain=explain, assignment=assignment, also_known=live.also_known
        )
