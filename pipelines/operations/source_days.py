"""The sources of a product, made ready to be read, and the days that they have.

Belongs here: filling the sandbox and starting its services for as long as they are read; refusing a day that the
sources do not have. Does not belong here: what is filled (`fill_sandbox.py`), reading (`assets.ingestion`).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, timedelta

from assets.product import HttpEndpoint, Product
from pipelines.connections import clock_of
from pipelines.operations.fill_sandbox import Progress, fill_sandbox
from pipelines.products import load_product, product_names
from pipelines.services.temporary import needed
from resources.environments import Environment
from resources.errors import LooplineError


class ImpossibleDay(LooplineError):
    """A product has no such day, or not yet; the message names the day, the first and the last possible one."""


@contextmanager
def readable_days(
    product: Product, environment: Environment, asked: tuple[date | None, date | None], progress: Progress
) -> Iterator[tuple[date, date]]:
    """The sources answer within the block; gives the first and the last day that are to be read.

    Args:
        asked: The first and the last day that were asked for; `None` for the first and the last that there are.

    Raises:
        ImpossibleDay: A day is before the first one or not over, or the last one is before the first.
        ProcessError: A service of the sandbox does not start.
    """
    with _sources(product, environment, progress) as there:
        yield _possible(product, there, (asked[0] or max(product.start, there[0]), asked[1] or there[1]))


def prepare_sandbox(environment: Environment, progress: Progress) -> None:
    """Fills what every product's sources read, in an environment that has the sandbox."""
    if environment.sandbox:
        for name in product_names():
            fill_sandbox(load_product(name), environment, progress)


def _possible(product: Product, there: tuple[date, date], days: tuple[date, date]) -> tuple[date, date]:
    """The days, each of which the product and its sources have.

    Args:
        there: The first and the last day that the sources have; the last one is over.
    """
    first, last = max(product.start, there[0]), there[1]
    for day in days:
        if not first <= day <= last:
            raise ImpossibleDay(
                f"{product.name} has no day {day}: the first is {first}, and {last} is the last one that is over"
            )
    if days[1] < days[0]:
        raise ImpossibleDay(f"--to {days[1]} is before --from {days[0]}; {product.name} has {first} to {last}")
    return days


@contextmanager
def _sources(product: Product, environment: Environment, progress: Progress) -> Iterator[tuple[date, date]]:
    """The sources answer within the block; gives the first and the last day that they have."""
    if not environment.sandbox:
        yesterday = clock_of(product, environment).now().date() - timedelta(days=1)
        yield product.start, yesterday
        return
    there = fill_sandbox(product, environment, progress)
    asks = any(isinstance(source, HttpEndpoint) for source in product.sources)
    bureau: AbstractContextManager[None] = needed(environment, ["bureau"]) if asks else nullcontext()
    with bureau:
        yield there
