"""Running the loop of a product to a live champion: `loopline run` and `loopline demo`.

Belongs here: the order of the jobs, and the report on the result. Does not belong here: the choice of a job's assets
and days (`product_jobs.py`), materialising days again (`backfill.py`), output (`pipelines.cli`).

A run materialises only missing days and stale days: those made from days of another table that have other content now,
or whose source has other rows than were read. It trains a model only if the tables have other content than those of the
champion, or there is no champion. Days whose features were computed by other declarations than the present ones are
outdated: they are materialised again, and a model is trained on them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.features.table.provenance import outdated_days
from assets.monitoring.page.reading import SHOWN_DAYS
from assets.product import Product
from assets.product.names import (
    BATCH_OUTCOMES,
    DECISIONS,
    FEATURES,
    FINGERPRINTS,
    OUTCOMES,
    SCORES,
    VINTAGES,
    table_name,
)
from pipelines.jobs import DATA, MODEL, STAGES, WATCH, Stage
from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.operations.loop.model_state import model_signals, model_verdict
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.loop.source_days import readable_days
from pipelines.operations.rollout import keeper_of, repair, unanswered, waiting_version
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from resources.slots import Slot, slot_before

_LOOKED_BACK_ON = frozenset({SCORES, BATCH_OUTCOMES, DECISIONS, OUTCOMES, FINGERPRINTS, VINTAGES})
"""What the figures of a day are made from, days and months back, and the vintages, which are followed for as long."""
_FIGURES = timedelta(days=SHOWN_DAYS - 1)
"""How far back figures are made; the monitoring page shows no more."""


@dataclass(frozen=True)
class StageFacts:
    """The figures of an asset's last materialisation."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True)
class LoopReport:
    """The state of a product after a run of the loop.

    Attributes:
        first, last: The days, or hours, that the run covered.
        stages: Every materialised asset, in the order of the loop.
        champion: The bundle that decides; `None` when there is none yet.
        waiting: The version that waits for an approver, with its model card and the commands; `None` if none waits.
        materialised: The assets that this run materialised; empty when all were up to date.
    """

    product: Product
    first: Slot
    last: Slot
    stages: tuple[StageFacts, ...]
    champion: Bundle | None
    waiting: Mapping[str, str] | None
    materialised: tuple[str, ...]
    wall_seconds: float

    @property
    def gates(self) -> list[dict[str, Any]]:
        """The results of the gates in the champion's evaluation."""
        return [] if self.champion is None else list(self.champion.parts.metrics["gates"]["results"])


def run_loop(
    name: str,
    environment: Environment,
    *,
    first: Slot | None = None,
    last: Slot | None = None,
    through: Stage = "feedback",
    missing: bool = False,
    progress: Progress,
    live: Callable[[], None] | None = None,
) -> LoopReport:
    """Runs the loop of a product through a stage.

    Args:
        first, last: The days to cover, by default all whole partitions of the sources. Given days, rounded outwards to
            whole partitions, are materialised again.
        through: The last stage to run.
        missing: Of given days too, only those that are missing or stale are materialised: an interrupted run goes on.
        progress: Called with a line of text for each long step.
        live: Called once a champion is live, before its days are monitored: a decision need not wait for that.

    Raises:
        RunFailed: A step or a gate failed.
        ImpossibleDay: A day is before the first day, its partition is not over, or the last day is before the first.
        UnknownProduct: There is no product of that name.
        DependencyDown: A server that the run needs does not answer.
    """
    started, product = time.perf_counter(), load_product(name)
    if "training" in STAGES[: STAGES.index(through) + 1]:
        require(environment, "MLflow", "MLflow's files", "records")
    with (
        readable_days(product, environment, (first, last), progress) as days,
        dagster_instance(environment) as instance,
    ):
        stages = STAGES[: STAGES.index(through) + 1]
        jobs = ProductJobs(product, partitions_of(product, environment), instance, Lake(environment.lake), stages)
        again = (first is not None or last is not None) and not missing
        changed = {} if again else days_changed_at_source(product, environment, days, progress)
        materialised = jobs.run_days(DATA, days, again=again, changed=changed)
        materialised += jobs.run_first_load()
        if first is None and last is None and "features" in stages:
            materialised += _run_outdated(jobs, product, environment, progress)
        _repair(product, environment, progress)
        again = again and bool(materialised)
        materialised += _run_model(jobs, product, environment, instance, again=again, progress=progress)
        waiting, champion = waiting_version(instance, name), _champion(product, environment)
        if champion is not None:  # else a version waits for an approver, and there is nothing to watch
            if live is not None:
                live()
            if materialised:
                materialised += _watch(jobs, product, days, again=True)
            materialised += _watch(jobs, product, days, again=False, stale_from=days[0], judge=champion.digest)
        return LoopReport(
            product=product,
            first=days[0],
            last=days[1],
            stages=_facts(instance, jobs.keys(STAGES)),
            champion=champion,
            waiting=waiting if unanswered(name, environment, waiting) else None,
            materialised=tuple(dict.fromkeys(materialised)),
            wall_seconds=time.perf_counter() - started,
        )


