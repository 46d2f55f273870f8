"""A new model of a product, through every gate, into its rollout: `loopline retrain`.

Belongs here: the one run that trains, and what became of it. Does not belong here: when a model is trained by itself
(`pipelines.sensors`), the rollout's steps (`assets.rollout.steward`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg

from assets.materialising import CAUSE_TAG, REASON_TAG
from assets.monitoring.retraining.assets import champion_of, schedule_at, trainings
from assets.monitoring.retraining.causes import Examination
from assets.monitoring.retraining.verdict import RetrainSignals, holds_of
from assets.monitoring.verdicts import Cause
from assets.product import Product
from pipelines.connections import clock_of
from pipelines.jobs import STAGES
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.rollout import keeper_of, waiting_version
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from pipelines.runs.requests import CAUSES_TAG, judged_retraining
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.manifest import RolloutManifest
from resources.rollout_store.store import RolloutStore


class NoReason(LooplineError):
    """A retraining by hand says why; nothing was started."""


@dataclass(frozen=True)
class Retrained:
    """What became of a retraining.

    Attributes:
        version: The version that was registered last.
        waiting: Why it waits; `None` where its rollout has begun.
        answers: The causes that asked for a retraining, which this one answers.
        holds: What would have held one that starts by itself.
    """

    product: Product
    version: str
    state: RolloutManifest | None
    waiting: Mapping[str, str] | None
    answers: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()


def retrain(name: str, environment: Environment, *, reason: str) -> Retrained:
    """Trains a model on the present tables, whatever the champion was trained on and whatever would hold a sensor.

    What asks for a retraining is answered by this one, so that none starts by itself for the same cause.

    Raises:
        NoReason: The reason is empty.
        RunFailed: A step or a gate failed.
        UnknownProduct: There is no product of that name.
        DependencyDown: A server that the run needs does not answer.
    """
    if not reason.strip():
        raise NoReason(f"say why {name} is trained again: loopline retrain {name} --reason TEXT")
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "records")
    with dagster_instance(environment) as instance:
        lake, now = Lake(environment.lake), datetime.now(UTC)
        hand = Cause("hand", f"{name}/hand/{now:%Y-%m-%dT%H:%M:%S}", "retrain", (reason.strip(),))
        signals, by_clock = _signals(product, environment, instance, lake), clock_of(product, environment).now()
        asked = replace(signals, causes=(hand, *signals.causes))
        verdict = judged_retraining(instance, product, asked, by_clock, moment=now)
        others = [cause for cause in signals.causes if cause.key in verdict.causes]
        holds = holds_of(signals, others, product.retraining, by_clock)
        tags = {
            CAUSE_TAG: "hand",
            CAUSES_TAG: ",".join(verdict.causes or (hand.key,)),
            REASON_TAG: reason.strip()[:200],
        }
        jobs = ProductJobs(product, partitions_of(product, environment), instance, lake, STAGES)
        jobs.run_model(tags=tags)
        waiting = waiting_version(instance, name)
    keeper = keeper_of(environment)
    return Retrained(
        product, keeper.tracking.versions(name)[-1].version, keeper.state(name), waiting,
        answers=tuple(f"{cause.kind}: {'; '.join(cause.reasons)}" for cause in others),
        holds=tuple(hold.sentence for hold in holds),
    )  # fmt: skip


def _signals(product: Product, environment: Environment, instance: dg.DagsterInstance, lake: Lake) -> RetrainSignals:
    """What asks for a retraining now."""
    now = clock_of(product, environment).now()
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    champion = champion_of(product, rollout, Keys.of(environment.home))
    trained = trainings(instance, product)
    return Examination(product, lake, champion).signals(now, trained, schedule_at(product, now))
