"""The days that a product's sources have, and the preparation of the sandbox before they are read.

Belongs here: filling the sandbox and running its services while sources are read; refusing days that the sources do not
have. Does not belong here: the content of the sandbox (`fill_sandbox.py`), reading sources (`assets.ingestion`).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date

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
from resources.slots import Hour, Slot, day_of, end_of, named, start_of


class ImpossibleDay(LooplineError):
    """A product lacks a requested day, or has none yet; the message names the first and the last possible day."""


@contextmanager
def readable_days(
    product: Product, environment: Environment, asked: tuple[Slot | None, Slot | None], progress: Progress
) -> Iterator[tuple[Slot, Slot]]:
    """The first and the last day, or hour, to read, of whole partitions; within the block the sources answer.

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
    product: Product, partitions: Partitions, days: tuple[Slot, Slot], progress: Progress
) -> tuple[Slot, Slot]:
    """The days rounded outwards to whole partitions; progress is told if these are more days.

    Of a product by the hour they are hours; a day stands for all of its hours.

    Raises:
        ImpossibleDay: An hour is asked for of a product that is not made by the hour.
    """
    for slot in days:
        if isinstance(slot, Hour) and product.partition != "hour":
            raise ImpossibleDay(
                f"{product.name} is made by the {product.partition} and has no {named(slot)}: write {day_of(slot)}"
            )
    rounded = partitions.rounded(days)
    if rounded != days and product.partition != "hour":
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
    there: tuple[date, Slot],
    asked: tuple[Slot | None, Slot | None],
    progress: Progress,
) -> tuple[Slot, Slot]:
    """Returns the first and the last day, or hour, after checking that the product and its sources have them.

    Args:
        there: The first day of the sources, and their last day or hour, which is over.

    Raises:
        ImpossibleDay: They lack a day, or the last day is before the first.
    """
    first, last = partitions.slots_in(max(product.start, there[0]))[0], partitions.last_over(there[1])
    if last is None:
        last_of_first = partitions.rounded((first, first))[1]
        raise ImpossibleDay(
            f"{product.name} has no {product.partition} that is over: the first, {partitions.name(first)}, ends on "
            f"{last_of_first}"
        )
    wanted = (asked[0] or first, asked[1] or last)
    days = whole_partitions(product, partitions, wanted, progress) if _in_order(wanted) else wanted
    over = "" if product.partition in ("hour", "day") else f" of a whole {product.partition}"
    is_end = last == partitions.last_slot and product.end is not None
    why = "the last one, the end= of its history" if is_end else f"the last one{over} that is over"
    for day in days if _in_order(days) else ():
        if not first <= day <= last:
            raise ImpossibleDay(f"{product.name} has no {named(day)}: the first is {first}, and {last} is {why}")
    if not _in_order(days):
        raise ImpossibleDay(f"--to {days[1]} is before --from {days[0]}; {product.name} has {first} to {last}")
    return days


def _in_order(days: tuple[Slot, Slot]) -> bool:
    """Whether the first is not after the last one; a day ends with its last hour."""
    return start_of(days[0]) < end_of(days[1])


def _own_name(source: Connected) -> str:
    """The name of a source's connection among the servers of an environment."""
    return "landing zone" if source.connection == "landing" else source.connection


@contextmanager
def _sources(product: Product, environment: Environment, progress: Progress) -> Iterator[tuple[date, Slot]]:
    """The first day of the sources, and their last day or hour; within the block the sources answer."""
    filled = fill_sandbox(product, environment, progress)
    ended = partitions_of(product, environment).ended(clock_of(product, environment).now())
    there = (product.start, ended) if filled is None else (filled[0], min(filled[1], product.end or filled[1]))
    asks = filled is not None and any(isinstance(source, HttpEndpoint) for source in product.sources)
    bureau: AbstractContextManager[None] = needed(environment, ["bureau"]) if asks else nullcontext()
    with bureau:
        yield there
