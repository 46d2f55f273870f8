"""The days whose source has changed since they were read.

Belongs here: asking each source of a product about the days that its raw table holds. Does not belong here: how a
source knows (`resources.sources`), reading the days again (`product_jobs.py`).
"""

from collections.abc import Mapping

from assets.ingestion.assets import reader_of
from assets.product import Product
from assets.product.names import raw_name, table_name
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.sandbox_sources import source_systems
from resources.environments import Environment
from resources.lake import Lake
from resources.lake.origins import source_origins
from resources.slots import Slot, length_name, named


def days_changed_at_source(
    product: Product, environment: Environment, days: tuple[Slot, Slot], progress: Progress
) -> Mapping[str, frozenset[Slot]]:
    """For each raw table, by its asset's name, those of the days of which its source has other rows now.

    Args:
        progress: Told of each source that has changed.

    Raises:
        SourceError: A source does not answer, or a file that has changed cannot be read.
    """
    systems, lake = source_systems(product, environment), Lake(environment.lake)
    found: dict[str, frozenset[Slot]] = {}
    for source in product.sources:
        name = raw_name(source.name)
        recorded = {
            day: origin
            for day, origin in source_origins(lake, table_name(product.name, name)).items()
            if days[0] <= day <= days[1]
        }
        if not recorded:
            continue
        with reader_of(product, source, systems) as reader:
            found[name] = reader.changed(recorded)
        if found[name]:
            first, more = min(found[name]), len(found[name]) - 1
            others = f" and {more} more {length_name(first)}s" if more else ""
            progress(f"source {source.name} has changed since it was read: {named(first)}{others} is read again")
    return found
