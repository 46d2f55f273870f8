"""Assets of features: the table `features` and the online store.

Belongs here: calling the job, committing its files, loading the online store. Does not belong here: which days of which
tables are read (`assets.features.table.inputs`, `assets.features.online.load`), declarations
(`assets.vocabulary.feature_set`), computation (`assets.features.kernel.kernel`), Spark
(`assets.features.table.spark_job`).
"""

from typing import Any

import dagster as dg

from assets.features.catalogue.entries import catalogue, to_markdown
from assets.features.kernel.kernel import compile_features
from assets.features.online.load import is_current, planned_loads
from assets.features.online.loading import Loader, StoreLoad
from assets.features.online.tile_support import tilings_of, untiled
from assets.features.online.tiles import CHUNK
from assets.features.table.feature_table import SpineColumns
from assets.features.table.inputs import inputs_of
from assets.features.table.provenance import record_of
from assets.features.table.spark_job import run
from assets.materialising import (
    CAUSE_TAG,
    TRY_AGAIN,
    Stopwatch,
    asset_key,
    asset_of,
    begun,
    daily_asset_of,
    materialised_days,
    permanent,
    same_columns,
)
from assets.product import Partitions, Product
from assets.product.names import FEATURES, ONLINE_STORE, table_name, validated_name, validated_table
from assets.vocabulary import FeatureError
from resources.clock import Clock
from resources.lake import DAY, HOUR, DataFile, Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.online_store.opening import OnlineStores
from resources.spark.sessions import SparkSessions


def features_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`features`: for each row to be decided, its features from events known at its as-of time."""
    name = FEATURES
    sources = tuple(dict.fromkeys((product.spine.source, *product.features.sources)))
    kernel = compile_features(product.features, product.resolutions)
    product.check()

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, validated_name(source)) for source in sources],
        group_name="features",
        description=f"{len(product.features.names)} features per row, only from events known at its as-of time.",
        kinds={"spark", "deltalake"},
        metadata={
            "catalogue": dg.MetadataValue.md(
                to_markdown(catalogue(product.features, product.units, spine=product.spine.source))
            )
        },
        pool="spark",
    )
    def features(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], spark: dg.ResourceParam[SparkSessions]
    ) -> dg.MaterializeResult[Any]:
        (watch, days), table = begun(context, name, partitions), table_name(product.name, name)
        with permanent(LakeError, FeatureError):
            inputs = inputs_of(product, kernel, lake, days)
            written = run(
                spark.session, kernel, events=inputs.events, spine=inputs.spine, days=(days[0], days[-1]),
                columns=_spine_columns(product), target=f"{lake.folder(table)}/{context.run.run_id}",
            )  # fmt: skip
        read = {
            validated_table(product.name, source): Reading(version, inputs.before[source])
            for source, version in inputs.versions.items()
        }
        record = {**record_of(product.features, product.spine, context.run.run_id, inputs.versions), **made_from(read)}
        files = [
            DataFile(f"{context.run.run_id}/{file.path}", file.day, file.rows, file.bytes, file.content)
            for file in written.files
        ]
        commit = lake.commit_files(table, written.schema, files, days=days, metadata=record)
        return watch.table(
            rows=commit.rows,
            version=commit.version,
            days=len(days),
            bytes=commit.bytes,
            pins=inputs.versions,
            schema=written.schema,
            lineage=_lineage(product),
        )

    return features


def online_store_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`online_store`: the recent events of each entity, as the decision process reads them."""
    name = ONLINE_STORE
    kernel = compile_features(product.features, product.resolutions)
    tilings = {(tiling.source, tiling.key): tiling for tiling in tilings_of(kernel)}

    @asset_of(
        product,
        name,
        deps=[asset_key(product, validated_name(source)) for source in product.features.sources],
        group_name="features",
        description="The recent events of each entity, ready for decisions; a load publishes all sources at once.",
        kinds={"redis"},
        # A store that does not answer for a moment; the sensor of pipelines/automation.py tries again after these.
        retry_policy=TRY_AGAIN,
        pool=f"{product.name}_{name}",
    )
    def online_store(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        online_stores: dg.ResourceParam[OnlineStores],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult[Any]:
        watch, store = Stopwatch(name), online_stores.of(product.name)
        loader = Loader(product, kernel, tilings, lake, store)
        validated = {
            source: materialised_days(context.instance, asset_key(product, validated_name(source)), partitions)
            for source in product.features.sources
        }
        fault = store.repair()
        if fault is not None:
            context.log.warning(f"{fault}; all of it is loaded again")
        with permanent(LakeError):
            loads = planned_loads(product, kernel, lake, validated=validated, now=clock.now())
            # A run of days that changed nothing is over sooner.
            present = None if fault is not None or _is_alone(context) else store.settled()
            if present is not None and is_current(product, lake, loads, present):
                made = StoreLoad(present, "nothing", gone_on_with=len(loads))
            else:
                made = loader.load(loads, whole=fault or _asked_whole(context))
        state = made.state
        context.log.info(f"loaded {made.loaded}")
        return watch.result(
            rows=sum(sum(loaded.rows.values()) for loaded in state.sources.values() if CHUNK not in loaded.rows),
            version=state.version,
            pins=state.table_versions,
            watermarks={source: state.sources[source].watermark.isoformat() for source in state.tables},
            lacking={load.source: str(load.lacking) for load in loads if load.lacking is not None},
            loaded=made.loaded,
            gone_on_with=made.gone_on_with,
            tiled_entities=made.tiled,
            served_from_events=[name for need in kernel.needs for name in untiled(kernel, need)],
        )

    return online_store


def _is_alone(context: dg.AssetExecutionContext) -> bool:
    """Whether a run was not asked for the store beside other assets: it is loaded then, whatever it has.

    A run that a schedule or a sensor starts selects nothing, and makes all assets of its job.
    """
    return len(context.run.asset_selection or context.job_def.asset_layer.selected_asset_keys) <= 1


def _asked_whole(context: dg.AssetExecutionContext) -> str:
    """Why a run loads everything; empty for one of several assets, and for one that the store's sensor has started."""
    return "it was asked for" if _is_alone(context) and CAUSE_TAG not in context.run.tags else ""


def _lineage(product: Product) -> dict[str, list[tuple[dg.AssetKey, str]]]:
    """The validated columns from which each feature, and each column of the spine, is made."""
    spine = product.spine
    rows = asset_key(product, validated_name(spine.source))
    origins = same_columns(rows, [spine.row_id, *spine.passthrough, DAY, HOUR]) | {"as_of": [(rows, spine.as_of)]}
    for entry in catalogue(product.features, product.units, spine=spine.source):
        columns = (column.split(".", 1) for column in entry.columns)
        origins[entry.name] = [(asset_key(product, table), column) for table, column in columns]
    return origins


def _spine_columns(product: Product) -> SpineColumns:
    spine = product.spine
    # A validated table names its event time `event_time`; a product may name another column as its as-of time.
    return SpineColumns(spine.row_id, spine.as_of, spine.sequence, spine.passthrough, spine.after, spine.filters)
