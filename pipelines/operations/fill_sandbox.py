"""Filling the sandbox for a product.

Belongs here: filling the places that a product's sources read, in an environment that has the sandbox. Does not belong
here: the bank itself (`resources.sandbox`), the processes that serve it (`pipelines.services`).
"""

from collections.abc import Callable
from datetime import date, timedelta

from assets.product import Product
from pipelines.sandbox_sources import addresses_of
from resources.clock import WallClock
from resources.environments import Environment
from resources.sandbox.systems.sandbox import Sandbox

Progress = Callable[[str], None]


def fill_sandbox(product: Product, environment: Environment, progress: Progress) -> tuple[date, date]:
    """Fills the places that the product's sources read, once; returns the first and the last day of the sources.

    If the sandbox delivers none of the sources, their days are those from the product's start to yesterday.

    Raises:
        SandboxError: A place was filled from another origin, or is not local.
    """
    days = Sandbox.of(environment).fill(addresses_of(product), progress)
    return days or (product.start, WallClock().now().date() - timedelta(days=1))
