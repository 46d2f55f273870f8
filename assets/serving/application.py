"""The decision service without HTTP: the parts of one process, and the answer to each call.

Belongs here: opening and closing the parts, deciding, logging, shadow scoring, posted events. Does not belong here:
status codes (`http`), BentoML (`service.py`), computing a decision (`engine.py`).
"""

import gc
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self, cast

from assets.serving.decision import Assignment, Decision
from assets.serving.engine import Engine
from assets.serving.guard import Guard
from assets.serving.live import LiveProduct
from assets.serving.log_writer import DecisionLog
from assets.serving.metrics import Metrics
from assets.serving.posted_log import PostedLog
from assets.serving.postings import Postings
from assets.serving.requests.event import parse_event, parse_event_id
from assets.serving.requests.parse import (
    NoChampion,
    NotRolledOut,
    RequestError,
    StaleEvents,
    call_fields,
    parse_json,
)
from assets.serving.requests.wording import shown
from assets.serving.shadows import Answer, Shadows
from assets.serving.watcher import Watcher
from resources.environments import Environment, load_environment
from resources.keys import signing_key
from resources.naming import BadName, checked_name
from resources.online_store.errors import EventError
from resources.online_store.opening import open_store
from resources.online_store.protocol import StoreUnavailable
from resources.processes.loops import Loop, LoopHealth, described
from resources.rollout_store.store import RolloutStore

_LOG = logging.getLogger("loopline.service")
_FAILING_SECONDS = 60.0
_S3_INTERVAL = 5.0
_FOLDER_INTERVAL = 0.5


