"""The asset `review_agreement`: how far the people who review decisions agree.

Belongs here: reading the words, writing each day's figures and their picture. Does not belong here: the figures
(`figures.py`), the queue of cases (`assets.feedback.assets`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from typing import Any

import dagster as dg

from assets.feedback.judged import answered
from assets.feedback.reviews import reviews_of
from assets.materialising import asset_key, begun, daily_asset_of, permanent
from assets.monitoring.windows import judged_record
from assets.product import Partitions, Product
from assets.product.names import REVIEW_AGREEMENT, table_name, validated_name, validated_table
from resources.lake import Lake, LakeError
from resources.lake.origins import Reading
from resources.slots import days_of


def review_agreement_asset(product: Product, partitions: Partitions) -> dg.AssetsDefinition | None:
    """`review_agreement`: the agreement of reviewers by day; `None` where the product takes no reviews."""
    if not product.reviews:
        return None
    name, judged, reviewed = REVIEW_AGREEMENT, answered(product), validated_table(product.name, product.reviews)

    @daily_asset_of(
        product,
        name,
        partitions,
        deps=[asset_key(product, validated_name(product.reviews))],
        group_name="monitoring",
        description="Cohen's kappa of two reviewers, Krippendorff's alpha of more, over cases that several judged.",
        kinds={"deltalake"},
    )
    def review_agreement(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult[Any]:
        from assets.monitoring.reviews.figures import agreement_by_day
        from assets.monitoring.reviews.plots import agreement_plot

        watch, slots = begun(context, name, partitions)
        days = days_of(slots)
        with permanent(LakeError):
            words = reviews_of(product, lake, judged)
            readings = {reviewed: Reading(lake.version(reviewed), None)} if lake.exists(reviewed) else {}
        table = agreement_by_day(words, days, product.monitoring.window_days)
        record = judged_record(context.run.run_id, None, readings)
        commit = lake.replace(table_name(product.name, name), table, days=days, metadata=record)
        return watch.table(
            rows=commit.rows, version=commit.version, over_time=agreement_plot(table), schema=table.schema,
            last_day=table.drop_columns(["day"]).to_pylist()[-1],
        )  # fmt: skip

    return review_agreement
