"""The guard: watches the arms of each rollout in the process that decides, and takes a bad challenger out.

Belongs here: noting requests, reading the evidence of all processes together, the rollback within seconds. Does not
belong here: the tests and counts (`assets.rollout`), further steps of a rollout (the steward, in Dagster), which bundle
decides (`product.py`).

It needs neither Dagster nor MLflow. A breach takes the challenger out of this process at once; then the state of the
rollout is written, which the other processes follow. Registry and audit log follow the state later.
"""

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.rollout.assignment import place
from assets.rollout.moves import Who, taken_out
from assets.rollout.steps import next_step
from assets.rollout.trial import Outcome, Seen, Trial, read_together, trials_of
from assets.serving.decision import Decision
from assets.serving.live.product import LiveProduct
from assets.serving.live.scores import within_one
from assets.serving.live.watcher import Watcher
from resources.clock import Clock
from resources.processes.loops import Loop
from resources.rollout_store.manifest import LostRace, RolloutManifest, RolloutUnavailable
from resources.rollout_store.store import RolloutStore

_LOG = logging.getLogger("loopline.rollout")
SECONDS = 1.0
"""Between two looks of the guard."""
SIMULATED_SECONDS = 0.02
"""The same where the clock is a simulation's, in which hours go by in a second."""
_MOST_WAITING = 50_000
BY = "guard"
_Key = tuple[str, str, str]
"""Product, rollout and the challenger's version."""


@dataclass(frozen=True)
class _Noted:
    key: _Key
    seen: Seen


