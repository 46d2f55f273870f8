"""The days that a product's sources have, and the preparation of the sandbox before they are read.

Belongs here: filling the sandbox and running its services while sources are read; refusing days that the sources do not
have. Does not belong here: the content of the sandbox (`fill_sandbox.py`), reading sources (`assets.ingestion`).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, timedelta

from assets.product import Connected, HttpEndpoint, Partitions, Product
from pipelines.connections import clock_of
from pipelines.operations.loop.fill_sandbox import Progress, fill_sandbox
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from pipelines.services.temporary import needed
from pipelines.workspace import served_products
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError


class ImpossibleDay(LooplineError):
    """A product lacks a requested day, or has none yet; the message names the first and the last possible day."""


@contextmanager
def readable_days(
    product: Product, environment: Environment, asked: tuple[date | None, date | None], progress: Progress
) -> Iterator[tuple[date, date]]:
    """The first and the last day to read, of whole partitions; within the block the sources answer.

    Args:
        asked: The first and the last requested day; `None` for the first and the last day of the sources. Requested
            days are rounded outwards to whole partitions; a last partition that is not over is not read unasked.

    Raises:
        ImpossibleDay: A day is before the first day, its partition is not over, or the last day is before the first.
        ProcessError: A service of the sandbox does not start.
        DependencyDown: A server of the sources, or one to which their days go, does not answer.
    """
    sources = {_own_name(source) for source in product.connected}
    require(environment, "lake", "bundles", "online store", "Spark", "Dagster's storage", connections=sources)
    with _sources(product, environment, progress) as there:
        yield _possible(product, partitions_of(product, environment), there, asked, progress)


def whole_partitions(
    product: Product, partitions: Partitions, days: tuple[date, date], progress: Progress
) -> tuple[date, date]:
    """The days rounded outwards to whole partitions; progress is told if these are more days."""
    rounded = partitions.rounded(days)
    if rounded != days:
        progress(
            f"{product.name} is made by the {product.partition}: {days[0]} to {days[1]} is rounded outwards to "
            f"{rounded[0]} to {rounded[1]}"
        )
    return rounded


def prepare_sandbox(environment: Environment, progress: Progress) -> None:
    """Fills the source systems of every product of the workspace that the sandbox delivers."""
    for name in served_products():
        fill_sandbox(load_product(name), environment, progress)


def _possible(
    product: Product,
    partitions: Partitions,
    there: tuple[date, date],
    asked: tuple[date | None, date | None],
    progress: Progress,
) -> tuple[date, date]:
    """Returns the first and the last day after checking that the product and its sources have them.

    Args:
        there: The first and the last day of the sources; the last day is over.

    Raises:
        ImpossibleDay: They lack a day, or the last day is before the first.
    """
    first, last = max(product.start, there[0]), partitions.last_over(there[1])
    if last is None:
        last_of_first = partitions.rounded((first, first))[1]
        raise ImpossibleDay(
            f"{product.name} has no {product.partition} that is over: the first, {partitions.name(first)}, ends on "
            f"{last_of_first}"
        )
    days = (asked[0] or first, asked[1] or last)
    if days[1] >= days[0]:
        days = whole_partitions(product, partitions, days, progress)
    over = "" if product.partition == "day" else f" of a whole {product.partition}"
    why = f"the last one{over} that is over" if last != product.end else "the last one, the end= of its history"
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
