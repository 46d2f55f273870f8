"""The decision service without HTTP: everything that one process holds, and what it does with a request.

Belongs here: opening and closing the parts, deciding, recording, the shadow, posted events. Does not belong here:
status codes (`http.py`), BentoML (`service.py`), the request path itself (`engine.py`).
"""

import gc
import logging
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Any, Self

from assets.serving.decision import Decision
from assets.serving.engine import Engine
from assets.serving.log_writer import DecisionLog
from assets.serving.metrics import Metrics
from assets.serving.request import NoChampion, RequestError, StaleEvents, parse_event, parse_event_id, parse_json
from assets.serving.watcher import LiveProduct, Watcher
from resources.environments import Environment, load_environment
from resources.keys import signing_key
from resources.naming import BadName, checked_name
from resources.online_store.errors import EventError
from resources.online_store.opening import open_store
from resources.online_store.protocol import StoreUnavailable
from resources.rollout_store.store import RolloutStore

_LOG = logging.getLogger("loopline.service")
_SHADOWS_WAITING = 64
_S3_INTERVAL = 5.0
_FOLDER_INTERVAL = 0.5


@dataclass(frozen=True)
class Answer:
    """A decision, and the promise that it is on disk."""

    decision: Decision
    kept: "Future[None]"


class Application:
    """One process of the decision service."""

    def __init__(self, watcher: Watcher, log: DecisionLog, metrics: Metrics, *, any_time: bool) -> None:
        self._watcher = watcher
        self._log = log
        self._any_time = any_time
        self.metrics = metrics
        self._shadow_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shadow")
        self._shadow_room = BoundedSemaphore(_SHADOWS_WAITING)

    @classmethod
    def open(cls, variables: Mapping[str, str] | None = None) -> Self:
        """The application of the environment that the variables describe; it begins to load bundles.

        Raises:
            UnknownEnvironment: The environment is not described.
            MissingKey: There is no signing key.
        """
        variables = os.environ if variables is None else variables
        environment = load_environment(variables)
        key = signing_key(variables, environment.home, "signing")
        metrics = Metrics()
        watcher = Watcher(
            RolloutStore.open(environment.rollout, environment.home / "fetched"),
            key,
            open_store=lambda product: open_store(environment.online_store, product),
            as_of_allowed=_is_local(environment),
            count_failure=lambda product: metrics.load_failures.labels(product).inc(),
            after_swap=_settle,
            interval=_S3_INTERVAL if environment.rollout.startswith("s3://") else _FOLDER_INTERVAL,
        )
        watcher.start()
        made = cls(watcher, DecisionLog(environment.decision_log), metrics, any_time=_is_local(environment))
        metrics.show(lambda: watcher.live, made.known_until)
        return made

    @property
    def ready(self) -> bool:
        """Whether at least one champion is loaded."""
        return bool(self._watcher.live)

    @property
    def live(self) -> Mapping[str, LiveProduct]:
        """The live products by name."""
        return self._watcher.live

    def close(self) -> None:
        """Ends the threads and closes log and stores; every request must have been answered."""
        self._shadow_pool.shutdown(wait=True)
        self._watcher.close()
        self._log.close()

    # ------------------------------------------------------------------ decisions

    def decide(self, body: bytes) -> Answer:
        """Decides the request in a body `{"product": …, "request": {…}, "explain": false}`.

        Raises:
            RequestError: The body is no such request.
            NoChampion: Nothing decides for the product.
            StaleEvents: The product refuses to decide with events as old as these.
        """
        call = _fields(parse_json(body), needed={"product": str, "request": dict}, optional={"explain": bool})
        live = self._live(call["product"])
        request = call["request"]
        engine, role = live.choose(request)
        now = datetime.now(UTC)
        decision = engine.decide(
            request, now=now, explain=call.get("explain", False), role=role, also_known=live.also_known
        )
        if decision.problem:
            _LOG.error("%s: decision %s is a fallback: %s", decision.product, decision.id, decision.problem)
        answer = Answer(decision=decision, kept=self._log.append(decision))
        self._count(decision)
        if live.shadow is not None:
            self._cast_shadow(live.shadow, request, decision, live.also_known)
        return answer

    def _cast_shadow(
        self, engine: Engine, request: Mapping[str, object], decision: Decision, also_known: frozenset[str]
    ) -> None:
        if not self._shadow_room.acquire(blocking=False):
            self.metrics.shadows_dropped.inc()
            return
        same = {**request, engine.shape.row_id: decision.row_id}

        def score() -> None:
            try:
                shadow = engine.decide(
                    same, now=datetime.now(UTC), role="shadow", also_known=also_known, shadow_of=decision
                )
                self._log.append(shadow)
                self._count(shadow)
            except (RequestError, StaleEvents) as error:
                _LOG.warning("%s: the shadow cannot read request %s: %s", decision.product, decision.id, error)
            finally:
                self._shadow_room.release()

        self._shadow_pool.submit(score)

    def _count(self, decision: Decision) -> None:
        fallback = decision.fallback or "none"
        self.metrics.decisions.labels(decision.product, decision.outcome, fallback, decision.role).inc()

    def _live(self, product: str) -> LiveProduct:
        try:
            live = self._watcher.live.get(checked_name(product, "product"))
        except BadName as error:
            raise RequestError(str(error)) from error
        if live is None:
            raise NoChampion(
                f"no champion of product '{product}' is loaded; train and roll one out with `loopline run {product}`"
            )
        return live

    # ------------------------------------------------------------------ events

    def add_event(self, body: bytes) -> dict[str, Any]:
        """Adds the event in a body `{"product": …, "source": …, "event": {…}, "event_id": …}` to the online store.

        One that also comes by a stream counts once when its id is the stream's name of it: a JSON list of the
        contract's key and the day on which it became known, `["E17", "2026-03-01"]`; the moment, where facts are
        corrected.

        Raises:
            RequestError: The body is no such event.
            NoChampion: The product is not live.
            StoreUnavailable: The store cannot take it.
        """
        call = _fields(
            parse_json(body), needed={"product": str, "source": str, "event": dict}, optional={"event_id": str}
        )
        live = self._live(call["product"])
        try:
            source = checked_name(call["source"], "source")
            event = parse_event(
                call["event"], now=datetime.now(UTC), any_time=self._any_time, resolutions=live.resolutions(source)
            )
            event_id = parse_event_id(call.get("event_id"))
            added = self._watcher.store(live.product).append_event(source, event, event_id)
        except (EventError, BadName) as error:
            raise RequestError(str(error)) from error
        self.metrics.events.labels("added" if added else "known").inc()
        return {"product": live.product, "source": source, "added": added, "known_at": _iso(event["known_at"])}

    def describe(self) -> list[dict[str, Any]]:
        """The live products, for people and scripts."""
        return [
            {
                "product": live.product,
                "champion": _release(live.champion),
                "challenger": _release(live.challenger),
                "challenger_share": live.manifest.challenger_share,
                "shadow": _release(live.shadow),
                "loaded_at": live.loaded_at.isoformat(),
                "request": {"fields": sorted(live.champion.shape.columns)},
                "events": self._events_of(live.product),
            }
            for live in self.live.values()
        ]

    def known_until(self, product: str) -> Mapping[str, datetime]:
        """For each source of the online store, until when its events are known; empty when the store does not say."""
        try:
            return self._watcher.store(product).known_until()
        except StoreUnavailable as error:
            _LOG.warning("%s: %s", product, error)
            return {}

    def _events_of(self, product: str) -> dict[str, Any]:
        """What the online store has: its version, the table versions that it is of, and until when events are known."""
        try:
            state = self._watcher.store(product).state()
        except StoreUnavailable as error:
            return {"version": None, "problem": str(error)}
        if state is None:
            return {"version": None, "problem": f"the online store holds nothing; load it: loopline load {product}"}
        until = {source: _iso(moment) for source, moment in self.known_until(product).items()}
        return {"version": state.version, "tables": state.table_versions, "known_until": until}


def _settle() -> None:
    """Takes what is loaded out of the garbage collector's sight: a full collection of it would hold up requests."""
    gc.collect()
    gc.freeze()


def _release(engine: Engine | None) -> dict[str, str] | None:
    return None if engine is None else {"version": engine.bundle.version, "digest": engine.bundle.digest}


def _is_local(environment: Environment) -> bool:
    return environment.name == "local"


def _iso(moment: object) -> str:
    return moment.isoformat() if isinstance(moment, datetime) else str(moment)


def _fields(call: Mapping[str, object], *, needed: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    known = {**needed, **optional}
    words = {str: "a text", dict: "an object", bool: "true or false"}
    problems = [f"unknown field '{name[:80]}'; known: {', '.join(known)}" for name in call if name not in known]
    problems += [
        f"field '{name}' is missing; it must be {words[kind]}" for name, kind in needed.items() if name not in call
    ]
    problems += [
        f"field '{name}' must be {words[known[name]]}"
        for name, value in call.items()
        if name in known and not isinstance(value, known[name])
    ]
    if problems:
        raise RequestError(*problems)
    return dict(call)
