"""A home with two registered versions whose bundles load, and everybody who moves its rollout.

Belongs here: calling stewards, guards and people as Dagster, the decision service and the commands call them. Does not
belong here: simulated traffic (`glue.py`), the judgement (`oracle.py`).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from mlflow import MlflowClient

from assets.bundle.files import write_bundle
from assets.bundle.registration import Registration
from assets.product import Rollout, Step
from assets.product.policies.rollout import Guard as Limit
from assets.rollout.by_hand import HandAction, asked
from assets.rollout.keeper import Keeper
from assets.rollout.moves import policy_of
from assets.rollout.steward import stewarded
from assets.rollout.trial import Outcome, Seen, Trial
from assets.serving.live.guard import Guard
from assets.serving.live.watcher import Watcher
from resources.clock import WallClock
from resources.online_store.opening import open_store
from resources.rollout_store.manifest import LostRace, Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.campaigns.rollouts.oracle import Records, Write
from tests.support.models.evaluated_bundle import evaluated_parts
from tests.support.models.registered import AUTHOR, RegisteredHome
from tests.support.models.serving_samples import PRODUCT, fill_store, sample_parts

POLICY = Rollout(
    steps=(Step(0.0, 1, timedelta(0)), Step(0.2, 1, timedelta(0)), Step(0.5, 1, timedelta(0))),
    guards=(Limit("errors", 2.0),),
)
GOOD, BAD = 0, 200
"""Errors of a challenger that nothing says against, and of one that is taken out."""


@dataclass(frozen=True)
class Noting(RolloutStore):
    """The store, which notes who tried which step and whether he was told that he won."""

    by: str = ""
    writes: list[Write] = field(default_factory=list)

    def publish_manifest(self, product: str, manifest: RolloutManifest) -> None:
        """Publishes, and notes it."""
        won = False
        try:
            super().publish_manifest(product, manifest)
            won = True
        finally:
            self.writes.append(Write(self.by, manifest.generation - 1, won, step_of(manifest)))


def step_of(state: RolloutManifest) -> str:
    """What a state says, in one text."""
    return f"{state.generation} {state.action} by {state.by}: {state.champion.version} {state.stage} {state.step}"


class Moving(Keeper):
    """A keeper that moves the state and lets somebody else's follow it."""

    def follow(self, product: str) -> tuple[str, ...]:
        """Does nothing."""
        return ()


