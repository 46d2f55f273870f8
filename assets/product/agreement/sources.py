"""Whether the sources of a product, and what names them, can be what they say.

Belongs here: names of sources and connections, who reads which source, partitions that a source cannot have. Does not
belong here: what a source is (`assets.product.sources`, `assets.product.arrivals`), its contract (`features.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from assets.product.arrivals import Posted, PostedOutcomes, PostedReviews
from assets.product.partitions import PARTITIONS, Partition
from assets.product.policies.model import ProductError
from assets.product.sources import Source, misfit
from resources.naming import checked_name


def check_tuples(product: str, values: Mapping[str, object]) -> None:
    """Checks what has to be a tuple: parentheses around one value without a comma do not make one.

    Raises:
        ProductError: A value is none.
    """
    for name, value in values.items():
        if not isinstance(value, (tuple, list)):
            raise ProductError(
                f"product {product}: {name} is {value!r} and not a tuple; write a comma after it: ({value!r},)"
            )


def check_source_names(product: str, names: Sequence[str]) -> None:
    """Checks that each source has a name of its own, of which tables and assets can be named.

    Raises:
        BadName: A name cannot be one.
        ProductError: A name is reserved, or given twice.
    """
    for name in names:
        checked_name(name, "source")
        if "__" in name:
            raise ProductError(
                f"product {product}: source '{name}' has two underscores, which the online store keeps for names that "
                f"it derives from a source; write '{re.sub('_+', '_', name)}'"
            )
    if len(set(names)) != len(names):
        raise ProductError(f"product {product}: a source is named twice in {', '.join(names)}; give each its own name")


def check_read_sources(product: str, read: Sequence[tuple[str, str]], names: Sequence[str]) -> None:
    """Checks that every source that is read is one of the product's.

    Args:
        read: Who reads, in words that lead to the source's name, and that name.

    Raises:
        ProductError: A source is none of them.
    """
    for reader, source in read:
        if source not in names:
            raise ProductError(f"product {product}: {reader} '{source}', which is not one of {', '.join(names)}")


def check_posted_once(product: str, posted: Iterable[Posted]) -> None:
    """Checks that outcomes, and reviews, are posted to one source each.

    Raises:
        ProductError: There are two of a kind.
    """
    found = list(posted)
    for kind in (PostedOutcomes, PostedReviews):
        if len(alike := [source.name for source in found if isinstance(source, kind)]) > 1:
            raise ProductError(f"product {product}: {kind.__name__} is declared twice, {alike}; declare one")


def check_connections(product: str, names: Iterable[str]) -> None:
    """Checks that the names of connections can be part of a variable's name.

    Raises:
        BadName, ProductError: A name cannot.
    """
    for name in names:
        checked_name(name, "connection")
        if name.endswith("_token"):
            raise ProductError(
                f"product {product}: connection '{name}' ends in _token, as variables with secrets do; rename it"
            )


def check_partition(product: str, partition: Partition, sources: Iterable[Source]) -> None:
    """Checks that the partition is one, and that every source can have it.

    Raises:
        ProductError: It is none, or a source cannot.
    """
    if partition not in PARTITIONS:
        raise ProductError(f"product {product}: partition is {partition!r}; write one of {', '.join(PARTITIONS)}")
    for source in sources:
        if why := misfit(source, partition):
            raise ProductError(f"product {product}: partition is '{partition}', but source '{source.name}' {why}")
