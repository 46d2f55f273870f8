"""Partitions: a UTC day each, from a product's first day on.

Belongs here: the one definition, and the days that a range of keys means. Does not belong here: which assets are
partitioned.
"""

from datetime import date

import dagster as dg

from assets.product import Product


def daily(product: Product) -> dg.DailyPartitionsDefinition:
    """The product's days; today's is not one yet, since it is not over."""
    return dg.DailyPartitionsDefinition(start_date=product.start.isoformat(), timezone="UTC")


def keys_of(first: date, last: date) -> tuple[str, str]:
    """The first and the last key of a range of days."""
    return first.isoformat(), last.isoformat()
