"""Assets of delivery: `delivered_scores`, each day's batch scores in a table of their consumers.

Belongs here: reading the scores of some days and replacing them there. Does not belong here: scoring
(`assets.monitoring.scoring`), the transaction (`postgres.py`).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.delivery.postgres import DeliveryError, DeliveryTable
from assets.materialising import TRY_AGAIN, asset_key, begun, daily_asset_of, permanent, wait_for_champion
from assets.product import Partitions, Product
from assets.product.names import DELIVERED_SCORES, SCORES, table_name
from resources.environments import Environment, UnknownConnection
from resources.lake import Lake, LakeError
from resources.lake.blocks import blocks_of
from resources.lake.partitioning import partition_columns


def delivered_scores_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`delivered_scores`: the day's scores in PostgreSQL; `None` where the product delivers none."""
    name, delivery = DELIVERED_SCORES, product.delivery
    if delivery is None:
        return None
    slot = partition_columns(partitions.first_slot)
    columns = [product.spine.row_id, "as_of", *delivery.columns, "score", "outcome", "model_version", *slot]
    kept = list(dict.fromkeys(columns))

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, SCORES)],
        group_name="monitoring",
        description=f"The day's scores in the table {delivery.table} of {delivery.connection}, replaced as a whole.",
        kinds={"postgres"},
        output_required=False,
        retry_policy=TRY_AGAIN,
    )
    def delivered_scores(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], environment: dg.ResourceParam[Environment]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        (watch, days), scores = begun(context, name, partitions), table_name(product.name, SCORES)
        with permanent(LakeError, DeliveryError, UnknownConnection):
            if not lake.exists(scores):
                wait_for_champion(context, product, days)
                return
            version = lake.version(scores)
            blocks = blocks_of(lake, scores, days=days, version=version)
            table = DeliveryTable(environment.address_of(delivery.connection, product.connections), delivery.table)
            schema = blocks.schema.empty_table().select(kept).schema
            rows = table.replace(product.name, days, schema, (blocks.read(one, kept) for one in blocks.each))
        yield watch.result(rows=rows, table=table.where, pins={scores: version}, columns=kept)

    return delivered_scores
