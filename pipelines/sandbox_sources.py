"""The sandbox as the provider of a product's sources.

Belongs here: the sandbox of an environment that has one, and the addresses of a product's sources. Does not belong
here: the data at an address (`resources.sandbox`), which days are partitions (`partitions.py`).
"""

from assets.product import DatabaseTable, Files, HttpEndpoint, Product, Source, StreamTopic
from resources.environments import Environment
from resources.sandbox.systems.sandbox import Address, Sandbox


def sandbox_of(environment: Environment) -> Sandbox | None:
    """The sandbox that fills the environment's source systems; `None` where the sources are real."""
    return Sandbox.of(environment) if environment.sandbox else None


def addresses_of(product: Product) -> frozenset[Address]:
    """The addresses from which the product's sources are read."""
    return frozenset(_address(source) for source in product.sources)


def _address(source: Source) -> Address:
    match source:
        case DatabaseTable():
            return Address("table", source.table)
        case Files():
            return Address("files", source.pattern)
        case HttpEndpoint():
            return Address("endpoint", source.path)
        case StreamTopic():
            return Address("stream", source.topic)
