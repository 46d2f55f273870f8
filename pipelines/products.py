"""Which products there are.

Belongs here: finding the folders under `pipelines/` that describe a product, and loading one by its name. Adding a
folder is all that a new product needs here. Does not belong here: what a product is (`assets.product`).
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from resources.errors import LooplineError
from resources.naming import checked_name

if TYPE_CHECKING:  # seconds of imports that `--help`, which names the products, does not need
    from dagster import Definitions

    from assets.product import Product


class UnknownProduct(LooplineError):
    """There is no product of that name; the message names those there are."""


def product_names() -> tuple[str, ...]:
    """The products of this checkout, sorted."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/product.py")))


def load_product(name: str) -> "Product":
    """The product of that name.

    Raises:
        UnknownProduct: There is none.
        FeatureError, ProductError, ContractError: It is declared wrongly; the message names what to write.
    """
    if checked_name(name, "product") not in product_names():
        raise UnknownProduct(f"there is no product '{name}'; this checkout has {', '.join(product_names())}")
    product: Product = import_module(f"pipelines.{name}.product").PRODUCT
    product.check()
    return product


def load_definitions(name: str) -> "Definitions":
    """The code location of that product."""
    definitions: Definitions = import_module(f"pipelines.{load_product(name).name}.definitions").defs
    return definitions
