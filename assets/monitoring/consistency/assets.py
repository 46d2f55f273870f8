"""The asset of consistency: logged features of the day's answered decisions against those that the lake gives.

Belongs here: reading and writing days. Does not belong here: the comparison (`deciding.py`, `comparison.py`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.bundle.bundle import BundleError
from assets.materialising import asset_key, begun, daily_asset_of, permanent
from assets.monitoring.consistency.checks import consistency_check, consistency_result
from assets.monitoring.consistency.comparison import CONSISTENCY_SCHEMA
from assets.monitoring.consistency.deciding import (
    DayConsistency,
    answered_decisions,
    compare_day,
    sources_read,
)
from assets.product import Partitions, Product
from assets.product.names import CONSISTENCY, DECISIONS, table_name, validated_name, validated_table
from assets.serving.decision import CannotReplay
from assets.serving.log.writer import DecisionLogError
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading, made_from
from resources.online_store.opening import OnlineStores
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import days_of


def consistency_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition:
    """`consistency`: for each feature of a day's decisions, how often log and lake differ, by how much and why."""
    name, limit = CONSISTENCY, product.monitoring.max_unexplained

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, one) for one in (DECISIONS, *map(validated_name, product.features.sources))],
        group_name="monitoring",
        description="Logged features of the day's decisions against those that the lake gives as of each decision.",
        kinds={"deltalake"},
        check_specs=[consistency_check(asset_key(product, name), limit)],
    )
    def consistency(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        online_stores: dg.ResourceParam[OnlineStores],
        environment: dg.ResourceParam[Environment],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        watch, slots = begun(context, name, partitions)
        days, found = days_of(slots), dict[date, DayConsistency]()
        with permanent(LakeError, RolloutError, BundleError, DecisionLogError, CannotReplay):
            versions = sources_read(product, lake)
            for day in days:
                answered = answered_decisions(environment.decision_log, product.name, day)
                found[day] = compare_day(product, day, answered, lake, online_stores, rollout, keys.signing, versions)
            readings = _readings(product, lake, versions)
        table = pa.concat_tables([one.table for one in found.values()])
        record = {"run_id": context.run.run_id, **made_from(readings)}
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata=record)
        yield watch.table(
            rows=commit.rows, version=commit.version, schema=CONSISTENCY_SCHEMA,
            decisions=sum(one.answered for one in found.values()),
            compared=sum(one.compared for one in found.values()), checks=[consistency_result(found, limit)],
        )  # fmt: skip

    return consistency


def _readings(product: Product, lake: Lake, versions: dict[str, int]) -> dict[str, Reading]:
    """What each day read: its decisions, and of the sources the events within the longest window before it."""
    lookback = product.features.lookback
    before = None if lookback is None else lookback.days + 1
    readings = {validated_table(product.name, source): Reading(version, before) for source, version in versions.items()}
    decisions = table_name(product.name, DECISIONS)
    return readings | ({decisions: Reading(lake.version(decisions))} if lake.exists(decisions) else {})
