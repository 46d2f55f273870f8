"""A new model of a product, through every gate, into its rollout: `loopline retrain`.

Belongs here: the one run that trains, and what became of it. Does not belong here: when a model is trained by itself
(`pipelines.sensors`), the rollout's steps (`assets.rollout.steward`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assets.materialising import REASON_TAG
from assets.product import Product
from pipelines.jobs import STAGES
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.rollout import keeper_of, waiting_version
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.lake import Lake
from resources.rollout_store.manifest import RolloutManifest


class NoReason(LooplineError):
    """A retraining by hand says why; nothing was started."""


@dataclass(frozen=True)
class Retrained:
    """What became of a retraining.

    Attributes:
        version: The version that was registered last.
        waiting: Why it waits; `None` where its rollout has begun.
    """

    product: Product
    version: str
    state: RolloutManifest | None
    waiting: Mapping[str, str] | None


def retrain(name: str, environment: Environment, *, reason: str) -> Retrained:
    """Trains a model on the present tables, whatever the champion was trained on.

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
        jobs = ProductJobs(product, partitions_of(product, environment), instance, Lake(environment.lake), STAGES)
        jobs.run_model(tags={REASON_TAG: reason.strip()[:200]})
        waiting = waiting_version(instance, name)
    keeper = keeper_of(environment)
    return Retrained(product, keeper.tracking.versions(name)[-1].version, keeper.state(name), waiting)