class Application:
    """One process of the decision service."""

    def __init__(
        self, watcher: Watcher, guard: Guard, log: DecisionLog, metrics: Metrics, environment: Environment
    ) -> None:
        self._watcher = watcher
        self._log = log
        self._any_time = _is_local(environment)
        self.metrics = metrics
        self._guard = guard
        kept = PostedLog(environment.posted, log, any_time=self._any_time)
        self.postings = Postings(self._live, kept, environment.decision_log, metrics, any_time=self._any_time)
        self._loops = [watcher.loop, log.loop, guard.loop]
        self._shadows = Shadows(log, metrics, self._shadowed)

    @classmethod
    def open(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Opens the application of the environment that the variables name, and begins to load bundles.

        Raises:
            UnknownEnvironment: No such environment is declared.
            MissingKey: There is no signing key.
        """
        variables = os.environ if variables is None else variables
        environment = load_environment(variables, part="decisions")
        key = signing_key(variables, environment.home, "signing")
        metrics = Metrics()
        rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
        watcher = Watcher(
            rollout,
            key,
            open_store=lambda product: open_store(environment.online_store, product),
            as_of_allowed=_is_local(environment),
            count_failure=lambda product: metrics.load_failures.labels(product).inc(),
            after_swap=_settle,
            interval=_S3_INTERVAL if environment.rollout.startswith("s3://") else _FOLDER_INTERVAL,
        )
        watcher.start()
        guard = Guard(watcher, rollout, lambda product: metrics.rollbacks.labels(product).inc())
        guard.loop.start()
        application = cls(watcher, guard, DecisionLog(environment.decision_log), metrics, environment)
        metrics.show(lambda: watcher.live, application.watermarks, application.store_works)
        metrics.show_loops(application.loops)
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
        """Whether a champion is loaded, the threads work, and no live product's embedded store is damaged.

        A store that another machine serves does not count: it fails for all replicas, and a fallback is an answer.
        """
        loops_work = not any(loop.ended or loop.failing_seconds > _FAILING_SECONDS for loop in self.loops())
        damaged = any(self._watcher.store(product).damage() for product in self.live)
        return bool(self.live) and loops_work and not damaged

    @property
    def live(self) -> Mapping[str, LiveProduct]:
        """The live products by name."""
        return self._watcher.live

    def close(self) -> None:
        """Ends the threads, closes the log and the stores; call it when every request is answered."""
        for loop in self._loops[2:]:  # the watcher and the log end with what they hold
            loop.stop()
        self._shadows.close()
        self._watcher.close()
        self._log.close()

    # ------------------------------------------------------------------ decisions

    def decide(self, body: bytes) -> Answer:
        """Decides the request in a body `{"product": …, "request": {…}, "explain": false}`.

        Raises:
            RequestError: The body or the request in it is invalid.
            NotRolledOut: Nobody rolled out a product of this name.
            NoChampion: No champion of the product is loaded.
            StaleEvents: A source's watermark is too old, and the product then refuses to decide.
        """
        call = call_fields(parse_json(body), needed={"product": str, "request": dict}, optional={"explain": bool})
        live = self._live(call["product"])
        request = live.identified(call["request"])
        engine, assignment = live.choose(request)
        started = time.perf_counter()
        try:
            decision = self._decided(live, engine, request, assignment, explain=call.get("explain", False))
        except (RequestError, StaleEvents):
            raise
        except Exception as error:
            self._guard.failed(live, engine.bundle.digest, request, time.perf_counter() - started)
            if assignment.role == "champion":
                raise
            _LOG.error("%s: the challenger failed, the champion decides: %s", live.product, described(error))
            decision = self._decided(live, live.champion, request, Assignment(), explain=call.get("explain", False))
        seconds = time.perf_counter() - started
        if decision.problem:
            _LOG.error("%s: decision %s is a fallback: %s", decision.product, decision.id, decision.problem)
        return Answer(decision, self._log.append(decision), request, live, seconds)

    def _decided(
        self, live: LiveProduct, engine: Engine, request: Mapping[str, object], assignment: Assignment, *, explain: bool
    ) -> Decision:
        return engine.decide(
            request, now=datetime.now(UTC), explain=explain, assignment=assignment, also_known=live.also_known
        )

    def answered(self, answer: Answer) -> None:
        """Counts a decision that is logged and answered, and has it scored by the shadow, if there is one."""
        self.metrics.count(answer.decision)
        self._guard.answered(answer.live, answer.decision, answer.request, answer.seconds)
        self._shadows.score(answer)

    def _shadowed(self, answer: Answer, shadow: Decision | None, seconds: float) -> None:
        self._guard.shadowed(answer.live, answer.decision, answer.seconds, shadow, seconds)

    def withdraw(self, answer: Answer) -> None:
        """Records that a decision is void: it was not logged in time, and its caller is told so."""
        self._log.append(replace(answer.decision, void=True))

    def _live(self, product: str) -> LiveProduct:
        try:
            live = self._watcher.live.get(checked_name(product, "product"))
        except BadName as error:
            raise RequestError(str(error)) from error
        if live is None:
            known = self._watcher.known
            # While nothing is rolled out, the service is not ready and no product can be told from an unknown one.
            if known and product not in known:
                raise NotRolledOut(f"product '{product}' is unknown; known: {', '.join(sorted(known))}")
            raise NoChampion(
                f"no champion of product '{product}' is loaded; train and roll one out with `loopline run {product}`"
            )
        return live

    # ------------------------------------------------------------------ events

    def add_event(self, body: bytes) -> dict[str, Any]:
        """Adds the event in a body `{"product": …, "source": …, "event": {…}, "event_id": …}` to the online store.

        The event may be the whole row of its source: columns of the contract that no feature reads are left out.

        An event that also arrives by a stream counts once if `event_id` is the stream's name of the event (see
        `assets.streaming.events.event_name`): a JSON list of the contract's key and the day on which the event became
        known, `["E17", "2026-03-01"]`; with the time instead of the day where records are corrected.

        Raises:
            RequestError: The body or the event in it is invalid.
            NotRolledOut: Nobody rolled out a product of this name.
            NoChampion: No champion of the product is loaded.
            StoreUnavailable: The store cannot be written.
        """
        call = call_fields(
            parse_json(body), needed={"product": str, "source": str, "event": dict}, optional={"event_id": str}
        )
        live = self._live(call["product"])
        source = call["source"]
        known = sorted(live.event_columns)
        if source not in known:
            raise RequestError(
                f"source {shown(source)} is unknown; '{live.product}' takes events of {', '.join(known)}"
            )
        rules = live.rules(source)
        event = parse_event(
            call["event"],
            now=datetime.now(UTC),
            any_time=self._any_time,
            resolutions=live.resolutions(source),
            rules=rules,
            read=live.event_columns[source],
            keys=live.event_keys(source),
        )
        event_id = parse_event_id(call.get("event_id"))
        try:
            added = self._watcher.store(live.product).append_event(source, live.stored(source, event), event_id)
        except EventError as error:
            raise RequestError(str(error)) from error
        known_at = cast(datetime, event["known_at"])
        self.metrics.events.labels("added" if added else "known").inc()
        return {"product": live.product, "source": source, "added": added, "known_at": known_at.isoformat()}

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
            for live in self.live.values()
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


def _settle() -> None:
    """Exempts the loaded bundles from garbage collection: a full collection of them would delay requests."""
    gc.collect()
    gc.freeze()


def _release(engine: Engine) -> dict[str, str]:
    return {"version": engine.bundle.version, "digest": engine.bundle.digest}


def _is_local(environment: Environment) -> bool:
    return environment.name == "local"
