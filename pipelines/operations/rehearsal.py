"""A rehearsal on the sandbox: a second model goes through shadow and canary to champion, under made-up customers.

Belongs here: the order of traffic, looks and steps, for the demonstration. Does not belong here: the steps themselves
(`assets.rollout`), traffic (`traffic`), training (`loop.retrain`).
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from assets.product import Product
from assets.rollout.steward import Look, look
from pipelines.jobs import rollout_name
from pipelines.operations.decisions.decide import wait_until_live
from pipelines.operations.loop.retrain import retrain
from pipelines.operations.loop.run_job import dagster_instance, run_job
from pipelines.products import load_definitions
from pipelines.services.temporary import needed
from resources.environments import CHECKOUT, Environment
from resources.errors import LooplineError
from resources.processes.spawning import heard_signals
from resources.rollout_store.store import RolloutStore

RATE = 50.0
_LOOK_SECONDS = 0.5
_LONGEST_SECONDS = 120.0


class RehearsalFailed(LooplineError):
    """The second model did not become the champion; the message says where its rollout stands."""


@dataclass(frozen=True)
class StepTaken:
    """One step of a rollout.

    Attributes:
        step: `shadow`, `canary` or `champion`.
        share: The challenger's share while it lasted.
        requests: Requests that the challenger decided in it, or the shadow scored.
        seconds: How long it lasted.
        verdict: What ended it.
    """

    step: str
    share: float
    requests: int
    seconds: float
    verdict: str


def rehearse(product: Product, environment: Environment, tell: Callable[[str], None]) -> tuple[StepTaken, ...]:
    """Trains a second model and rolls it out under traffic; returns its steps, none where that was done before.

    A rollout that a killed rehearsal left goes on.

    Raises:
        RehearsalFailed: It was rolled back or paused, or took too long.
        RunFailed: Training or a gate failed.
    """
    store, steps = RolloutStore.open(environment.rollout, environment.home / "fetched"), list[StepTaken]()
    version = _candidate(store, product, environment)
    if version is None:
        return ()
    tell(f"the rollout of version {version} begins, under {RATE:g} requests a second")
    with needed(environment, ["decisions"]):
        wait_until_live(environment, product.name)
        with _customers(product):
            deadline = time.monotonic() + _LONGEST_SECONDS
            while (found := look(store, product.name, datetime.now(UTC))).state and found.state.rollout:
                if found.verdict.action in ("roll_back", "pause") or time.monotonic() > deadline:
                    raise RehearsalFailed(f"{product.name} {version}: {'; '.join(found.verdict.reasons)}")
                if found.verdict.action == "hold":
                    time.sleep(_LOOK_SECONDS)
                    continue
                steps.append(_taken(found))
                tell(f"{steps[-1].step} at {steps[-1].share:.0%}: {'; '.join(found.verdict.reasons)}")
                _step(product, environment)
    state = store.read_manifest(product.name)
    if state is None or state.champion.version != version:
        raise RehearsalFailed(f"{product.name}: version {version} did not become the champion")
    return tuple(steps)


def _candidate(store: RolloutStore, product: Product, environment: Environment) -> str | None:
    """The version whose rollout is under way, a new one otherwise; `None` if one was promoted before."""
    state = store.read_manifest(product.name)
    if state is None or state.former:
        return None
    return state.candidate.version if state.candidate else _retrained(product, environment)


def _retrained(product: Product, environment: Environment) -> str:
    """A second version, whose rollout has begun."""
    found = retrain(product.name, environment, reason="the demonstration shows a rollout")
    if found.waiting is not None:
        raise RehearsalFailed(f"{product.name} {found.version} waits: {found.waiting['reason']}")
    return found.version


def _taken(found: Look) -> StepTaken:
    state = found.state
    assert state is not None
    seconds = (datetime.now(UTC) - (state.since or state.updated_at)).total_seconds()
    share = state.challengers[0].share if state.challengers else 0.0
    requests = found.signals.requests.get(state.step, 0)
    return StepTaken(state.stage, share, requests, round(seconds, 1), found.verdict.action)


def _step(product: Product, environment: Environment) -> None:
    """The steward's step, as the sensor starts it: recorded in Dagster."""
    with dagster_instance(environment) as instance:
        run_job(load_definitions(product.name), instance, rollout_name(product))


@contextmanager
def _customers(product: Product) -> Iterator[None]:
    """Requests at a bounded rate by a process of their own, as long as the block lasts."""
    command = ["traffic", product.name, "--rate", f"{RATE:g}", "--for", f"{_LONGEST_SECONDS:g}s", "--again", "--json"]
    with heard_signals():
        customers = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *command],
            cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    with customers:
        try:
            yield
        finally:
            customers.terminate()
            customers.wait()
