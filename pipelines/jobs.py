"""Jobs: which assets run together.

Belongs here: the jobs of a product, and the stages by which jobs and the command line select assets. Does not belong
here: when a job starts (`schedules.py`, `sensors.py`).
"""

from typing import TYPE_CHECKING, Literal, get_args

import dagster as dg

from assets.product import Partition, Product
from assets.product.names import EXPOSED, MODEL_DOCUMENTS, ONLINE_STORE, ROLLOUT

if TYPE_CHECKING:  # the return type of `define_asset_job` has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

PRODUCT_TAG = "loopline/product"
"""Tag of every run of a product's jobs, with the product's name."""

Stage = Literal[
    "ingestion", "validation", "features", "training", "evaluation", "registry", "serving", "monitoring", "feedback"
]

STAGES: tuple[Stage, ...] = get_args(Stage)
# From a day's sources to its features, in the order of the loop; by default a backfill runs these.
DATA: tuple[Stage, ...] = ("ingestion", "validation", "features")
# From the training set to the rollout.
MODEL: tuple[Stage, ...] = ("training", "evaluation", "registry", "serving")
# The scores, figures and outcomes of a day; they need a champion.
WATCH: tuple[Stage, ...] = ("monitoring", "feedback")
_OF_ROLLOUT = (ROLLOUT, EXPOSED, MODEL_DOCUMENTS)
_OFTEN: dict[Partition, str] = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly"}


def daily_name(product: Product) -> str:
    """The name of the job that materialises days, in the product's partitions: `<product>_daily`, `_hourly`."""
    return f"{product.name}_{_OFTEN[product.partition]}"


def retrain_name(product: Product) -> str:
    """The name of the job that trains a model."""
    return f"{product.name}_retrain"


def load_job_name(product: Product) -> str:
    """The name of the job that loads the online store."""
    return f"{product.name}_load"


def rollout_name(product: Product) -> str:
    """The name of the job that moves the rollout on."""
    return f"{product.name}_rollout"


def rollout_job(product: Product) -> "UnresolvedAssetJobDefinition":
    """One look at the rollout, and the next step if its evidence is there; or what a person asks for."""
    return dg.define_asset_job(
        rollout_name(product),
        selection=dg.AssetSelection.assets(*(dg.AssetKey([product.name, name]) for name in _OF_ROLLOUT)),
        config=_rollout_config(product, {"action": "look"}),
        description="Looks at the rollout and takes the next step. For a step by hand, write action, by and reason.",
        tags={PRODUCT_TAG: product.name},
    )


def rollback_job(product: Product) -> "UnresolvedAssetJobDefinition":
    """Takes the challenger out, or goes back to the champion before."""
    return dg.define_asset_job(
        f"{product.name}_rollback",
        selection=dg.AssetSelection.assets(*(dg.AssetKey([product.name, name]) for name in _OF_ROLLOUT)),
        config=_rollout_config(product, {"action": "roll_back", "by": "", "reason": ""}),
        description="Takes the challenger out, or goes back to the champion before. Write your name and the reason.",
        tags={PRODUCT_TAG: product.name},
    )


def _rollout_config(product: Product, values: dict[str, str]) -> dict[str, object]:
    return {"ops": {f"{product.name}__{ROLLOUT}": {"config": values}}}


def load_job(product: Product) -> "UnresolvedAssetJobDefinition":
    """The online store from the lake's present tables, and nothing else."""
    return dg.define_asset_job(
        load_job_name(product),
        selection=dg.AssetSelection.assets(dg.AssetKey([product.name, ONLINE_STORE])),
        description="Loads the online store from the validated tables.",
        tags={PRODUCT_TAG: product.name},
    )


def daily_job(product: Product) -> "UnresolvedAssetJobDefinition":
    """A partition, or a range of them, from its sources to its monitoring."""
    return dg.define_asset_job(
        daily_name(product),
        selection=dg.AssetSelection.groups(*DATA, *WATCH),
        description=f"A {product.partition} from its sources to its features, its scores and its monitoring.",
        tags={PRODUCT_TAG: product.name},
    )


def retrain_job(product: Product) -> "UnresolvedAssetJobDefinition":
    """A new model, from the training set through every gate to the rollout."""
    return dg.define_asset_job(
        retrain_name(product),
        selection=dg.AssetSelection.groups(*MODEL),
        description="A new model, from the training set through every gate to the rollout.",
        tags={PRODUCT_TAG: product.name},
    )
