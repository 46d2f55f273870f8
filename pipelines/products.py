"""The products of this checkout.

Belongs here: finding the folders under `pipelines/` that describe a product, and loading a product by its name. A new
folder is found without a change here. Does not belong here: what a product is (`assets.product`).
"""

import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from resources.errors import LooplineError
from resources.naming import checked_name

if TYPE_CHECKING:  # `--help` names the products, and these imports take seconds
    from dagster import Definitions

    from assets.product import Product


PRODUCTS = Path(__file__).parent
"""The folder of the products' folders."""
_SHARED = "shared"
"""The folder, beside them, of the features that several products use."""


class UnknownProduct(LooplineError):
    """No product has that name; the message lists the products."""


class BrokenProduct(LooplineError):
    """A product's folder does not declare it; the message names file, line and what to write."""


def product_names() -> tuple[str, ...]:
    """The names of the products, sorted."""
    return tuple(sorted(path.parent.name for path in PRODUCTS.glob("*/product.py")))


def load_product(name: str) -> "Product":
    """The product of that name.

    Raises:
        UnknownProduct: No product has that name.
        BrokenProduct: Its folder does not declare it.
        FeatureError, ProductError, ContractError: The product's declaration is wrong; the message says what to write.
    """
    if checked_name(name, "product") not in product_names():
        known = ", ".join(product_names()) or "none yet: `loopline new` writes one from samples of your data"
        raise UnknownProduct(f"there is no product '{name}'; this checkout has {known}")
    product: Product | None = getattr(_module(name, "product"), "PRODUCT", None)
    file = PRODUCTS / name / "product.py"
    if product is None:
        raise BrokenProduct(f"{file} has no PRODUCT; write PRODUCT = Product(name={name!r}, ...)")
    if product.name != name:
        raise BrokenProduct(
            f"{file} declares the product '{product.name}', but its folder is named '{name}'; write name={name!r}, or "
            f"rename the folder and its line in workspace.yaml"
        )
    product.check()
    return product


def loaded_products() -> "tuple[tuple[Product, ...], dict[str, str]]":
    """Every product that can be loaded, and by name the reason why another cannot."""
    found: list[Product] = []
    unread: dict[str, str] = {}
    for name in product_names():
        try:
            found.append(load_product(name))
        except LooplineError as error:
            unread[name] = str(error)
    return tuple(found), unread


def load_definitions(name: str) -> "Definitions":
    """The code location of the product of that name. Raises as `load_product`."""
    definitions: Definitions = _module(load_product(name).name, "definitions").defs
    return definitions


def shared_modules() -> dict[str, ModuleType]:
    """The modules of features that several products use, by file: `shared/card.py`.

    Raises:
        BrokenProduct, FeatureError: A module is wrong; the message says what to write.
    """
    files = sorted((PRODUCTS / _SHARED).glob("[a-z]*.py"))
    return {f"{_SHARED}/{file.name}": _module(_SHARED, file.stem) for file in files}


def _module(name: str, part: str) -> ModuleType:
    """A module of a product's folder, or of the shared features.

    Raises:
        BrokenProduct: A line of the folder, or of the shared features, raised; an error of any other code keeps its
            traceback.
    """
    try:
        return import_module(f"pipelines.{name}.{part}")
    except SyntaxError as error:
        raise BrokenProduct(f"{error.filename}, line {error.lineno}: {error.msg}; write it in Python") from error
    except (TypeError, NameError, AttributeError, ImportError, ValueError) as error:
        if isinstance(error, LooplineError):
            raise
        last = _last_line(error)
        if last is None or not {PRODUCTS / name, PRODUCTS / _SHARED} & set(Path(last.filename).parents):
            raise
        raise BrokenProduct(
            f"{last.filename}, line {last.lineno}: {error}; correct the declaration ({last.line})"
        ) from error


def _last_line(error: Exception) -> traceback.FrameSummary | None:
    """The line of a file that raised; generated code, as constructors of dataclasses have, is no file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return frames[-1] if frames else None
