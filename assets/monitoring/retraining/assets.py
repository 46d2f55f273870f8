"""The asset `retraining`: for each day what asked for a retraining, what it is worth, and what holds it.

Belongs here: writing each day's causes with the verdict; reading recorded trainings and the champion. Does not belong
here: the causes and the verdict (`causes.py`, `verdict.py`), starting a run (`pipelines.runs.requests`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg

from assets.bundle.bundle import BundleError
from assets.bundle.released import released_bundle
from assets.materialising import asset_key, begun, daily_asset_of, permanent, wait_for_champion
from assets.monitoring.retraining.causes import Champion, Examination, Schedule
from assets.monitoring.retraining.table import retraining_table
from assets.monitoring.retraining.verdict import RetrainSignals, RetrainVerdict, retrain_verdict
from assets.monitoring.windows import judged_record
from assets.product import Partitions, Product
from assets.product.names import (
    BATCH_PERFORMANCE,
    DATA_FAULTS,
    DRIFT,
    ESTIMATED_PERFORMANCE,
    KPIS,
    MODEL,
    PERFORMANCE,
    RETRAINING,
    table_name,
)
from resources.dagster.cron import last_time, next_time
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of

_MOST_TRAININGS = 100


def retraining_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`retraining`: the causes of each day with the verdict at its end."""
    name = RETRAINING
    realised = BATCH_PERFORMANCE if product.monitoring.judged == "batch" else PERFORMANCE
    read = (DRIFT, ESTIMATED_PERFORMANCE, realised, KPIS, DATA_FAULTS)

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, one) for one in read],
        group_name="monitoring",
        description="What asks for a new model at the end of each day, what it is worth, and what holds it.",
        kinds={"deltalake"},
        output_required=False,
    )
    def retraining(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(LakeError, RolloutError):
            champion = champion_of(product, rollout, keys)
            if champion is None:
                wait_for_champion(context, product, slots)
                return
            versions = {
                table: lake.version(table) for one in read if lake.exists(table := table_name(product.name, one))
            }
            rows = _judged(product, lake, champion, days, trainings(context.instance, product))
        table = retraining_table(rows, champion.version)
        digest = None if champion.bundle is None else champion.bundle.digest
        window = {table_name(product.name, KPIS): product.monitoring.window_days - 1}
        readings = {one: Reading(version, window.get(one, 0)) for one, version in versions.items()}
        record = judged_record(context.run.run_id, digest, readings)
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata=record)
        _, _, last = rows[-1]
        yield watch.table(
            rows=commit.rows, version=commit.version, schema=table.schema, action=last.action,
            reasons=list(last.reasons), worth=last.gain if last.gain is not None else "not known", cost=last.cost,
        )  # fmt: skip

    return retraining


def _judged(
    product: Product, lake: Lake, champion: Champion, days: Sequence[date], trained: Sequence[datetime]
) -> list[tuple[date, RetrainSignals, RetrainVerdict]]:
    """The signals and the verdict at the end of each day, by the trainings that had been by then."""
    examined, rows = Examination(product, lake, champion, days), []
    for day in days:
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        known = [moment for moment in trained if moment <= end]
        signals = examined.signals(end, known, schedule_at(product, end), until=day)
        rows.append((day, signals, retrain_verdict(signals, product.retraining, end)))
    return rows


def trainings(instance: dg.DagsterInstance, product: Product) -> tuple[datetime, ...]:
    """When the last candidates were trained, by the product's clock, the newest first."""
    found = instance.fetch_materializations(asset_key(product, MODEL), limit=_MOST_TRAININGS).records
    made = [record.asset_materialization for record in found]
    return tuple(
        datetime.fromisoformat(str(one.metadata["trained_at"].value)) for one in made if one is not None
    )  # fmt: skip


def champion_of(product: Product, rollout: RolloutStore, keys: Keys) -> Champion | None:
    """The version that decides, with its bundle or the reason why that cannot be read; `None` before the first one.

    Raises:
        RolloutError: The rollout store cannot be reached.
    """
    manifest = rollout.read_manifest(product.name)
    if manifest is None:
        return None
    release = manifest.champion
    try:
        return Champion(release.version, released_bundle(product.name, release, rollout, keys.signing))
    except (RolloutError, BundleError) as error:
        # Drift and losses ask for a retraining without it; what needs it is unknown, for this reason.
        return Champion(release.version, problem=str(error))


def schedule_at(product: Product, now: datetime) -> Schedule:
    """The times of the product's schedule beside a moment."""
    cron = product.retraining.cron
    return Schedule(last_time(cron, now), next_time(cron, now))
