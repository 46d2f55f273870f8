"""The workspace: the code locations that the services of an environment run.

Belongs here: reading `workspace.yaml`, one line a product. A product whose line is deleted is left out of every
service; its folder can stay or go. Does not belong here: products and their folders (`products.py`), the services
(`pipelines.services`).
"""

import re
from dataclasses import dataclass
from typing import Any

from pipelines.products import UnknownProduct, product_names
from resources.environments import CHECKOUT
from resources.yaml_files import read_yaml

WORKSPACE = CHECKOUT / "infra" / "dagster" / "workspace.yaml"
_PRODUCT = re.compile(r"pipelines\.([a-z][a-z0-9_]*)\.definitions")


@dataclass(frozen=True)
class CodeLocation:
    """An entry of the workspace that is a Python module.

    Attributes:
        name: The name by which Dagster knows it.
        module: The module with its definitions.
    """

    name: str
    module: str


def code_locations() -> tuple[CodeLocation, ...]:
    """The entries of the workspace that are Python modules, in their order; entries of other kinds are left out."""
    workspace = read_yaml(WORKSPACE) or {}
    found = (_location(entry) for entry in workspace.get("load_from") or ())
    return tuple(location for location in found if location is not None)


def listed_products() -> tuple[str, ...]:
    """The names of the products in the workspace, whether they have a folder or not."""
    found = (_PRODUCT.fullmatch(location.module) for location in code_locations())
    return tuple(match.group(1) for match in found if match)


def served_products() -> tuple[str, ...]:
    """The names of the products that the services run.

    Raises:
        UnknownProduct: The workspace lists a product that has no folder.
    """
    names, known = listed_products(), product_names()
    for name in names:
        if name not in known:
            raise UnknownProduct(
                f"workspace.yaml lists '{name}', but there is no pipelines/{name}/product.py; delete its line of "
                "workspace.yaml"
            )
    return names


def _location(entry: Any) -> CodeLocation | None:
    match entry:
        case {"python_module": {"module_name": str(module), **rest}}:
            return CodeLocation(str(rest.get("location_name", module)), module)
        case {"python_module": str(module)}:
            return CodeLocation(module, module)
    return None
