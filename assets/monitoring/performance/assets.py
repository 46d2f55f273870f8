"""Assets of performance: realised, by the age of labels, its calibration, estimated without labels, business figures.

Belongs here: writing each day's figures with the version of the model, and their pictures. Does not belong here: what
is read and computed (`tables.py`, `realised.py`), the verdicts (`verdicts.py`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.bundle.bundle import Bundle, BundleError
from assets.materialising import asset_key, begun, daily_asset_of, permanent, wait_for_champion
from assets.monitoring.assets import Recipe, champion_asset
from assets.monitoring.performance.judged import judged_tables
from assets.monitoring.performance.realised import Realised, answered_performance, batch_performance
from assets.monitoring.windows import MadeTable, judged_record, window_of
from assets.product import Partitions, Product
from assets.product.names import (
    BATCH_OUTCOMES,
    BATCH_PERFORMANCE,
    CALIBRATION,
    ESTIMATED_PERFORMANCE,
    FEATURES,
    GROUP_PERFORMANCE,
    KPIS,
    OUTCOMES,
    PERFORMANCE,
    VINTAGES,
    table_name,
    validated_name,
)
from assets.training.rows.tables import RowsError
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of


def performance_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`performance`: realised figures of each bundle and arm over the decisions that it answered."""
    whose = "of each bundle and arm over the decisions that it answered"
    return _realised(product, PERFORMANCE, OUTCOMES, whose, partitions, answered_performance)


def batch_performance_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`batch_performance`: realised figures of each model over its batch scores; `None` where none are asked for."""
    if product.monitoring.judged != "batch":
        return None
    whose = "of each model over the rows that it scored in batch"
    return _realised(product, BATCH_PERFORMANCE, BATCH_OUTCOMES, whose, partitions, batch_performance)


def _realised(
    product: Product,
    name: str,
    source: str,
    whose: str,
    partitions: Partitions,
    figures_of: Callable[[Product, pa.Table, Sequence[date], RolloutStore, bytes], Realised],
) -> dg.AssetsDefinition:
    """A table of realised figures by day over the outcomes of another asset."""
    policy = product.monitoring

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, source)],
        group_name="monitoring",
        description=(
            f"Realised AUC, Brier score, bad rate, acceptance and profit over {policy.window_days} days, {whose}."
        ),
        kinds={"deltalake"},
        output_required=False,
    )
    def performance(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.monitoring.performance.pictures import realised_plot

        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(LakeError, RolloutError, BundleError):
            if not lake.exists(table_name(product.name, source)):
                wait_for_champion(context, product, slots)
                return
            outcomes, reading = window_of(lake, product.name, days, source, before=policy.window_days - 1)
            found = figures_of(product, outcomes, days, rollout, keys.signing)
        record = judged_record(context.run.run_id, found.judged_by, {table_name(product.name, source): reading})
        commit = lake.replace(table_name(product.name, name), found.table, days=days, metadata=record)
        plot = realised_plot(product, found)
        yield watch.table(
            rows=commit.rows, version=commit.version, over_time=plot, schema=found.table.schema, **found.facts
        )

    return performance


def vintages_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`vintages`: bad rates by the age of labels, as of each day, with where each vintage will end."""
    name, tables = VINTAGES, judged_tables(product)

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, tables.decisions), asset_key(product, validated_name(product.label.source))],
        group_name="monitoring",
        description="Bad rates by the age of labels: how complete each vintage of decisions is, and where it will end.",
        kinds={"deltalake"},
        output_required=False,
    )
    def vintages(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.monitoring.performance.plots import vintage_plot
        from assets.monitoring.performance.tables import vintage_table

        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        if not lake.exists(table_name(product.name, tables.decisions)):
            wait_for_champion(context, product, slots)
            return
        with permanent(LakeError, RowsError):
            made, curves = vintage_table(product, lake, days)
        record = judged_record(context.run.run_id, None, made.readings)
        commit = lake.replace(table_name(product.name, name), made.table, days=days, metadata=record)
        plot = vintage_plot(curves, made.table, days[-1])
        yield watch.table(rows=commit.rows, version=commit.version, curves=plot, schema=made.table.schema)

    return vintages


def calibration_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`calibration`: whether the champion's scores are still right, by the labels that have matured."""

    def recipe() -> Recipe:
        from assets.monitoring.performance.plots import calibration_plot
        from assets.monitoring.performance.tables import calibration_table

        return _with_picture(calibration_table, calibration_plot)

    return champion_asset(
        product, CALIBRATION, partitions,
        "Intercept, slope and error of the champion's calibration over newly mature labels, beside approval.",
        recipe, reads=(judged_tables(product).outcomes,),
    )  # fmt: skip


def estimated_performance_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`estimated_performance`: AUC, bad rate and profit expected without labels; withheld where nobody can know."""

    def recipe() -> Recipe:
        from assets.monitoring.performance.plots import estimate_plot
        from assets.monitoring.performance.tables import estimated_table

        return _with_picture(estimated_table, estimate_plot)

    return champion_asset(
        product, ESTIMATED_PERFORMANCE, partitions,
        "Performance expected without labels (CBPE, PAPE), with intervals, or the reason why it is withheld.",
        recipe, reads=(FEATURES, CALIBRATION),
    )  # fmt: skip


def group_performance_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`group_performance`: realised figures by protected group and slice; `None` where the product names none."""
    if not product.protected and not product.monitoring.slices:
        return None

    def recipe() -> Recipe:
        from assets.monitoring.performance.plots import group_plot
        from assets.monitoring.performance.tables import group_table

        return _with_picture(group_table, group_plot)

    return champion_asset(
        product, GROUP_PERFORMANCE, partitions,
        "Realised figures of the champion's own decisions by protected group and slice.",
        recipe, reads=(judged_tables(product).outcomes, FEATURES),
    )  # fmt: skip


def kpis_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`kpis`: approvals, reviews, losses and profit of each day beside what was to be expected."""

    def recipe() -> Recipe:
        from assets.monitoring.performance.plots import kpi_plot
        from assets.monitoring.performance.tables import kpi_table

        return _with_picture(kpi_table, kpi_plot)

    tables = judged_tables(product)
    return champion_asset(
        product, KPIS, partitions,
        "Approval rate, review load, losses and profit of each day, each beside its expectation.",
        recipe, reads=(tables.decisions, tables.outcomes),
    )  # fmt: skip


def _with_picture(make: Recipe, plot: Callable[[pa.Table], bytes]) -> Recipe:
    """The recipe, with its table's picture."""

    def recipe(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
        made = make(product, lake, bundle, days)
        return replace(made, shown={"over_time": plot(made.table)})

    return recipe
