"""The sandbox as the provider of a product's sources.

Belongs here: where a product's sources are read, and whether the sandbox delivers them. Does not belong here:
the data at an address (`resources.sandbox`), which days are partitions (`partitions.py`).

The sandbox delivers the sources of a product that declares it, in an environment that has it, as long as each of the
sources is read from the sandbox's own place under LOOPLINE_HOME. Any other place belongs to somebody else.
"""

from assets.product import Connected, DatabaseTable, Files, HttpEndpoint, IcebergTable, LakeTable, Product, StreamTopic
from resources.environments import Environment
from resources.errors import listed
from resources.sandbox.systems.sandbox import Address, Sandbox
from resources.sources.systems import SourceSystems


def sandbox_of(product: Product, environment: Environment) -> Sandbox | None:
    """The sandbox that delivers the product's sources; `None` where they are read from other places."""
    if not _is_asked(product, environment) or _elsewhere(product, environment):
        return None
    sandbox = Sandbox.of(environment)
    return sandbox if sandbox.delivers(addresses_of(product)) else None


def left_alone(product: Product, environment: Environment) -> str:
    """The sentence on what the sandbox leaves alone; empty if the sandbox fills the sources, or is not asked to."""
    elsewhere = _elsewhere(product, environment) if _is_asked(product, environment) else ()
    if not elsewhere:
        return ""
    return (
        f"the sandbox fills nothing for {product.name}, and leaves the configured {listed(elsewhere)} alone: its "
        "sources are read as they are; unset the variables of these addresses, and the sandbox delivers the sources"
    )


def addresses_of(product: Product) -> frozenset[Address]:
    """The addresses from which the product's sources are read."""
    return frozenset(_address(source) for source in product.connected)


def _is_asked(product: Product, environment: Environment) -> bool:
    return environment.sandbox and product.sandbox


def source_systems(product: Product, environment: Environment) -> SourceSystems:
    """The source systems at the addresses of the environment and of the product."""
    return SourceSystems(environment, product.connections, product.contracts.parent)


def _elsewhere(product: Product, environment: Environment) -> tuple[str, ...]:
    """The connections of the product's sources that do not lead to the sandbox's own places."""
    own, systems = Sandbox.of(environment), source_systems(product, environment)
    return tuple(
        dict.fromkeys(
            source.connection
            for source in product.connected
            if systems.address(source.connection) != own.place(_address(source).kind)
        )
    )


def _address(source: Connected) -> Address:
    match source:
        case DatabaseTable():
            return Address("table", source.table)
        case Files():
            return Address("files", source.pattern)
        case LakeTable() | IcebergTable():
            return Address("table", source.table)
        case HttpEndpoint():
            return Address("endpoint", source.path)
        case StreamTopic():
            return Address("stream", source.topic)
