"""Assets of monitoring: `scores` of every day's rows, `anomalies`, and the form of tables of the champion's figures.

Belongs here: reading the rows of a window, calling the pure code, writing each day's figures with the version of the
model; also of a product by the hour, of which a run makes the figures of its day so far. Does not belong here: figures
(`anomalies.py`, `performance`), counts and drift (`distributions`), the verdicts on them (`verdicts.py`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from importlib import metadata
from typing import Any

import dagster as dg

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.released import champion_bundle
from assets.materialising import (
    asset_key,
    begun,
    daily_asset_of,
    permanent,
    same_columns,
    wait_for_champion,
)
from assets.monitoring.checks import anomaly_check, anomaly_result
from assets.monitoring.scoring import scored_in_tasks, scored_rows
from assets.monitoring.windows import MadeTable, judged_record
from assets.product import Partitions, Product
from assets.product.names import (
    ANOMALIES,
    DEPLOYMENT,
    FEATURES,
    SCORES,
    table_name,
    validated_name,
    validated_table,
)
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.blocks import blocks_of, commit_placed
from resources.lake.origins import Reading, made_from
from resources.lake.partitioning import partition_columns
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of
from resources.spark.sessions import SparkSessions

Recipe = Callable[[Product, Lake, Bundle, Sequence[date]], MadeTable]
"""How some days of a table are made from the lake, under the champion."""


def champion_asset(
    product: Product,
    name: str,
    partitions: Partitions,
    description: str,
    recipe: Callable[[], Recipe],
    *,
    reads: Sequence[str],
    needs: Sequence[str] | None = None,
) -> dg.AssetsDefinition:
    """A table of figures by day that are the champion's.

    Args:
        recipe: Called by a run alone, so that it may import what takes seconds to load.
        reads: The names of the assets that it is made from.
        needs: Those of them without whose tables its days are left for a later run, as they are without a champion; all
            by default.
    """

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, one) for one in reads],
        group_name="monitoring",
        description=description,
        kinds={"deltalake"},
        output_required=False,
    )
    def figures(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(LakeError, RolloutError, BundleError):
            bundle = champion_bundle(product.name, rollout, keys.signing)
            if bundle is None or not all(lake.exists(table_name(product.name, one)) for one in needs or reads):
                wait_for_champion(context, product, slots)
                return
            made = recipe()(product, lake, bundle, days)
        record = judged_record(context.run.run_id, bundle.digest, made.readings)
        commit = lake.replace(table_name(product.name, name), made.table, days=made.days or days, metadata=record)
        yield watch.table(
            rows=commit.rows, version=commit.version, champion=bundle.version, schema=made.table.schema, **made.shown
        )

    return figures


def scores_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`scores`: every row of the day, scored by the champion with the code that decides."""
    name = SCORES
    passed_on = [*product.spine.passthrough, *_stake(product), *filter(None, [product.label.spine_column])]
    slot = partition_columns(partitions.first_slot)
    kept = list(dict.fromkeys([product.spine.row_id, "as_of", *passed_on, *slot]))

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, FEATURES), asset_key(product, DEPLOYMENT)],
        group_name="monitoring",
        description="Every row of the day, scored by the champion with the code that decides.",
        kinds={"onnx", "deltalake"},
        output_required=False,
    )
    def scores(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        spark: dg.ResourceParam[SparkSessions],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        (watch, days), table = begun(context, name, partitions), table_name(product.name, name)
        with permanent(LakeError, RolloutError):
            bundle = champion_bundle(product.name, rollout, keys.signing)
            if bundle is None:
                wait_for_champion(context, product, days)
                return
            features = table_name(product.name, FEATURES)
            version = lake.version(features)
            record = _record(context, bundle, features, Reading(version))
            if spark.is_worth(lake.files(features, days=days, version=version)):
                found = scored_in_tasks(
                    spark.session(), bundle, blocks_of(lake, features, days=days, version=version), kept,
                    f"{lake.folder(table)}/{context.run.run_id}",
                )  # fmt: skip
                commit = commit_placed(lake, table, found.schema, context.run.run_id, found.files, days, record)
                schema, counts = found.schema, found.counts
            else:
                scored = scored_rows(bundle, lake.read(features, days=days, version=version), kept)
                commit = lake.replace(table, scored.table, days=days, metadata=record)
                schema, counts = scored.table.schema, scored.counts
        yield watch.table(
            rows=commit.rows, version=commit.version, champion=bundle.version, **counts.metadata(commit.rows),
            schema=schema, lineage=same_columns(asset_key(product, FEATURES), kept),
        )  # fmt: skip

    return scores


def anomalies_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`anomalies`: flags on rows and days that look like nothing before; `None` where the product asks for none."""
    name, policy, spine = ANOMALIES, product.monitoring, product.spine
    if policy.anomaly_share is None:
        return None
    share, table = policy.anomaly_share, validated_table(product.name, spine.source)

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, validated_name(spine.source))],
        group_name="monitoring",
        description="Rows and days that an isolation forest tells from those of the weeks before; flags, no deletions.",
        kinds={"scikitlearn", "deltalake"},
        check_specs=[anomaly_check(asset_key(product, name), share)],
    )
    def anomalies(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.monitoring.anomalies import anomalies_by_day, anomaly_table, columns_judged, earlier_days

        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        before, columns = earlier_days(policy.window_days), columns_judged(product)
        read = list(dict.fromkeys([spine.row_id, spine.as_of, *columns, "day"]))
        with permanent(LakeError):
            version = lake.version(table)
            within = [day for day in lake.days(table, version) if days[0] - before <= day <= days[-1]]
            rows = lake.read(table, days=within, version=version, columns=read)
        found = anomalies_by_day(
            rows, days, row_id=spine.row_id, as_of=spine.as_of, columns=columns, share=share, before=before.days
        )
        flags = anomaly_table(found)
        record = {"run_id": context.run.run_id, **made_from({table: Reading(version, before.days)})}
        commit = lake.replace(table_name(product.name, name), flags, days=days, metadata=record)
        yield watch.table(
            rows=commit.rows, version=commit.version, schema=flags.schema, checks=[anomaly_result(found, share)],
            columns=list(columns), pins={table: version, **library_versions()},
        )  # fmt: skip

    return anomalies


def library_versions() -> dict[str, str]:
    """The versions of the libraries on which the forests depend."""
    return {name: metadata.version(name) for name in ("numpy", "scikit-learn")}


def _record(context: dg.AssetExecutionContext, bundle: Bundle, table: str, reading: Reading) -> dict[str, str]:
    """The record of a commit of days that the bundle has judged."""
    return judged_record(context.run.run_id, bundle.digest, {table: reading})


def _stake(product: Product) -> list[str]:
    stake = product.decision.profit.stake
    return [stake] if stake else []
