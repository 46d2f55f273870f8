"""Jobs: what is started together.

Belongs here: the jobs of a product and the asset selections behind them and behind the command line's stages. Does not belong
here: when a job starts (`schedules.py`, `sensors.py`).
"""

from typing import Literal, get_args

import dagster as dg

from assets.product import Product

Stage = Literal[
    "ingestion", "validation", "features", "training", "evaluation", "registry", "serving", "monitoring", "feedback"
]

STAGES: tuple[Stage, ...] = get_args(Stage)
# What a day's data are made of, in the order of the loop; a backfill of days means these.
DATA: tuple[Stage, ...] = ("ingestion", "validation", "features")
# What makes a new champion out of them.
MODEL: tuple[Stage, ...] = ("training", "evaluation", "registry", "serving")
# What a day's decisions are judged by; needs a champion.
WATCH: tuple[Stage, ...] = ("monitoring", "feedback")


def daily_job(product: Product) -> dg.UnresolvedAssetJobDefinition:
    """A day (or a range of days) from its sources to its monitoring."""
    return dg.define_asset_job(
        f"{product.name}_daily",
        selection=dg.AssetSelection.groups(*DATA, *WATCH),
        description="A day from its sources to its features, its scores and its monitoring.",
        tags={"loopline/product": product.name},
    )


def retrain_job(product: Product) -> dg.UnresolvedAssetJobDefinition:
    """A new model, from the training set to the rollout, past every gate."""
    return dg.define_asset_job(
        f"{product.name}_retrain",
        selection=dg.AssetSelection.groups(*MODEL),
        description="A new model, from the training set to the rollout, past every gate.",
        tags={"loopline/product": product.name},
    )
