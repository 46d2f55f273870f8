"""What Dagster and the lake have recorded for a backfill: earlier runs, their times, and an interrupted backfill.

Belongs here: asking the instance and the logs of the tables. Does not belong here: the plan (`backfill_plan.py`), the
rows that changed (`backfill_days.py`).

A backfill has no records of its own. Its runs carry the tag `loopline/backfill`, which names days and assets, and a tag
with the backfill's number; what it has made are the materialisations of these runs, less the days that are stale now.
"""

import hashlib
import json
import statistics
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.materialising import BACKFILL_TAG, WAITING, asset_key
from assets.product import Partitions, Product
from assets.product.names import table_name
from pipelines.jobs import daily_name
from pipelines.operations.loop.backfill_plan import Days, Done, PlannedAsset
from pipelines.products import PRODUCTS
from pipelines.runs.failures import run_events
from pipelines.runs.records import made_by
from resources.dagster.executor import is_interruption
from resources.lake import Lake
from resources.lake.origins import stale_days
from resources.slots import Slot, checked_slot, slots_between

NUMBER_TAG = "loopline/backfill_number"
"""Tag of all runs of one backfill, those after an interruption included."""

_GOES_ON = timedelta(days=1)
"""An interrupted backfill that is older is not gone on with: its sources may deliver other rows by now."""
_RUNS_TIMED = 3
_FEW_DAYS = timedelta(days=31)
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


@dataclass(frozen=True)
class Backfill:
    """One backfill, by the tags of its runs.

    Attributes:
        scope: Digest of what was asked for: days, assets, and the product's description.
        number: Of this backfill; that of the interrupted one, if it goes on with one.
        resumed: When the interrupted one began, ISO-8601; empty for none.
    """

    scope: str
    number: str
    resumed: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The tags of its runs."""
        return {BACKFILL_TAG: self.scope, NUMBER_TAG: self.number}

    def runs(self, instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
        """Its runs so far."""
        return instance.get_runs(dg.RunsFilter(tags={NUMBER_TAG: self.number}))


def backfill_of(
    instance: dg.DagsterInstance, product: Product, days: Days, names: Sequence[str], *, again: bool
) -> Backfill:
    """The interrupted backfill of the same days and assets that this one goes on with, or a new one.

    A backfill that failed is not gone on with: what it had read may have been corrected since.

    Args:
        again: Whether an interrupted one is left aside.
    """
    scope = _scope(product, days, names)
    since = datetime.now(UTC) - _GOES_ON
    filters = dg.RunsFilter(tags={BACKFILL_TAG: scope}, created_after=since)
    for record in instance.get_run_records(filters, limit=1) if not again else ():
        run = record.dagster_run
        if run.is_finished and not run.is_success and not _failed(instance, run):
            began = record.create_timestamp.isoformat(timespec="seconds")
            return Backfill(scope, run.tags[NUMBER_TAG], began)
    return Backfill(scope, uuid.uuid4().hex)


def _failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a step of a run failed by itself; one that a signal ended is recorded as failed too."""
    failures = run_events(instance, run.run_id, dg.DagsterEventType.STEP_FAILURE)
    return not all(is_interruption(event.step_failure_data.error) for event in failures)


def done_of(
    instance: dg.DagsterInstance,
    product: Product,
    partitions: Partitions,
    lake: Lake,
    backfill: Backfill,
    names: Sequence[str],
) -> Done:
    """What a backfill has made so far; partitions with days that are stale now are left out.

    Args:
        names: All assets with days.
    """
    runs = backfill.runs(instance)
    if not runs:
        return Done()
    made = {pair for run in runs for pair in made_by(instance, run)}
    whole = {
        event.asset_key.path[-1]
        for run in runs
        for event in run_events(instance, run.run_id, _MADE)
        if event.asset_key is not None and event.partition is None
    }
    days: dict[str, set[Slot]] = {}
    for key, name in made:
        days.setdefault(key.path[-1], set()).update(partitions.whole([checked_slot(name)]))
    of_tables = stale_days(lake, [table_name(product.name, name) for name in names])
    stale = {name: of_tables[table_name(product.name, name)] for name in names}
    kept = {name: frozenset(found.difference(partitions.whole(stale[name]))) for name, found in days.items()}
    return Done(kept, frozenset(whole), stale)


