"""Partitions: which of a product's days are made together, from its first day to its last, or on.

Belongs here: the partitions of a product in an environment. Does not belong here: the days of a partition
(`assets.product.partitions`), which assets are partitioned (each stage's `assets.py`), which days the sandbox has
(`resources.sandbox`).
"""

from assets.product import Partitions, Product
from pipelines.sandbox_sources import addresses_of, sandbox_of
from resources.environments import Environment


def partitions_of(product: Product, environment: Environment) -> Partitions:
    """The partitions of a product's days to its `end`; if the sandbox delivers its sources, of the sandbox's days."""
    start, last = product.start, product.end
    sandbox = sandbox_of(product, environment)
    days = sandbox.days(addresses_of(product)) if sandbox else None
    if days is not None:
        start, last = max(product.start, days[0]), days[1] if last is None else min(last, days[1])
    return Partitions(product.partition, start, last)
