"""Partitions: a UTC day each, from a product's first day on.

Belongs here: the one definition, and the days that a range of keys means. Does not belong here: which assets are
partitioned.
"""

from datetime import date, timedelta

import dagster as dg

from assets.product import Product
from resources.environments import Environment
from resources.sandbox.world.settings import BankSettings


def daily(product: Product, environment: Environment) -> dg.DailyPartitionsDefinition:
    """The product's days; today's is not one yet, since it is not over. A sandbox's days end where its bank ends."""
    start, end = product.start, None
    bank = _bank_days(product, environment)
    if bank is not None:
        start, end = max(product.start, bank[0]), bank[1] + timedelta(days=1)
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(), end_date=None if end is None else end.isoformat(), timezone="UTC"
    )


def _bank_days(product: Product, environment: Environment) -> tuple[date, date] | None:
    """The days of a made-up bank; `None` where the days are those of real sources, or of files brought along."""
    cards = any(source.name == "card_transactions" for source in product.sources)
    if not environment.sandbox or (cards and environment.card_transactions):
        return None
    settings = BankSettings()
    return settings.cards_from if cards else settings.first_day, settings.last_day


def keys_of(first: date, last: date) -> tuple[str, str]:
    """The first and the last key of a range of days."""
    return first.isoformat(), last.isoformat()
