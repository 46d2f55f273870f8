"""Assets of distributions: `distributions`, `attributions`, `separation`, and `drift`, the figures made of them.

Belongs here: the asset factories. Does not belong here: what they read and count (`reading.py`), figures and limits
(`figures.py`, `limits.py`), verdicts (`verdict.py`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Callable, Sequence
from datetime import date

import dagster as dg
import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.materialising import with_constant
from assets.monitoring.assets import champion_asset
from assets.monitoring.distributions.figures import drift_of_day, drift_table
from assets.monitoring.distributions.reading import Monitored
from assets.monitoring.distributions.told_apart import kinds_of_drift
from assets.monitoring.windows import MadeTable
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
from resources.lake import Lake
from resources.lake.origins import Reading
from resources.naming import days_between


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
    return champion_asset(
        product,
        DRIFT,
        partitions,
        f"Distances from the reference profile, of each day and of {product.monitoring.window_days} days, with limits.",
        lambda: _drift,
        reads=(DISTRIBUTIONS, ATTRIBUTIONS),
        needs=(DISTRIBUTIONS,),
    )


def _drift(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
    from assets.monitoring.distributions.plots import psi_bars, psi_strip

    policy, source = product.monitoring, table_name(product.name, DISTRIBUTIONS)
    monitored, version = Monitored(product, lake, bundle), lake.version(source)
    limits = monitored.limits(version)
    figures = drift_table(monitored.drift(version, limits, days))
    last = drift_of_day(figures, days[-1])
    shown = {
        "limits_from": limits.basis, "kinds_of_drift": kinds_of_drift(last), "last_day": psi_bars(last, day=days[-1]),
        "by_day": psi_strip(figures, min_rows=policy.min_rows),
    }  # fmt: skip
    table = with_constant(figures, "model_version", bundle.version, pa.string())
    return MadeTable(table, {source: Reading(version, policy.window_days - 1)}, shown=shown)


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

    def of_rows(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
        monitored = Monitored(product, lake, bundle)
        made = days_between(monitored.first_day(name, days[0]), days[-1]) if again else tuple(days)
        readings = monitored.readings(*sources)
        shown = {"first_day": made[0].isoformat(), "days": len(made)}
        return MadeTable(make(monitored, readings, made), readings, made, shown)

    return champion_asset(
        product, name, partitions, description, lambda: of_rows, reads=(*sources, DEPLOYMENT), needs=(FEATURES,)
    )


def _separations(monitored: Monitored, readings: dict[str, Reading], days: Sequence[date]) -> pa.Table:
    from assets.monitoring.distributions.separating import separations

    return separations(monitored, readings, days)
