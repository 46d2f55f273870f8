"""Materialising a range of partitions again: `loopline backfill`.

Belongs here: making the plan of a backfill, and running it to a result for each day. Does not belong here: the choice
of runs (`backfill_plan.py`), records (`backfill_records.py`), changed rows (`backfill_days.py`); backfills from the UI,
which Dagster runs; the load of the online store that follows those (`pipelines.automation`).

All partitions are one run. If it fails and names the days at fault, the others run without these days' partitions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from assets.materialising import OVERWRITE_TAG
from assets.product import Partitions, Product
from assets.product.names import table_name
from pipelines.jobs import DATA, WATCH
from pipelines.operations.loop.backfill_days import DayResult, PartitionResult, by_partition, day_results
from pipelines.operations.loop.backfill_plan import Days, Done, Plan, PlannedAsset, PlannedRun, runs_of
from pipelines.operations.loop.backfill_records import (
    Backfill,
    backfill_of,
    done_of,
    left_unmade,
    overhead_of,
    with_figures,
)
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import RunFailed, dagster_instance
from pipelines.operations.loop.source_days import readable_days, whole_partitions
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.environments import Environment
from resources.errors import listed
from resources.lake import Lake
from resources.lake.origins import days_that_read
from resources.slots import Slot, slots_between

_MOST_FAILURES = 10
"""After so many failed runs the days that are left are not tried."""


@dataclass(frozen=True)
class BackfillReport:
    """The result of a backfill.

    Attributes:
        partitions: Those of the product, of which it made some whole.
        assets: The names of the assets that were made.
        days: The result of each day, in order.
        stale: For each table of days, those of its days that were made from other content than the present one.
    """

    product: str
    partitions: Partitions
    assets: tuple[str, ...]
    days: tuple[DayResult, ...]
    stale: Mapping[str, Sequence[Slot]]

    @property
    def results(self) -> tuple[PartitionResult, ...]:
        """The result of each partition, in order."""
        return by_partition(self.partitions, self.days)

    @property
    def failed(self) -> tuple[PartitionResult, ...]:
        """The partitions that failed."""
        return tuple(result for result in self.results if result.state == "failed")

    @property
    def sentence(self) -> str:
        """Which partitions failed, with the reason of the first; empty if none did."""
        failed = self.failed
        if not failed:
            return ""
        of = f"{len(failed)} of {len(self.results)} {self.partitions.length}s failed"
        return f"{of}: {listed([result.name for result in failed])}; the first one: {failed[0].reason}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        error = {"error": {"kind": "DaysFailed", "message": self.sentence}} if self.failed else {}
        return {
            **error,
            "product": self.product,
            "partition": self.partitions.length,
            "from": str(self.days[0].day),
            "to": str(self.days[-1].day),
            "assets": list(self.assets),
            "days": [day.to_dict() for day in self.days],
            "stale": {name: [str(day) for day in days] for name, days in self.stale.items()},
        }


@dataclass(frozen=True)
class Wanted:
    """What was asked for.

    Attributes:
        days: The first and the last day, or hour; they are rounded outwards to whole partitions.
        assets: Names of daily assets; empty for all from the sources to the features.
        overwrite: Whether newer published rows may be replaced by older ones.
        again: Whether also what an interrupted backfill of the same days has made is made again.
    """

    days: Days
    assets: tuple[str, ...] = ()
    overwrite: bool = False
    again: bool = False


def plan_backfill(name: str, environment: Environment, wanted: Wanted, progress: Progress) -> Plan:
    """What `backfill` would do; nothing is run, and no source is asked.

    Raises:
        UnknownAsset: The product has no daily asset of that name.
        UnknownProduct: There is no product of that name.
    """
    product, lake = load_product(name), Lake(environment.lake)
    partitions = partitions_of(product, environment)
    wanted = replace(wanted, days=whole_partitions(product, partitions, wanted.days, progress))
    with dagster_instance(environment) as instance:
        jobs = ProductJobs(product, partitions, instance, lake)
        return _plan(product, instance, lake, jobs, wanted, _backfill_of(product, instance, jobs, wanted))


def backfill(name: str, environment: Environment, wanted: Wanted, progress: Progress) -> BackfillReport:
    """Materialises a range of partitions again, and goes on with an interrupted backfill of the same days and assets.

    Raises:
        RunFailed: A step or a blocking check failed, and no day could be made.
        RunInterrupted: A signal ended it; the same call goes on with it.
        ImpossibleDay: A day is before the first day or not over, or the last day is before the first.
        UnknownAsset: The product has no daily asset of that name.
        UnknownProduct: There is no product of that name.
    """
    product, lake = load_product(name), Lake(environment.lake)
    partitions = partitions_of(product, environment)
    with (
        readable_days(product, environment, wanted.days, progress) as days,
        dagster_instance(environment) as instance,
    ):
        jobs, wanted = ProductJobs(product, partitions, instance, lake), replace(wanted, days=days)
        one = _backfill_of(product, instance, jobs, wanted)
        if one.resumed:
            progress(f"goes on with the backfill of {one.resumed}, which was interrupted; --again begins anew")
        tags = {**one.tags, **({OVERWRITE_TAG: "yes"} if wanted.overwrite else {})}
        assets = _assets(jobs, wanted)
        failed, made = _run_all(product, instance, lake, jobs, wanted, one, tags, progress)
        daily = [asset.name for asset in assets if asset.daily]
        failed |= left_unmade(instance, product, one, daily, made)
        runs = [run.run_id for run in one.runs(instance)]
        return BackfillReport(
            product=product.name,
            partitions=partitions,
            assets=tuple(a.name for a in assets if made.days.get(a.name) or a.name in made.whole),
            days=day_results(product, lake, daily, wanted.days, runs, failed),
            stale={name: sorted(found) for name, found in made.stale.items() if found},
        )


def _run_all(
    product: Product,
    instance: dg.DagsterInstance,
    lake: Lake,
    jobs: ProductJobs,
    wanted: Wanted,
    one: Backfill,
    tags: Mapping[str, str],
    progress: Progress,
) -> tuple[dict[Slot, str], Done]:
    """Runs what is left until nothing is; for each failed day the reason, and what was made."""
    assets, failed, failures = _assets(jobs, wanted), dict[Slot, str](), 0
    ended: PlannedRun | None = None
    while True:
        done = done_of(instance, product, jobs.partitions, lake, one, _daily(jobs))
        runs = runs_of(assets, wanted.days, done, failed)
        if not runs or runs[0] == ended:  # what it made may be stale again: somebody else makes days that it reads
            return failed, done
        run, left = runs[0], f", {len(runs) - 1} more runs follow" if len(runs) > 1 else ""
        if failures or left:
            progress(f"{run.days[0]} to {run.days[1]}: {len(run.assets)} assets{left}")
        try:
            jobs.run_named(run.assets, run.days, tags)
            ended = run
        except RunFailed as error:
            failures += 1
            days = slots_between(*run.days)
            at_fault = jobs.partitions.whole(day for day in error.days if day in days) or days
            if failures == 1 and len(at_fault) == len(slots_between(*wanted.days)):
                raise
            failed |= dict.fromkeys(at_fault, str(error))
            if failures == _MOST_FAILURES:
                rest = {day for run in runs for day in slots_between(*run.days)} - failed.keys()
                failed |= dict.fromkeys(rest, f"not tried after {failures} failed runs; the last one: {error}")


def _backfill_of(product: Product, instance: dg.DagsterInstance, jobs: ProductJobs, wanted: Wanted) -> Backfill:
    names = [asset.name for asset in _assets(jobs, wanted)]
    return backfill_of(instance, product, wanted.days, names, again=wanted.again)


def _assets(jobs: ProductJobs, wanted: Wanted) -> tuple[PlannedAsset, ...]:
    """The assets of a backfill, in the order of the loop."""
    keys = jobs.named(wanted.assets) if wanted.assets else jobs.keys(DATA)
    return tuple(PlannedAsset(key.path[-1], jobs.is_daily(key), jobs.read_by(key)) for key in keys)


def _plan(
    product: Product, instance: dg.DagsterInstance, lake: Lake, jobs: ProductJobs, wanted: Wanted, one: Backfill
) -> Plan:
    assets = tuple(
        with_figures(a, instance, product, jobs.partitions, lake, wanted.days) for a in _assets(jobs, wanted)
    )
    names = {asset.name for asset in assets}
    days = slots_between(*wanted.days)
    tables = [table_name(product.name, asset.name) for asset in assets if asset.daily]
    remade = {table: frozenset(lake.slots_holding(table, days)) for table in tables if lake.exists(table)}
    stale: dict[str, Sequence[Slot]] = {}
    for key in jobs.keys((*DATA, *WATCH)):  # in the order of the loop: what is stale makes stale what follows
        table = table_name(product.name, key.path[-1])
        if jobs.is_daily(key) and lake.exists(table):
            found = days_that_read(lake, table, remade) - remade.get(table, frozenset())
            remade[table] = remade.get(table, frozenset()) | found
            if found:
                stale[key.path[-1]] = sorted(found)
    return Plan(
        product=product.name,
        partitions=jobs.partitions,
        days=wanted.days,
        assets=assets,
        resumed=one.resumed,
        done=done_of(instance, product, jobs.partitions, lake, one, _daily(jobs)),
        stale=stale,
        unmade=tuple(name for name in jobs.whole_after(names) if name not in names),
        overhead=overhead_of(instance, product, jobs.partitions),
    )


def _daily(jobs: ProductJobs) -> list[str]:
    """The names of all assets with days, in the order of the loop."""
    return [key.path[-1] for key in jobs.keys((*DATA, *WATCH)) if jobs.is_daily(key)]
