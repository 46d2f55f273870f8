"""The loop, run from nothing, or from what is there, to a live champion: `loopline run` and `loopline demo`.

Belongs here: the order of the jobs, and what is there afterwards, as a value. Does not belong here: which assets a job
runs on which days (`product_jobs.py`), a range of days again (`backfill.py`), printing (`pipelines.cli`).

What is there is used: days that are materialised stay, and a champion stays unless days were added. Features that have
since been declared otherwise are the exception: their days are materialised again, and a model learns from them.
"""

import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.bundle.bundle import Bundle
from assets.features.table.provenance import outdated_days
from assets.monitoring.assets import champion_bundle
from assets.product import Product
from assets.product.names import FEATURES, table_name
from pipelines.jobs import DATA, STAGES, WATCH, Stage
from pipelines.operations.fill_sandbox import Progress
from pipelines.operations.product_jobs import ProductJobs
from pipelines.operations.run_job import dagster_instance
from pipelines.operations.source_days import readable_days
from pipelines.products import load_product
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True)
class StageFacts:
    """What an asset recorded when it was last materialised."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True)
class LoopReport:
    """What there is after a run of the loop.

    Attributes:
        first, last: The days that it was asked to cover.
        stages: Every asset that is there, in the order of the loop.
        champion: The bundle that decides; `None` when the run was to stop before there is one.
        made: The assets that this run materialised; empty when everything was there.
    """

    product: Product
    first: date
    last: date
    stages: tuple[StageFacts, ...]
    champion: Bundle | None
    made: tuple[str, ...]
    wall_seconds: float

    @property
    def gates(self) -> list[dict[str, Any]]:
        """The gates' answers when the champion was evaluated."""
        return [] if self.champion is None else list(self.champion.parts.metrics["gates"]["results"])


def run_loop(
    name: str,
    environment: Environment,
    *,
    first: date | None = None,
    last: date | None = None,
    through: Stage = "feedback",
    progress: Progress,
) -> LoopReport:
    """Runs the loop of a product through a stage.

    Args:
        first, last: The days to cover; by default all that the sources have. Days that are given are materialised
            again.

    Raises:
        RunFailed: A step or a gate failed.
        ImpossibleDay: A day is before the first one or not over, or the last one is before the first.
        UnknownProduct: There is no product of that name.
    """
    started, product = time.perf_counter(), load_product(name)
    with (
        readable_days(product, environment, (first, last), progress) as days,
        dagster_instance(environment) as instance,
    ):
        stages = STAGES[: STAGES.index(through) + 1]
        jobs = ProductJobs(product, instance, stages)
        made = jobs.run_days(DATA, days, again=first is not None or last is not None)
        if first is None and last is None and "features" in stages:
            made += _declared_otherwise(jobs, product, environment, progress)
        if made or _champion(product, environment) is None:
            made += jobs.run_model()
        made += jobs.run_days(WATCH, _watched(product, days), again=bool(made))
        return LoopReport(
            product=product,
            first=days[0],
            last=days[1],
            stages=_facts(instance, jobs.keys(STAGES)),
            champion=_champion(product, environment),
            made=made,
            wall_seconds=time.perf_counter() - started,
        )


def _declared_otherwise(
    jobs: ProductJobs, product: Product, environment: Environment, progress: Progress
) -> tuple[str, ...]:
    """Materialises the days of the feature table again that other declarations than the present ones computed."""
    outdated = outdated_days(Lake(environment.lake), table_name(product.name, FEATURES), product.features)
    if not outdated:
        return ()
    progress(f"features are declared otherwise than in {len(outdated)} materialised days: these are computed again")
    return jobs.run_days(("features",), (outdated[0], outdated[-1]), again=True)


def _facts(instance: dg.DagsterInstance, keys: list[dg.AssetKey]) -> tuple[StageFacts, ...]:
    """What each of the assets recorded when it was last materialised; one that never was is left out."""
    found = []
    for key in keys:
        event = instance.get_latest_materialization_event(key)
        if event is not None and event.asset_materialization is not None:
            metadata = event.asset_materialization.metadata
            rows, seconds = metadata["rows"].value, metadata["seconds"].value
            found.append(StageFacts(key.path[-1], int(str(rows)), float(str(seconds))))
    return tuple(found)


def _watched(product: Product, days: tuple[date, date]) -> tuple[date, date]:
    """The days to watch: so many that outcomes of a whole window have matured at the end."""
    reach = product.label.maturity + timedelta(days=2 * product.monitoring.window_days)
    return max(days[0], days[1] - reach), days[1]


def _champion(product: Product, environment: Environment) -> Bundle | None:
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    if rollout.read_manifest(product.name) is None:
        return None
    return champion_bundle(product, rollout, Keys.of(environment.home))
