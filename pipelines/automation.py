"""What keeps the online store at the lake's present tables, without a schedule.

Belongs here: the sensor that compares what is loaded with what the lake has, and its signals. Does not belong here: the
verdict (`assets.features.online.load_verdict`), the load (`assets.features.assets`), other sensors (`sensors.py`).

A backfill of some days from the UI does not select the store, a load may fail, and a Redis may lose its data: in each
case decisions would go on with other events than the lake has. The sensor remembers nothing between ticks, so nothing
can be missed: it compares the name of the load that decisions read with the name that a load would have now.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import load_name, planned_loads
from assets.features.online.load_verdict import LoadSignals, load_verdict
from assets.materialising import asset_key, materialised_days
from assets.product import Product
from assets.product.names import ONLINE_STORE, raw_name, validated_name
from pipelines.jobs import daily_name, load_job_name
from resources.clock import Clock
from resources.lake import Lake, LakeError
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import StoreError

_NOT_OVER = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_REMEMBERED_LOADS = 20


def online_store_sensor(product: Product) -> dg.SensorDefinition:
    """Loads the online store when the lake has other tables than those that decisions read."""
    kernel = compile_features(product.features, product.resolutions)

    @dg.sensor(
        name=f"{product.name}_online_store_sensor",
        job_name=load_job_name(product),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Loads the online store when the lake has other tables than those that decisions read.",
    )
    def online_store(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        online_stores: dg.ResourceParam[OnlineStores],
        clock: dg.ResourceParam[Clock],
    ) -> dg.RunRequest | dg.SkipReason:
        instance = context.instance
        # Runs first: one that ends after this was asked has committed before the tables are read.
        under_way = tuple(_under_way(instance, product))
        validated = {source: _days(instance, product, validated_name(source)) for source in product.features.sources}
        try:
            state = online_stores.of(product.name).state()
            loads = planned_loads(product, kernel, lake, validated=validated, now=clock.now())
        except (LakeError, StoreError) as error:
            return dg.SkipReason(f"unknown: {error}")
        failures, failed_at = _failures(instance, product)
        signals = LoadSignals(
            loaded=state.version if state else None,
            current=load_name(product, loads),
            ever_loaded=instance.get_latest_materialization_event(asset_key(product, ONLINE_STORE)) is not None,
            under_way=under_way,
            half_made=tuple(_half_made(instance, product)),
            failures=failures,
            failed_at=failed_at,
        )
        verdict = load_verdict(product.name, signals, datetime.now(UTC))
        if verdict.action != "load":
            return dg.SkipReason(f"{verdict.action}: {'; '.join(verdict.reasons)}")
        return dg.RunRequest(tags={"loopline/cause": verdict.reasons[0]})

    return online_store


def _under_way(instance: dg.DagsterInstance, product: Product) -> Iterator[str]:
    """The runs and backfills that have not ended and touch the validated tables or the store."""
    keys = {asset_key(product, validated_name(source)) for source in product.features.sources}
    keys |= {asset_key(product, raw_name(source)) for source in product.features.sources}
    keys.add(asset_key(product, ONLINE_STORE))
    jobs = (daily_name(product), load_job_name(product))
    for run in instance.get_runs(dg.RunsFilter(statuses=_NOT_OVER)):
        touched = keys & run.asset_selection if run.asset_selection else run.job_name in jobs
        if touched:
            yield f"run {run.run_id[:8]}"
    for backfill in instance.get_backfills(filters=_open_backfills()):
        selected = set(backfill.asset_selection or ())
        origin = backfill.partition_set_origin
        if keys & selected or (origin is not None and origin.partition_set_name.startswith(daily_name(product))):
            yield f"backfill {backfill.backfill_id}"


def _open_backfills() -> BulkActionsFilter:
    return BulkActionsFilter(
        statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
    )


def _half_made(instance: dg.DagsterInstance, product: Product) -> Iterator[str]:
    """Days that were validated before, and whose raw rows have been replaced since."""
    made = dg.DagsterEventType.ASSET_MATERIALIZATION
    for source in product.features.sources:
        raw = instance.get_latest_storage_id_by_partition(asset_key(product, raw_name(source)), made)
        validated = instance.get_latest_storage_id_by_partition(asset_key(product, validated_name(source)), made)
        days = sorted(day for day, at in validated.items() if raw.get(day, 0) > at)
        if days:
            more = f" and {len(days) - 3} more" if len(days) > 3 else ""
            yield f"{source} of {', '.join(days[:3])}{more}"


def _failures(instance: dg.DagsterInstance, product: Product) -> tuple[int, datetime | None]:
    """The number of loads in a row that this sensor started and that failed, and the end of the last one."""
    ended = dg.RunsFilter(job_name=load_job_name(product), statuses=_ENDED)
    count, last = 0, None
    for record in instance.get_run_records(ended, limit=_REMEMBERED_LOADS):
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        count += 1
        last = last or record.update_timestamp
    return count, last.replace(tzinfo=UTC) if last is not None and last.tzinfo is None else last


def _days(instance: dg.DagsterInstance, product: Product, name: str) -> frozenset[date]:
    return materialised_days(instance, asset_key(product, name))
