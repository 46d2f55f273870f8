"""Assets of distributions: `distributions`, the exact counts of each day, and `drift`, the figures made of them.

Belongs here: reading a day's rows, calling the pure code, writing tables. Does not belong here: counting
(`counting.py`), figures and limits (`figures.py`, `limits.py`), verdicts (`verdict.py`).

`distributions` reads the rows of its days alone, and `drift` reads counts alone, of a window and of a fixed number of
days before: a day costs the same however long the history is. Once a bundle, when it becomes champion, the days of its
quiet history and since are counted again for it.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.bundle.answers import answers_of
from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.materialising import asset_key, begun, daily_asset_of, permanent, wait_for_champion, with_constant
from assets.monitoring.assets import JUDGED_BY
from assets.monitoring.distributions.cells import Layout
from assets.monitoring.distributions.counting import (
    DISTRIBUTIONS_SCHEMA,
    POPULATIONS,
    READ,
    Rows,
    answered_rows,
    counted,
    counts_of,
    counts_table,
    layout_in,
)
from assets.monitoring.distributions.figures import Drift, drift_of_day, drift_of_days, drift_table
from assets.monitoring.distributions.judged import LOOKBACK
from assets.monitoring.distributions.limits import Limits, limits_of
from assets.monitoring.distributions.stored_limits import limits_key, limits_table, stored_limits
from assets.product import Partitions, Product
from assets.product.names import DECISIONS, DEPLOYMENT, DISTRIBUTIONS, DRIFT, DRIFT_LIMITS, FEATURES, table_name
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.naming import days_between
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of


def distributions_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`distributions`: how many rows of each day fell into each cell of the champion's profile."""
    name = DISTRIBUTIONS

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, name) for name in (FEATURES, DEPLOYMENT, DECISIONS)],
        group_name="monitoring",
        description="Exact counts a day of features, scores and decisions over the cells of the champion's profile.",
        kinds={"deltalake"},
        output_required=False,
    )
    def distributions(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        (watch, slots), table = begun(context, name, partitions), table_name(product.name, name)
        with permanent(LakeError, RolloutError):
            bundle = champion_bundle(product.name, rollout, keys.signing)
            if bundle is None:
                wait_for_champion(context, product, slots)
                return
            days = days_of(slots)
            days = days_between(_first_day(product, lake, bundle, days[0]), days[-1])
            versions = {
                one: lake.version(table_name(product.name, one))
                for one in (FEATURES, DECISIONS)
                if lake.exists(table_name(product.name, one))
            }
            counts = _counts(product, lake, bundle, versions, days)
        read = {table_name(product.name, one): Reading(version) for one, version in versions.items()}
        record = {"run_id": context.run.run_id, JUDGED_BY: bundle.digest, **made_from(read)}
        commit = lake.replace(table, counts, days=days, metadata=record)
        yield watch.table(
            rows=commit.rows, version=commit.version, champion=bundle.version, first_day=str(days[0]),
            days=len(days), schema=DISTRIBUTIONS_SCHEMA,
        )  # fmt: skip

    return distributions


def drift_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`drift`: how far each feature, the score and the decisions have moved, on the day and in the window."""
    name, policy = DRIFT, product.monitoring

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, DISTRIBUTIONS)],
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
        from assets.monitoring.plots import psi_bars, psi_strip

        (watch, slots), table = begun(context, name, partitions), table_name(product.name, name)
        days = days_of(slots)
        with permanent(LakeError, RolloutError):
            bundle = champion_bundle(product.name, rollout, keys.signing)
            if bundle is None:
                wait_for_champion(context, product, slots)
                return
            version = lake.version(table_name(product.name, DISTRIBUTIONS))
            limits = _limits(product, lake, bundle, version)
            by_day = _drift(product, lake, bundle, version, limits, days)
        figures = drift_table(by_day)
        read = {table_name(product.name, DISTRIBUTIONS): Reading(version, policy.window_days - 1)}
        record = {"run_id": context.run.run_id, JUDGED_BY: bundle.digest, **made_from(read)}
        commit = lake.replace(
            table, with_constant(figures, "model_version", bundle.version, pa.string()), days=days, metadata=record
        )
        yield watch.table(
            rows=commit.rows, version=commit.version, champion=bundle.version, limits_from=limits.basis,
            last_day=psi_bars(drift_of_day(figures, days[-1]), day=days[-1]),
            by_day=psi_strip(figures, min_rows=policy.min_rows), schema=figures.schema,
        )  # fmt: skip

    return drift


def _first_day(product: Product, lake: Lake, bundle: Bundle, day: date) -> date:
    """The first day to be counted: this one, or the first of the quiet history if the bundle has no counts yet.

    The days of a bundle are counted together when it becomes champion, so the last day before tells of them all.
    """
    history = _history_start(product, bundle)
    features = [one for one in lake.days(table_name(product.name, FEATURES)) if history <= one < day]
    table = table_name(product.name, DISTRIBUTIONS)
    if not features:
        return day
    if lake.exists(table):
        before = lake.read(table, days=[features[-1]], columns=["digest"])["digest"]
        if bundle.digest in before.unique().to_pylist():
            return day
    return features[0]


def _history_start(product: Product, bundle: Bundle) -> date:
    return bundle.parts.created_at.date() - timedelta(days=product.monitoring.history_days)


def _counts(product: Product, lake: Lake, bundle: Bundle, versions: dict[str, int], days: Sequence[date]) -> pa.Table:
    """The counts of these days, of batch rows and of answered decisions, one day at a time."""
    from assets.bundle.scorer import Scorer

    layout, scorer = layout_in(bundle), Scorer(bundle)
    tables = [DISTRIBUTIONS_SCHEMA.empty_table()]
    for day in days:
        rows = lake.read(table_name(product.name, FEATURES), days=[day], version=versions[FEATURES])
        scores = scorer.score(scorer.encode(rows))
        codes = answers_of(bundle, scores, rows).codes
        found = [Rows(rows, scores, codes.astype(np.int64))]
        if DECISIONS in versions:
            answered = lake.read(table_name(product.name, DECISIONS), days=[day], version=versions[DECISIONS])
            found.append(answered_rows(bundle, answered))
        tables += [
            counts_table(layout, bundle, population, [day], counted(layout, one)[None])
            for population, one in zip(POPULATIONS, found, strict=False)
        ]
    return pa.concat_tables(tables)


def _limits(product: Product, lake: Lake, bundle: Bundle, version: int) -> Limits:
    """The bundle's limits: those of the table, or made from the days before its approval and kept there."""
    policy, source, table = product.monitoring, table_name(product.name, DISTRIBUTIONS), _limits_name(product)
    first, last = _history_start(product, bundle), bundle.parts.created_at.date()
    known = [day for day in lake.days(source, version) if first <= day <= last]
    layout, key = layout_in(bundle), limits_key(bundle.digest, known, policy)
    found = stored_limits(layout, lake.read(table), key) if lake.exists(table) else None
    if found is not None:
        return found
    days = days_between(known[0], known[-1]) if known else ()
    rows = lake.read(source, days=known, version=version, columns=READ)
    limits = limits_of(layout, days, counts_of(layout, bundle.digest, "batch", days, rows), policy)
    lake.replace(table, limits_table(layout, limits, key), days=None, metadata={JUDGED_BY: bundle.digest})
    return limits


def _limits_name(product: Product) -> str:
    return table_name(product.name, DRIFT_LIMITS)


def _drift(
    product: Product, lake: Lake, bundle: Bundle, version: int, limits: Limits, days: Sequence[date]
) -> dict[date, Sequence[Drift]]:
    """The figures of these days, of each population that has rows in their windows; of batch rows always."""
    policy, source = product.monitoring, table_name(product.name, DISTRIBUTIONS)
    before = days_between(days[0] - timedelta(days=2 * policy.window_days + LOOKBACK), days[-1])
    known = set(lake.days(source, version)) & set(before)
    rows = lake.read(source, days=sorted(known), version=version, columns=READ)
    layout: Layout = layout_in(bundle)
    by_day: dict[date, Sequence[Drift]] = dict.fromkeys(days, ())
    for population in POPULATIONS:
        counts = counts_of(layout, bundle.digest, population, before, rows)
        if population == "batch" or counts[-len(days) - policy.window_days :].any():
            found = drift_of_days(layout, population, days, counts, limits, policy)
            by_day = {day: (*by_day[day], *found[day]) for day in days}
    return by_day
