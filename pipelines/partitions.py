"""Partitions: one for each UTC day, from a product's first day to its last, or on.

Belongs here: the partition definition of a product. Does not belong here: which assets are partitioned (each stage's
`assets.py`), which days the sandbox has (`resources.sandbox`).
"""

from datetime import timedelta

import dagster as dg

from assets.product import Product
from pipelines.sandbox_sources import addresses_of, sandbox_of
from resources.environments import Environment


def daily(product: Product, environment: Environment) -> dg.DailyPartitionsDefinition:
    """The product's days that are over, to its `end`; if the sandbox delivers its sources, only the sandbox's days."""
    start, last = product.start, product.end
    sandbox = sandbox_of(product, environment)
    days = sandbox.days(addresses_of(product)) if sandbox else None
    if days is not None:
        start, last = max(product.start, days[0]), days[1] if last is None else min(last, days[1])
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(),
        end_date=None if last is None else (last + timedelta(days=1)).isoformat(),
        timezone="UTC",
    )
