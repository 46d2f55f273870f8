"""The online store, loaded again from the lake.

Belongs here: what `loopline load` does and finds. Does not belong here: what a load is of (`assets.features.online.load`),
the runs that follow the lake by themselves (`automation.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.materialising import asset_key
from assets.product.names import ONLINE_STORE, validated_table
from pipelines.jobs import daily_name
from pipelines.operations.run_job import dagster_instance, run_job
from pipelines.products import load_definitions, load_product
from resources.environments import Environment
from resources.errors import LooplineError
from resources.lake import Lake


class NothingToLoad(LooplineError):
    """The lake lacks a table that the store is loaded from; the message names it and the remedy."""


@dataclass(frozen=True)
class Loaded:
    """What the online store of a product holds.

    Attributes:
        version: Names the load; the same for the same content.
        rows: Events, over all sources and keys.
        loaded_until: For each source the end of the last day that it has from the lake, ISO-8601 in UTC.
        lacking: For each source that ends early the day that was not made, ISO-8601.
    """

    product: str
    version: str
    rows: int
    loaded_until: Mapping[str, str]
    lacking: Mapping[str, str]


def load_online_store(name: str, environment: Environment) -> Loaded:
    """Loads the validated tables as they are now, whatever the store held.

    Raises:
        NothingToLoad: A table was never made.
        RunFailed: A table is damaged, or the store does not take it; what it held before is served on.
        UnknownProduct: There is no product of that name.
    """
    product = load_product(name)
    lake = Lake(environment.lake)
    for table in (validated_table(product.name, source) for source in product.features.sources):
        if not lake.exists(table):
            raise NothingToLoad(f"table {table} was never made; make it first: loopline run {product.name}")
    key = asset_key(product, ONLINE_STORE)
    with dagster_instance(environment) as instance:
        run_job(load_definitions(name), instance, daily_name(product), selection=[key])
        event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        raise AssertionError(f"a run that succeeded has made {key.to_user_string()}")
    told: Mapping[str, Any] = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    return Loaded(product.name, told["version"], told["rows"], told["loaded_until"], told["lacking"])
