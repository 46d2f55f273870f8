"""The sandbox as the provider of a product's sources.

Belongs here: whether the sandbox delivers a product's sources, and the addresses of the sources. Does not belong here:
the data at an address (`resources.sandbox`), which days are partitions (`partitions.py`).

The sandbox delivers the sources of a product that declares it, in an environment that has it, as long as each of the
sources is read from the sandbox's own place under LOOPLINE_HOME. Any other place belongs to somebody else.
"""

from assets.product import DailyFiles, DatabaseTable, HttpEndpoint, Product, Source, StreamTopic
from resources.environments import Environment
from resources.sandbox.systems.sandbox import Address, Sandbox


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
        f"the sandbox fills nothing for {product.name}, and leaves the configured {' and '.join(elsewhere)} alone: the "
        "sources are read as they are (without these settings the sandbox delivers them)"
    )


def addresses_of(product: Product) -> frozenset[Address]:
    """The addresses from which the product's sources are read."""
    return frozenset(_address(source) for source in product.sources)


def _is_asked(product: Product, environment: Environment) -> bool:
    return environment.sandbox and product.sandbox


def _elsewhere(product: Product, environment: Environment) -> tuple[str, ...]:
    """The kinds of places of the product's sources that are not the sandbox's own, each with its variable."""
    own = Sandbox.of(environment)
    places = {
        "table": ("database (LOOPLINE_DATABASE_URL)", environment.database_url == own.database_url),
        "files": ("landing zone (LOOPLINE_LANDING)", environment.landing == own.landing),
        "endpoint": ("API (LOOPLINE_BUREAU_URL)", environment.bureau_url == own.bureau_url),
        "stream": ("stream (LOOPLINE_STREAM)", environment.stream == own.stream),
    }
    read = [places[address.kind] for address in sorted(addresses_of(product))]
    return tuple(dict.fromkeys(place for place, is_own in read if not is_own))


def _address(source: Source) -> Address:
    match source:
        case DatabaseTable():
            return Address("table", source.table)
        case DailyFiles():
            return Address("files", source.pattern)
        case HttpEndpoint():
            return Address("endpoint", source.path)
        case StreamTopic():
            return Address("stream", source.topic)
