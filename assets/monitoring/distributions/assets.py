"""Assets of distributions: `distributions`, `attributions`, `separation`, and `drift`, the figures made of them.

Belongs here: the asset factories. Does not belong here: what they read and count (`reading.py`), figures and limits
(`figures.py`, `limits.py`), verdicts (`verdict.py`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.bundle.released import champion_bundle
from assets.materialising import asset_key, begun, daily_asset_of, permanent, wait_for_champion, with_constant
from assets.monitoring.distributions.figures import drift_of_day, drift_table
from assets.monitoring.distributions.reading import Monitored
from assets.monitoring.distributions.told_apart import kinds_of_drift
from assets.monitoring.windows import JUDGED_BY
from assets.product import Partitions, Product
from assets.product.names import (
    ATTRIBUTIONS,
    BATCH_OUTCOMES,
    DECISIONS,
    DEPLOYMENT,
    DISTRIBUTIONS,
    DRIFT,
    FEATURES,
    OUTCOMES,
    SEPARATION,
    table_name,
)
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.naming import days_between
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of


def distributions_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`distributions`: how many rows of each day fell into each cell of the champion's profile."""
    outcomes = BATCH_OUTCOMES if product.monitoring.judged == "batch" else OUTCOMES
    return _of_rows(
        product, DISTRIBUTIONS, partitions, (FEATURES, DECISIONS, outcomes), Monitored.counts,
        "Exact counts a day of features, scores, decisions and labels over the cells of the champion's profile.",
    )  # fmt: skip


def attributions_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`attributions`: what each feature adds to the scores of each day, and what each segment scores."""
    return _of_rows(
        product, ATTRIBUTIONS, partitions, (FEATURES,), Monitored.attributions,
        "Sums a day of the features' contributions to the score (SHAP), over a sample, and of the segments' scores.",
    )  # fmt: skip


def separation_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`separation`: how well a classifier tells each day's rows from those that the champion was trained on."""
    return _of_rows(
        product, SEPARATION, partitions, (FEATURES,), _separations,
        "Whether a classifier tells the day's rows from the champion's training rows, in any combination of features.",
        again=False,
    )  # fmt: skip


def drift_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`drift`: how far each feature, the score and the decisions have moved, on the day and in the window."""
    name, policy = DRIFT, product.monitoring

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, DISTRIBUTIONS), asset_key(product, ATTRIBUTIONS)],
        group_name="monitoring",
        description=f"Distances from the reference profile, of each day and of {policy.window_days} days, with limits.",
        kinds={"deltalake"},
        output_required=False,
    )
    def drift(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.monitoring.distributions.plots import psi_bars, psi_strip

        watch, slots = begun(context, name, partitions)
        days, source = days_of(slots), table_name(product.name, DISTRIBUTIONS)
        with permanent(LakeError, RolloutError):
            bundle = champion_bundle(product.name, rollout, keys.signing)
            if bundle is None:
                wait_for_champion(context, product, slots)
                return
            monitored, version = Monitored(product, lake, bundle), lake.version(source)
            limits = monitored.limits(version)
            figures = drift_table(monitored.drift(version, limits, days))
        read = made_from({source: Reading(version, policy.window_days - 1)})
        record = {"run_id": context.run.run_id, JUDGED_BY: bundle.digest, **read}
        table = with_constant(figures, "model_version", bundle.version, pa.string())
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata=record)
        last = drift_of_day(figures, days[-1])
        yield watch.table(
            rows=commit.rows, version=commit.version, champion=bundle.version, limits_from=limits.basis,
            kinds_of_drift=kinds_of_drift(last), last_day=psi_bars(last, day=days[-1]),
            by_day=psi_strip(figures, min_rows=policy.min_rows), schema=table.schema,
        )  # fmt: skip

    return drift


_Rows = Callable[[Monitored, dict[str, Reading], Sequence[date]], pa.Table]


def _of_rows(
    product: Product,
    name: str,
    partitions: Partitions,
    sources: Sequence[str],
    make: _Rows,
    description: str,
    *,
    again: bool = True,
) -> dg.AssetsDefinition:
    """A table that is made of each day's rows alone, under the champion.

    Args:
        sources: The assets that are read.
        again: Whether the days before are made again, once, for a bundle that becomes champion.
    """

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, source) for source in (*sources, DEPLOYMENT)],
        group_name="monitoring",
        description=description,
        kinds={"deltalake"},
        output_required=False,
    )
    def of_rows(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(LakeError, RolloutError):
            bundle = champion_bundle(product.name, rollout, keys.signing)
            if bundle is None:
                wait_for_champion(context, product, slots)
                return
            monitored = Monitored(product, lake, bundle)
            if again:
                days = days_between(monitored.first_day(name, days[0]), days[-1])
            readings = monitored.readings(*sources)
            table = make(monitored, readings, days)
        record = {"run_id": context.run.run_id, JUDGED_BY: bundle.digest, **made_from(readings)}
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata=record)
        yield watch.table(
            rows=commit.rows, version=commit.version, champion=bundle.version, first_day=days[0].isoformat(),
            days=len(days), schema=table.schema,
        )  # fmt: skip

    return of_rows


def _separations(monitored: Monitored, readings: dict[str, Reading], days: Sequence[date]) -> pa.Table:
    from assets.monitoring.distributions.separating import separations

    return separations(monitored, readings, days)
