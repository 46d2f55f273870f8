"""Documents of a version and the inventory of all models, for people: `loopline document`, `loopline inventory`.

Belongs here: opening what they read, and writing them to files. Does not belong here: their content
(`assets.registry`), keeping a version's documents up to date (`pipelines.operations.documents`).
"""

from datetime import UTC, datetime
from pathlib import Path

from assets.registry.documents import DocumentKind, document_of
from assets.registry.inventory import Inventory, inventory_of
from assets.registry.inventory_page import to_html
from pipelines.operations.documents import records_of
from pipelines.operations.pages import write_text_page
from pipelines.operations.rollout import keeper_of
from pipelines.products import load_product, loaded_products
from resources.dependencies import require
from resources.environments import Environment


def document(name: str, version: str, kind: DocumentKind, environment: Environment) -> str:
    """A document of a version, as Markdown, from what is recorded now.

    Raises:
        TrackingError, RegistrationError: There is no such version, or it has no readable record.
        BundleError, RolloutError: Its published bundle is missing or was altered.
        CardError, DocumentError: A figure has no record.
        UnknownProduct: There is no product of that name.
        DependencyDown: MLflow, the records, the lake or the store of bundles does not answer.
    """
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "records", "bundles", "lake")
    return document_of(records_of(product, version, keeper_of(environment), environment), kind)


def write_document(text: str, file: Path) -> None:
    """Writes a document. The file appears complete or not at all.

    Raises:
        NoPage: The file's name does not end in .md, or its folder does not exist.
    """
    write_text_page(file, {".md": lambda: text})


def inventory(environment: Environment) -> Inventory:
    """Every version of every product.

    Raises:
        TrackingError, RegistrationError: The registry has a version without a readable record.
        RolloutError: A rollout state cannot be read.
        DependencyDown: MLflow or the store of bundles does not answer.
    """
    require(environment, "MLflow", "bundles")
    products, unread = loaded_products()
    return inventory_of(products, unread, keeper_of(environment), datetime.now(UTC))


def write_inventory_page(found: Inventory, file: Path) -> None:
    """Writes the page of the inventory. The file appears complete or not at all.

    Raises:
        NoPage: The file's name does not end in .html, or its folder does not exist.
    """
    write_text_page(file, {".html": lambda: to_html(found)})
