"""Loading the online store from the lake: `loopline load`.

Belongs here: the run of the asset `online_store`, and its result. Does not belong here: the content of a load
(`assets.features.online.load`), the loads that Dagster starts (`pipelines.automation`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.materialising import asset_key
from assets.product.names import ONLINE_STORE, validated_table
from pipelines.jobs import daily_name
from pipelines.operations.loop.run_job import dagster_instance, run_job
from pipelines.products import load_definitions, load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.lake import Lake


class NothingToLoad(LooplineError):
    """The lake lacks a table from which the store is loaded; the message names the table and the remedy."""


@dataclass(frozen=True)
class Loaded:
    """The content of a product's online store after a load.

    Attributes:
        version: Name of the load; the same for the same content.
        rows: Number of events, over all sources and keys.
        watermarks: For each source the end of the last day that was loaded from the lake, ISO-8601 in UTC.
        lacking: For each source whose days have a gap, the first missing day, ISO-8601.
    """

    product: str
    version: str
    rows: int
    watermarks: Mapping[str, str]
    lacking: Mapping[str, str]


def load_online_store(name: str, environment: Environment) -> Loaded:
    """Loads the present versions of the validated tables, and replaces the content of the store.

    Raises:
        NothingToLoad: A table was never materialised.
        RunFailed: A table is damaged, or the store refuses the load; decisions still use the old content.
        UnknownProduct: There is no product of that name.
        DependencyDown: The lake or the store does not answer.
    """
    product = load_product(name)
    require(environment, "lake", "online store", "Dagster's storage")
    lake = Lake(environment.lake)
    for table in (validated_table(product.name, source) for source in product.features.sources):
        if not lake.exists(table):
            raise NothingToLoad(f"table {table} was never materialised; run first: loopline run {product.name}")
    key = asset_key(product, ONLINE_STORE)
    with dagster_instance(environment) as instance:
        run_job(load_definitions(name), instance, daily_name(product), selection=[key])
        event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        raise AssertionError(f"a run that succeeded has materialised {key.to_user_string()}")
    recorded: Mapping[str, Any] = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    return Loaded(product.name, recorded["version"], recorded["rows"], recorded["watermarks"], recorded["lacking"])