def left_unmade(
    instance: dg.DagsterInstance, product: Product, backfill: Backfill, names: Sequence[str], done: Done
) -> dict[Slot, str]:
    """The days that the runs of a backfill left unmade without a failure, each with the reason of the first asset.

    Args:
        names: The daily assets of the backfill.
        done: What it has made.
    """
    found: dict[Slot, str] = {}
    for run in backfill.runs(instance):
        for event in run_events(instance, run.run_id, dg.DagsterEventType.ASSET_OBSERVATION):
            observed = event.asset_observation_data.asset_observation
            name, told = observed.asset_key.path[-1], observed.metadata
            if observed.asset_key == asset_key(product, name) and name in names and WAITING in told:
                first, last = (checked_slot(str(told[end].value)) for end in ("first_day", "last_day"))
                for day in set(slots_between(first, last)) - set(done.days.get(name, ())):
                    found.setdefault(day, f"{name}: {told[WAITING].value}")
    return found


def with_figures(
    asset: PlannedAsset,
    instance: dg.DagsterInstance,
    product: Product,
    partitions: Partitions,
    lake: Lake,
    days: Days,
) -> PlannedAsset:
    """The asset with the rows of the days, and the times of earlier runs."""
    key, table = asset_key(product, asset.name), table_name(product.name, asset.name)
    starts = dict.fromkeys(partitions.key(day) for day in days)
    chosen = dg.AssetRecordsFilter(asset_key=key, asset_partitions=list(starts) if asset.daily else None)
    records = [*instance.fetch_materializations(chosen, limit=20).records]
    records += instance.fetch_materializations(key, limit=1).records
    past = {}
    for record in records:
        if record.asset_materialization is not None:
            metadata, name = record.asset_materialization.metadata, record.asset_materialization.partition
            least = len(partitions.whole([checked_slot(name)])) if name else 1
            count = int(str(metadata["days"].value)) if "days" in metadata else least
            past[record.run_id] = (count, float(str(metadata["seconds"].value)))
    held = lake.slots_holding(table, slots_between(*days)) if asset.daily and lake.exists(table) else ()
    files = lake.files(table, days=held) if held else []
    return PlannedAsset(asset.name, asset.daily, asset.after, sum(f.rows for f in files), tuple(past.values()))


def overhead_of(instance: dg.DagsterInstance, product: Product, partitions: Partitions) -> float | None:
    """The seconds of a run besides those of its assets: the median of the last runs of a few days."""
    job = dg.RunsFilter(job_name=daily_name(product), statuses=[dg.DagsterRunStatus.SUCCESS])
    found = []
    for record in instance.get_run_records(job, limit=10):
        names = [name for tag in _RANGE if (name := record.dagster_run.tags.get(tag))]
        days = partitions.whole(checked_slot(name) for name in names)
        if not days or days[-1] - days[0] > _FEW_DAYS or record.start_time is None or record.end_time is None:
            continue
        seconds = {
            event.asset_key: float(str(event.step_materialization_data.materialization.metadata["seconds"].value))
            for event in run_events(instance, record.dagster_run.run_id, _MADE)
        }
        found.append(max(0.0, record.end_time - record.start_time - sum(seconds.values())))
        if len(found) == _RUNS_TIMED:
            break
    return statistics.median(found) if found else None


def _scope(product: Product, days: Days, names: Sequence[str]) -> str:
    """A digest of the days, the assets and the files that describe the product."""
    folder = PRODUCTS / product.name
    digest = hashlib.sha256(json.dumps([product.name, *map(str, days), *sorted(names)]).encode())
    for file in sorted([*folder.glob("*.py"), *folder.glob("contracts/*.yaml")]):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return f"{days[0]}/{days[1]} {digest.hexdigest()[:16]}"
