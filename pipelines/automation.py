"""What keeps the online store at the lake's present tables, without a schedule.

Belongs here: the sensor that compares what is loaded with what the lake has, and its signals. Does not belong here: the
verdict (`assets.features.online.load_verdict`), the load (`assets.features.assets`), other sensors (`sensors.py`).

A backfill of some days from the UI does not select the store, a load may fail, and a Redis may lose its data: in each
case decisions would go on with other events than the lake has. The sensor remembers nothing between ticks, so nothing
can be missed: it compares the load that decisions read with the one that would be made now. Versions of tables that
have the same content, as after a backfill that changed nothing, are no other load.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import is_current, load_name, planned_loads
from assets.features.online.load_verdict import LoadSignals, load_verdict
from assets.materialising import CAUSE_TAG, asset_key, materialised_days
from assets.product import Partitions, Product
from assets.product.names import ONLINE_STORE, raw_name, validated_name
from pipelines.jobs import daily_name, load_job_name
from pipelines.runs.records import ACTIVE, half_made, open_backfills, selects
from resources.clock import Clock
from resources.environments import Environment
from resources.lake import Lake, LakeError
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import StoreError

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_REMEMBERED_LOADS = 20


def online_store_sensor(product: Product, partitions: Partitions, environment: Environment) -> dg.SensorDefinition:
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
        validated = {
            source: materialised_days(instance, asset_key(product, validated_name(source)), partitions)
            for source in product.features.sources
        }
        try:
            state = online_stores.of(product.name).state()
            loads = planned_loads(product, kernel, lake, validated=validated, now=clock.now())
            is_whole = is_current(product, lake, loads, state)
        except (LakeError, StoreError) as error:
            return dg.SkipReason(f"unknown: {error}")
        failures, failed_at = _failures(instance, product)
        loaded = state.version if state else None
        current = loaded if loaded is not None and is_whole else load_name(product, loads)
        signals = LoadSignals(
            loaded=loaded,
            current=current,
            ever_loaded=instance.get_latest_materialization_event(asset_key(product, ONLINE_STORE)) is not None,
            under_way=under_way,
            # Asks for many runs; at most ticks nothing has changed.
            half_made=() if is_whole else tuple(_half_made(instance, product)),
            failures=failures,
            failed_at=failed_at,
        )
        verdict = load_verdict(product.name, signals, environment.clock.now())
        if verdict.action != "load":
            return dg.SkipReason(f"{verdict.action}: {'; '.join(verdict.reasons)}")
        return dg.RunRequest(tags={CAUSE_TAG: verdict.reasons[0]})

    return online_store


def _under_way(instance: dg.DagsterInstance, product: Product) -> Iterator[str]:
    """The runs and backfills that have not ended and touch the validated tables or the store."""
    keys = {asset_key(product, validated_name(source)) for source in product.features.sources}
    keys |= {asset_key(product, raw_name(source)) for source in product.features.sources}
    keys.add(asset_key(product, ONLINE_STORE))
    jobs = (daily_name(product), load_job_name(product))
    for run in instance.get_runs(dg.RunsFilter(statuses=list(ACTIVE))):
        if selects(run, keys, jobs):
            yield f"run {run.run_id[:8]}"
    for backfill in open_backfills(instance):
        selected = set(backfill.asset_selection or ())
        origin = backfill.partition_set_origin
        if keys & selected or (origin is not None and origin.partition_set_name.startswith(daily_name(product))):
            yield f"backfill {backfill.backfill_id}"


def _half_made(instance: dg.DagsterInstance, product: Product) -> Iterator[str]:
    """Days that were validated before, and whose raw rows were replaced since, or which a run did not validate again.

    A run of validated tables alone leaves no newer raw rows: if it made some days or tables and not the others, those
    do not belong together, although each is whole.
    """
    made = dg.DagsterEventType.ASSET_MATERIALIZATION
    for source in product.features.sources:
        raw = instance.get_latest_storage_id_by_partition(asset_key(product, raw_name(source)), made)
        validated = instance.get_latest_storage_id_by_partition(asset_key(product, validated_name(source)), made)
        days = sorted(day for day, at in validated.items() if raw.get(day, 0) > at)
        if days:
            yield f"{source} of {_some(days)}"
    names = {asset_key(product, validated_name(source)): source for source in product.features.sources}
    for left in half_made(instance, names.keys(), [daily_name(product)]):
        for key, lacking in left.lacking.items():
            yield f"{names[key]} of {_some(lacking)}, which {left.name} did not validate again"


def _some(days: Sequence[str]) -> str:
    more = f" and {len(days) - 3} more" if len(days) > 3 else ""
    return f"{', '.join(days[:3])}{more}"


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
