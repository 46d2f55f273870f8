"""The products of this checkout.

Belongs here: finding the folders under `pipelines/` that describe a product, and loading a product by its name. A new
folder is found without a change here. Does not belong here: what a product is (`assets.product`).
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from resources.errors import LooplineError
from resources.naming import checked_name

if TYPE_CHECKING:  # `--help` names the products, and these imports take seconds
    from dagster import Definitions

    from assets.product import Product


class UnknownProduct(LooplineError):
    """No product has that name; the message lists the products."""


def product_names() -> tuple[str, ...]:
    """The names of the products, sorted."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/product.py")))


def load_product(name: str) -> "Product":
    """The product of that name.

    Raises:
        UnknownProduct: No product has that name.
        FeatureError, ProductError, ContractError: The product's declaration is wrong; the message says what to write.
    """
    if checked_name(name, "product") not in product_names():
        raise UnknownProduct(f"there is no product '{name}'; this checkout has {', '.join(product_names())}")
    product: Product = import_module(f"pipelines.{name}.product").PRODUCT
    product.check()
    return product


def load_definitions(name: str) -> "Definitions":
    """The code location of the product of that name. Raises as `load_product`."""
    definitions: Definitions = import_module(f"pipelines.{load_product(name).name}.definitions").defs
    return definitions