def _repair(product: Product, environment: Environment, progress: Progress) -> None:
    """Completes what a crash or damage left undone of the rollout; the registry is opened only for that."""
    if not keeper_of(environment).is_whole(product.name):
        for sentence in repair(product.name, environment).repaired:
            progress(f"repaired: {sentence}")


def _run_outdated(jobs: ProductJobs, product: Product, environment: Environment, progress: Progress) -> tuple[str, ...]:
    """Materialises the outdated days of the feature table again."""
    outdated = outdated_days(
        Lake(environment.lake), table_name(product.name, FEATURES), product.features, product.spine
    )
    if not outdated:
        return ()
    progress(f"the declarations of features have changed: {len(outdated)} days are materialised again")
    return jobs.run_days(("features",), (outdated[0], outdated[-1]), again=True)


def _run_model(
    jobs: ProductJobs,
    product: Product,
    environment: Environment,
    instance: dg.DagsterInstance,
    *,
    again: bool,
    progress: Progress,
) -> tuple[str, ...]:
    """Trains and deploys a model of the present tables, or deploys the one that a killed run has registered.

    Args:
        again: Whether days were given: then a model is trained even if their content is equal.
    """
    if not jobs.keys(MODEL):
        return ()
    if again:
        return jobs.run_model()
    waiting = waiting_version(instance, product.name)
    waits = waiting["version"] if waiting is not None and unanswered(product.name, environment, waiting) else None
    signals = model_signals(product, environment, instance, _champion(product, environment), waits)
    verdict = model_verdict(signals)
    if verdict.action == "train":
        return jobs.run_model()
    if not signals.champion_current:
        progress(f"{product.name}: {'; '.join(verdict.reasons)}")
    if verdict.action == "deploy" and signals.candidate is not None:
        return jobs.run_deployment(signals.candidate.version)
    return ()


def _facts(instance: dg.DagsterInstance, keys: list[dg.AssetKey]) -> tuple[StageFacts, ...]:
    """The figures of each asset's last materialisation; an asset without one is left out."""
    found = []
    for key in keys:
        event = instance.get_latest_materialization_event(key)
        if event is not None and event.asset_materialization is not None:
            metadata = event.asset_materialization.metadata
            rows, seconds = metadata["rows"].value, metadata["seconds"].value
            found.append(StageFacts(key.path[-1], int(str(rows)), float(str(seconds))))
    return tuple(found)


def _watch(jobs: ProductJobs, product: Product, days: tuple[Slot, Slot], **terms: Any) -> tuple[str, ...]:
    """Scores and outcomes of so many days that those of a whole window have matured by the last; figures of the last.

    Args:
        terms: As for `ProductJobs.run_days`.
    """
    lookback = product.label.maturity + timedelta(days=2 * product.monitoring.window_days)
    first = max(days[0], slot_before(days[1], lookback))
    first_figures = max(first, slot_before(days[1], _FIGURES))
    made = jobs.run_days(WATCH, (first, days[1]), only=lambda name: name in _LOOKED_BACK_ON, **terms)
    return made + jobs.run_days(WATCH, (first_figures, days[1]), only=lambda name: name not in _LOOKED_BACK_ON, **terms)


def _champion(product: Product, environment: Environment) -> Bundle | None:
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    return champion_bundle(product.name, rollout, Keys.of(environment.home).signing)
