"""The days that a product's sources have, and the preparation of the sandbox before they are read.

Belongs here: filling the sandbox and running its services while sources are read; refusing days that the sources do not
have. Does not belong here: the content of the sandbox (`fill_sandbox.py`), reading sources (`assets.ingestion`).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, timedelta

from assets.product import Connected, HttpEndpoint, Product
from pipelines.connections import clock_of
from pipelines.operations.loop.fill_sandbox import Progress, fill_sandbox
from pipelines.products import load_product
from pipelines.services.temporary import needed
from pipelines.workspace import served_products
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError


class ImpossibleDay(LooplineError):
    """A product lacks a requested day; the message names the day, and the first and the last possible day."""


@contextmanager
def readable_days(
    product: Product, environment: Environment, asked: tuple[date | None, date | None], progress: Progress
) -> Iterator[tuple[date, date]]:
    """The first and the last day to read; within the block the sources answer.

    Args:
        asked: The first and the last requested day; `None` for the first and the last day of the sources.

    Raises:
        ImpossibleDay: A day is before the first day or not over, or the last day is before the first.
        ProcessError: A service of the sandbox does not start.
        DependencyDown: A server of the sources, or one to which their days go, does not answer.
    """
    sources = {_own_name(source) for source in product.connected}
    require(environment, "lake", "bundles", "online store", "Spark", "Dagster's storage", connections=sources)
    with _sources(product, environment, progress) as there:
        yield _possible(product, there, (asked[0] or max(product.start, there[0]), asked[1] or there[1]))


def prepare_sandbox(environment: Environment, progress: Progress) -> None:
    """Fills the source systems of every product of the workspace that the sandbox delivers."""
    for name in served_products():
        fill_sandbox(load_product(name), environment, progress)


def _possible(product: Product, there: tuple[date, date], days: tuple[date, date]) -> tuple[date, date]:
    """Returns the first and the last day after checking that the product and its sources have them.

    Args:
        there: The first and the last day of the sources; the last day is over.

    Raises:
        ImpossibleDay: They lack a day, or the last day is before the first.
    """
    first, last = max(product.start, there[0]), there[1]
    why = "the last one that is over" if last != product.end else "the last one, the end= of its history"
    for day in days:
        if not first <= day <= last:
            raise ImpossibleDay(f"{product.name} has no day {day}: the first is {first}, and {last} is {why}")
    if days[1] < days[0]:
        raise ImpossibleDay(f"--to {days[1]} is before --from {days[0]}; {product.name} has {first} to {last}")
    return days


def _own_name(source: Connected) -> str:
    """The name of a source's connection among the servers of an environment."""
    return "landing zone" if source.connection == "landing" else source.connection


@contextmanager
def _sources(product: Product, environment: Environment, progress: Progress) -> Iterator[tuple[date, date]]:
    """The first and the last day of the sources; within the block the sources answer."""
    filled = fill_sandbox(product, environment, progress)
    yesterday = clock_of(product, environment).now().date() - timedelta(days=1)
    there = (product.start, yesterday) if filled is None else (filled[0], min(filled[1], product.end or filled[1]))
    asks = filled is not None and any(isinstance(source, HttpEndpoint) for source in product.sources)
    bureau: AbstractContextManager[None] = needed(environment, ["bureau"]) if asks else nullcontext()
    with bureau:
        yield there
