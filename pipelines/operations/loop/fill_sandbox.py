"""Filling the sandbox for a product.

Belongs here: filling the places that a product's sources read, where the sandbox delivers them. Does not belong here:
the bank itself (`resources.sandbox`), the processes that serve it (`pipelines.services`).
"""

from collections.abc import Callable
from datetime import date

from assets.product import Product
from pipelines.products import load_product
from pipelines.sandbox_sources import addresses_of, left_alone, sandbox_of
from resources.environments import Environment
from resources.sandbox.world.incidents import SandboxError

Progress = Callable[[str], None]


def fill_sandbox(product: Product, environment: Environment, progress: Progress) -> tuple[date, date] | None:
    """Fills the places that the product's sources read, once; returns the first and the last day of the sources.

    Returns:
        `None` if the sandbox delivers none of the sources; nothing is filled then.

    Raises:
        SandboxError: A place was filled from another origin, or has content that is not the sandbox's.
    """
    sandbox = sandbox_of(product, environment)
    if sandbox is not None:
        return sandbox.fill(addresses_of(product), progress)
    if sentence := left_alone(product, environment):
        progress(sentence)
    return None


def require_sandbox(name: str, environment: Environment) -> None:
    """Returns if the sandbox delivers the sources of the product of that name.

    Raises:
        SandboxError: It does not; the message names the settings that prevent it.
        UnknownProduct: There is no product of that name.
    """
    product = load_product(name)
    if sandbox_of(product, environment) is None:
        why = left_alone(product, environment) or f"{name} or the environment {environment.name} has no sandbox"
        raise SandboxError(f"the demonstration runs on the sandbox only: {why}")
