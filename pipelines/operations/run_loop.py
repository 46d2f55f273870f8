"""The loop, run from nothing, or from what is there, to a live champion.

Belongs here: what `loopline run` and `loopline demo` do, in which order, and what they find afterwards, as a value.
Does not belong here: running a job (`running.py`), printing (`cli.py`).

What is there is used: days that are materialised are not made again, and a champion is kept unless days were added.
Features that are declared otherwise since are the exception: their days are made again, and a model learns from them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.bundle.bundle import Bundle
from assets.features.table.provenance import outdated_days
from assets.monitoring.assets import champion_bundle
from assets.product import HttpEndpoint, Product
from assets.product.names import FEATURES, table_name
from pipelines.connections import clock_of
from pipelines.jobs import DATA, MODEL, STAGES, WATCH, Stage, daily_name, retrain_name
from pipelines.operations.fill_sandbox import Progress, fill_sandbox
from pipelines.operations.run_job import dagster_instance, materialised_days, run_job
from pipelines.products import load_definitions, load_product, product_names
from pipelines.services.temporary import needed
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.naming import days_between
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
        made: What this run made; empty when everything was there.
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
        first, last: The days to cover; by default all that the sources have. Days that are given are made again.

    Raises:
        RunFailed: A step or a gate failed.
        ImpossibleDay: A day is before the first one or not over, or the last one is before the first.
        UnknownProduct: There is no product of that name.
    """
    started, product = time.perf_counter(), load_product(name)
    with _days(product, environment, (first, last), progress) as days, dagster_instance(environment) as instance:
        loop = _Loop(product, load_definitions(name), instance, STAGES[: STAGES.index(through) + 1])
        made = loop.days(DATA, days, again=first is not None or last is not None)
        if first is None and last is None:
            made += loop.declared_anew(environment, progress)
        if made or _champion(product, environment) is None:
            made += loop.model()
        made += loop.days(WATCH, _watched(product, days), again=bool(made))
        return LoopReport(
            product=product,
            first=days[0],
            last=days[1],
            stages=loop.facts(),
            champion=_champion(product, environment),
            made=made,
            wall_seconds=time.perf_counter() - started,
        )


def backfill(
    name: str, environment: Environment, first: date, last: date, assets: Sequence[str], progress: Progress
) -> tuple[str, ...]:
    """Makes a range of days again, in one run; gives the assets that it made.

    Args:
        assets: Names of daily assets; empty for those from the sources to the features.

    Raises:
        RunFailed: A step failed.
        ImpossibleDay: A day is before the first one or not over, or the last one is before the first.
        UnknownAsset: The product has no daily asset of that name.
    """
    product = load_product(name)
    with _days(product, environment, (first, last), progress) as days, dagster_instance(environment) as instance:
        loop = _Loop(product, load_definitions(name), instance, STAGES)
        return loop.again(assets, days) if assets else loop.days(DATA, days, again=True)


def prepare_sandbox(environment: Environment, progress: Progress) -> None:
    """Fills what every product's sources read, in an environment that has the sandbox."""
    if environment.sandbox:
        for name in product_names():
            fill_sandbox(load_product(name), environment, progress)


class ImpossibleDay(LooplineError):
    """A product has no such day, or not yet; the message names the day, the first and the last possible one."""


class UnknownAsset(LooplineError):
    """A product has no daily asset of that name; the message names those it has."""