@dataclass(frozen=True)
class Home:
    """Version 1 decides; version 2 is registered, published and passed its gates."""

    place: Path
    writes: list[Write] = field(default_factory=list)

    @classmethod
    def made(cls, place: Path) -> "Home":
        home = cls(place)
        first, _ = (home._registered() for _ in range(2))
        home.keeper("gates").begin(PRODUCT, first, by="gates", reason="the first", at=datetime.now(UTC))
        home.keeper("gates").follow(PRODUCT)
        store = open_store(RegisteredHome(place).environment.online_store, PRODUCT)
        fill_store(store, events_each=1)
        store.close()
        return home

    def _registered(self) -> Release:
        keeper = self.keeper("training")
        with keeper.tracking.run(PRODUCT, "training") as run:
            pass
        version = keeper.tracking.next_version(PRODUCT, run.run_id)
        known = evaluated_parts()
        gates = {**known.metrics["gates"], "action": "promote", "reasons": ["all gates passed"]}
        parts = replace(sample_parts(version, rounds=3), metrics={**known.metrics, "gates": gates}, pins=known.pins)
        with TemporaryDirectory() as place:
            folder = Path(place) / "bundle"
            digest = write_bundle(parts, folder, keeper.key)
            record = Registration.of(parts, digest=digest, author=AUTHOR, code="0b7c")
            keeper.tracking.register(PRODUCT, run.run_id, folder, record.to_tags())
            keeper.rollout.publish_bundle(PRODUCT, version, folder)
        return Release(version=version, digest=digest)

    def keeper(self, by: str) -> Keeper:
        """A keeper whose writes are noted as those of a name."""
        keeper = RegisteredHome(self.place).keeper
        store = keeper.rollout
        return replace(keeper, rollout=Noting(backend=store.backend, landing=store.landing, by=by, writes=self.writes))

    def watcher(self) -> Watcher:
        """A watcher of the decision service, which polls when it is told to."""
        keeper, environment = self.keeper("service"), RegisteredHome(self.place).environment
        return Watcher(
            keeper.rollout, keeper.key, open_store=lambda product: open_store(environment.online_store, product),
            as_of_allowed=True, count_failure=lambda _: None,
        )  # fmt: skip

    @property
    def state(self) -> RolloutManifest:
        """The rollout state."""
        found = self.keeper("reader").state(PRODUCT)
        assert found is not None
        return found

    @property
    def next_version(self) -> str:
        """The version that does not decide."""
        return "2" if self.state.champion.version == "1" else "1"

    def moving(self, by: str) -> Keeper:
        """A keeper for those who move the state without waiting for each other: nothing but its generation parts them.

        Registry and audit log may follow under the lock alone, so that this is another's part.
        """
        keeper = self.keeper(by)
        return Moving(keeper.tracking, keeper.rollout, keeper.audit, keeper.key)

    def person(self, keeper: Keeper, action: HandAction) -> None:
        """What the command `loopline rollout` does."""
        version = self.next_version if action == "start" else None
        with _lock_of(keeper):
            asked(
                keeper, PRODUCT, action, by=_name(keeper), reason="a reason", at=datetime.now(UTC), version=version,
                policy=POLICY,
            )  # fmt: skip
            keeper.follow(PRODUCT)

    def steward(self, keeper: Keeper) -> None:
        """What the asset `rollout` does."""
        with _lock_of(keeper):
            stewarded(keeper, PRODUCT, datetime.now(UTC), by=_name(keeper))

    def guard(self, keeper: Keeper, looks: int = 20) -> None:
        """What the thread of the decision service does, until its rollback is written or the rollout is over."""
        live: dict[str, Any] = {}
        watcher = SimpleNamespace(live=live, withdraw=lambda *_: None)
        guard = Guard(cast(Watcher, watcher), keeper.rollout, lambda _: None, WallClock())
        for _ in range(looks):
            state = keeper.state(PRODUCT)
            if state is None or not state.rollout:
                return
            live[PRODUCT] = SimpleNamespace(product=PRODUCT, manifest=state, policy=policy_of(state))
            guard.look(datetime.now(UTC))

    def seen(self, errors: int) -> None:
        """A process of the decision service has seen requests of all steps, with so many errors of the challenger."""
        state, at = self.state, datetime.now(UTC)
        if state.candidate is None:
            return
        fine = Outcome(False, False, False, False, 0.5)
        wrong = Outcome(True, False, False, False, float("nan"))
        rows = [Seen(0, n / 2_000, 0.0, fine, wrong if n < errors else fine) for n in range(500)]
        for step, share, first in ((1, 0.2, 0.3), (2, 0.5, 0.6)):
            decided = int(600 * share)
            rows += [Seen(step, first + n / 2_000, share, None, wrong if n < errors else fine) for n in range(decided)]
            rows += [Seen(step, first + n / 2_000, share, fine, None) for n in range(decided, 600)]
        trial = Trial.none(state.rollout, POLICY, at).after(rows, at)
        store = self.keeper("service").rollout
        store.write_evidence(PRODUCT, state.rollout, f"{state.candidate.version}.service-{errors}", trial.to_json())

    def audited(self) -> list[tuple[int, str]]:
        """Generation and action of each entry about a move of the rollout."""
        entries = [entry for entry in self.keeper("reader").audit.entries() if entry.product == PRODUCT]
        return [(int(entry.details["generation"]), entry.action) for entry in entries if "generation" in entry.details]

    def records(self, watcher: Watcher) -> Mapping[str, Records]:
        """The roles by the registry's aliases, and by the service after its next poll."""
        watcher.poll()
        live, uri = watcher.live[PRODUCT], RegisteredHome(self.place).environment.mlflow_tracking_uri
        aliases = MlflowClient(tracking_uri=uri, registry_uri=uri).get_registered_model(PRODUCT).aliases
        named = {alias: str(version) for alias, version in aliases.items()}
        others = [engine.bundle.version for role, engine in live.engines() if role != "champion"]
        return {
            "registry": Records(named.get("champion"), named.get("challenger")),
            "service": Records(live.champion.bundle.version, others[0] if others else None),
        }


def roles(state: RolloutManifest) -> Records:
    """The roles by the state."""
    return Records(state.champion.version, state.candidate.version if state.candidate else None)


def _lock_of(keeper: Keeper) -> AbstractContextManager[None]:
    return nullcontext() if isinstance(keeper, Moving) else keeper.tracking.alone(PRODUCT)


def _name(keeper: Keeper) -> str:
    return cast(Noting, keeper.rollout).by


__all__ = ["BAD", "GOOD", "POLICY", "PRODUCT", "Home", "LostRace", "Noting", "roles", "step_of"]