class Guard:
    """Watches the rollouts of one process; requests are noted by its threads, judged by a thread of its own.

    Args:
        count_rollback: Called with the product when the guard takes a challenger out.
        clock: Says when evidence is judged.
        seconds: Of this machine, between two looks.
    """

    def __init__(
        self,
        watcher: Watcher,
        store: RolloutStore,
        count_rollback: Callable[[str], None],
        clock: Clock,
        seconds: float = SECONDS,
    ) -> None:
        self._watcher = watcher
        self._store = store
        self._count_rollback = count_rollback
        self._clock, self._seconds = clock, seconds
        self._noted: deque[_Noted] = deque(maxlen=_MOST_WAITING)
        self._trials: dict[_Key, Trial] = {}
        self._elsewhere: dict[_Key, list[Trial]] = {}
        self._unwritten: dict[_Key, str] = {}
        self._name = f"{socket.gethostname()[:30]}-{os.getpid()}-{time.time_ns() // 1_000_000}".strip("-.")
        self.loop = Loop("rollout-guard", self._turn)

    # ------------------------------------------------------------------ noting requests

    def answered(self, live: LiveProduct, decision: Decision, request: Mapping[str, object], seconds: float) -> None:
        """Notes a decision that was answered."""
        if not live.manifest.challengers or decision.rollout != live.manifest.rollout:
            return
        self._note(live, request, decision.digest, outcome_of(live, decision, seconds))

    def failed(self, live: LiveProduct, digest: str, request: Mapping[str, object], seconds: float) -> None:
        """Notes a request that a bundle did not decide."""
        if live.manifest.challengers:
            self._note(live, request, digest, _failure(live, seconds))

    def shadowed(
        self,
        live: LiveProduct,
        request: Mapping[str, object],
        champion: tuple[Decision | None, float],
        shadow: tuple[Decision | None, float],
    ) -> None:
        """Notes a request that champion and shadow had: each one's decision (`None` where it failed) and seconds."""
        manifest = live.manifest
        if live.shadow is None or not manifest.rollout:
            return
        before, now = (
            _failure(live, seconds) if decision is None else outcome_of(live, decision, seconds)
            for decision, seconds in (champion, shadow)
        )
        where = self._place(live, live.entity(request))
        key = (live.product, manifest.rollout, live.shadow.bundle.version)
        self._noted.append(_Noted(key, Seen(manifest.step, where, 0.0, before, now)))

    def _note(self, live: LiveProduct, request: Mapping[str, object], digest: str, outcome: Outcome) -> None:
        manifest = live.manifest
        where = self._place(live, live.entity(request))
        # Where a challenger is not loaded, the champion decides for its entities: they say nothing of the arms.
        loaded = [one for one, engine in zip(manifest.challengers, live.challengers, strict=True) if engine is not None]
        champion = 1.0 - sum(one.share for one in loaded)
        for challenger in loaded:
            is_challenger = challenger.release.digest == digest
            if not is_challenger and live.champion.bundle.digest != digest:
                continue
            share = challenger.share / (challenger.share + champion)
            seen = Seen(
                manifest.step, where, share, None if is_challenger else outcome, outcome if is_challenger else None
            )
            self._noted.append(_Noted((live.product, manifest.rollout, challenger.release.version), seen))

    @staticmethod
    def _place(live: LiveProduct, entity: list[object]) -> float:
        return place(f"{live.product}/{live.manifest.rollout}/evidence", entity)

    # ------------------------------------------------------------------ judging

    def _turn(self) -> float:
        self.look(self._clock.now())
        return self._seconds

    def look(self, now: datetime) -> None:
        """Counts what was noted, and takes out every challenger that breaches a guard."""
        rows: dict[_Key, list[Seen]] = {}
        while self._noted:
            noted = self._noted.popleft()
            rows.setdefault(noted.key, []).append(noted.seen)
        for key in tuple(self._unwritten):
            self._write(key, now)
        for product, live in self._watcher.live.items():
            versions, rollout = _versions(live.manifest), live.manifest.rollout
            records = self._records(product, rollout) if versions else None
            for version in versions:
                key = (product, rollout, version)
                self._judge(live, key, rows.get(key, []), records, now)
        under_way = {(product, live.manifest.rollout) for product, live in self._watcher.live.items()}
        self._trials = {key: trial for key, trial in self._trials.items() if key[:2] in under_way}
        self._elsewhere = {key: trials for key, trials in self._elsewhere.items() if key[:2] in under_way}

    def _judge(
        self, live: LiveProduct, key: _Key, rows: list[Seen], records: Mapping[str, bytes] | None, now: datetime
    ) -> None:
        product, rollout, version = key
        policy = live.policy
        own = self._trials.get(key) or Trial.none(rollout, policy, now)
        others = self._others(key, records)
        if rows:
            own = self._trials[key] = own.after(rows, now, elsewhere=others)
            self._publish(key, own)
        signals = read_together([own, *others], policy, live.manifest.stage)
        verdict = next_step(live.manifest, signals, policy, now)
        if verdict.action == "roll_back" and key not in self._unwritten:
            reason = "; ".join(verdict.reasons)
            _LOG.error("%s: version %s is taken out: %s", product, version, reason)
            self._watcher.withdraw(product, rollout, version)
            self._count_rollback(product)
            self._unwritten[key] = reason
            self._write(key, now)

    def _records(self, product: str, rollout: str) -> Mapping[str, bytes] | None:
        """What every process has seen of a rollout; `None` while the store cannot be reached."""
        try:
            return self._store.read_evidence(product, rollout)
        except RolloutUnavailable as error:
            _LOG.warning("%s: judged by the evidence that is known here: %s", product, error)
            return None

    def _others(self, key: _Key, records: Mapping[str, bytes] | None) -> list[Trial]:
        """What other processes have seen; what they had seen last while the store cannot be reached."""
        product, _, version = key
        if records is None:
            return self._elsewhere.get(key, [])
        own = f"{version}.{self._name}"
        self._elsewhere[key] = trials_of(product, version, {name: one for name, one in records.items() if name != own})
        return self._elsewhere[key]

    def _publish(self, key: _Key, own: Trial) -> None:
        product, rollout, version = key
        try:
            self._store.write_evidence(product, rollout, f"{version}.{self._name}", own.to_json())
        except RolloutUnavailable as error:
            _LOG.warning("%s: other processes do not see this one's evidence yet: %s", product, error)

    def _write(self, key: _Key, now: datetime) -> None:
        """Writes the rollback; another one who moved the state meanwhile is heard first."""
        product, rollout, version = key
        try:
            state = self._store.read_manifest(product)
            if state is not None and state.rollout == rollout and version in _versions(state):
                self._store.publish_manifest(product, taken_out(state, Who(BY, self._unwritten[key], now), version))
        except (LostRace, RolloutUnavailable) as error:
            _LOG.warning("%s: the rollback is not written yet: %s", product, error)
            return
        del self._unwritten[key]


def _versions(manifest: RolloutManifest) -> tuple[str, ...]:
    return tuple(release.version for role, release in manifest.roles if role != "champion" and manifest.rollout)


def outcome_of(live: LiveProduct, decision: Decision, seconds: float) -> Outcome:
    """How a decision fared."""
    return Outcome(
        errors=False,
        fallbacks=decision.fallback is not None,
        latency=seconds * 1000 > live.policy.latency_ms,
        refused=decision.outcome == live.champion.bundle.policy.refuse,
        score=float("nan") if decision.score is None else within_one(decision.score, live.champion.bundle),
    )


def _failure(live: LiveProduct, seconds: float) -> Outcome:
    is_late = seconds * 1000 > live.policy.latency_ms
    return Outcome(errors=True, fallbacks=False, latency=is_late, refused=False, score=float("nan"))