class _Loop:
    """The jobs of one product in one instance, up to a stage."""

    def __init__(
        self, product: Product, definitions: dg.Definitions, instance: dg.DagsterInstance, through: Sequence[Stage]
    ) -> None:
        self._product, self._definitions, self._instance, self._through = product, definitions, instance, through
        self._graph = definitions.resolve_asset_graph()

    def days(self, stages: Sequence[Stage], days: tuple[date, date], *, again: bool) -> tuple[str, ...]:
        """Makes the days of these stages that are missing, or all of them again."""
        keys = self._keys(stages)
        wanted = days if again else self._missing([key for key in keys if self._is_daily(key)], days)
        return self._run_days(keys, wanted) if keys and wanted else ()

    def declared_anew(self, environment: Environment, progress: Progress) -> tuple[str, ...]:
        """Makes the days of the feature table again that were computed by other declarations than those of now."""
        table = table_name(self._product.name, FEATURES)
        outdated = outdated_days(Lake(environment.lake), table, self._product.features)
        if not outdated or "features" not in self._through:
            return ()
        progress(f"features were declared otherwise when {len(outdated)} days were made: these are made again")
        return self.days(("features",), (outdated[0], outdated[-1]), again=True)

    def again(self, assets: Sequence[str], days: tuple[date, date]) -> tuple[str, ...]:
        """Makes the days of the named assets again."""
        known = {key.path[-1]: key for key in self._keys((*DATA, *WATCH)) if self._is_daily(key)}
        unknown = [asset for asset in assets if asset not in known]
        if unknown:
            raise UnknownAsset(f"{self._product.name} has no daily asset {unknown[0]!r}; it has {', '.join(known)}")
        return self._run_days([known[asset] for asset in assets], days)

    def model(self) -> tuple[str, ...]:
        """Makes a model, through the stages that were asked for."""
        keys = self._keys(MODEL)
        if keys:
            run_job(self._definitions, self._instance, retrain_name(self._product), selection=keys)
        return tuple(key.path[-1] for key in keys)

    def facts(self) -> tuple[StageFacts, ...]:
        """What every asset recorded when it was last materialised."""
        found = []
        for key in self._keys(STAGES):
            event = self._instance.get_latest_materialization_event(key)
            if event is not None and event.asset_materialization is not None:
                metadata = event.asset_materialization.metadata
                rows, seconds = metadata["rows"].value, metadata["seconds"].value
                found.append(StageFacts(key.path[-1], int(str(rows)), float(str(seconds))))
        return tuple(found)

    def _run_days(self, keys: Sequence[dg.AssetKey], days: tuple[date, date]) -> tuple[str, ...]:
        run_job(self._definitions, self._instance, daily_name(self._product), days=days, selection=keys)
        return tuple(key.path[-1] for key in keys)

    def _keys(self, stages: Sequence[Stage]) -> list[dg.AssetKey]:
        """Assets of these stages, as far as they were asked for, in the order of the loop."""
        wanted = [stage for stage in stages if stage in self._through]
        executable = self._graph.executable_asset_keys
        return [key for key in self._graph.toposorted_asset_keys if key in executable and self._group(key) in wanted]

    def _group(self, key: dg.AssetKey) -> str | None:
        return self._graph.get(key).group_name

    def _is_daily(self, key: dg.AssetKey) -> bool:
        return self._graph.get(key).partitions_def is not None

    def _missing(self, keys: Sequence[dg.AssetKey], days: tuple[date, date]) -> tuple[date, date] | None:
        """The smallest range that holds every day which one of the assets lacks."""
        have = (
            frozenset.intersection(*(materialised_days(self._instance, key) for key in keys)) if keys else frozenset()
        )
        missing = [day for day in days_between(*days) if day not in have]
        return (missing[0], missing[-1]) if missing else None


@contextmanager
def _days(
    product: Product, environment: Environment, asked: tuple[date | None, date | None], progress: Progress
) -> Iterator[tuple[date, date]]:
    """The sources answer within the block; gives the days asked for, by default the first and the last there are."""
    with _sources(product, environment, progress) as there:
        yield _possible(product, there, (asked[0] or max(product.start, there[0]), asked[1] or there[1]))


def _possible(product: Product, there: tuple[date, date], days: tuple[date, date]) -> tuple[date, date]:
    """The days, each of which the product and its sources have.

    Args:
        there: The first and the last day that the sources have; the last one is over.
    """
    first, last = max(product.start, there[0]), there[1]
    for day in days:
        if not first <= day <= last:
            raise ImpossibleDay(
                f"{product.name} has no day {day}: the first is {first}, and {last} is the last one that is over"
            )
    if days[1] < days[0]:
        raise ImpossibleDay(f"--to {days[1]} is before --from {days[0]}; {product.name} has {first} to {last}")
    return days


@contextmanager
def _sources(product: Product, environment: Environment, progress: Progress) -> Iterator[tuple[date, date]]:
    """The sources answer within the block; gives the first and the last day that they have."""
    if not environment.sandbox:
        yesterday = clock_of(product, environment).now().date() - timedelta(days=1)
        yield product.start, yesterday
        return
    there = fill_sandbox(product, environment, progress)
    asks = any(isinstance(source, HttpEndpoint) for source in product.sources)
    bureau: AbstractContextManager[None] = needed(environment, ["bureau"]) if asks else nullcontext()
    with bureau:
        yield there


def _watched(product: Product, days: tuple[date, date]) -> tuple[date, date]:
    """The days to watch: so many that outcomes of a whole window have matured at the end."""
    reach = product.label.maturity + timedelta(days=2 * product.monitoring.window_days)
    return max(days[0], days[1] - reach), days[1]


def _champion(product: Product, environment: Environment) -> Bundle | None:
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    if rollout.read_manifest(product.name) is None:
        return None
    return champion_bundle(product, rollout, Keys.of(environment.home))
