"""The documents of a version: made from its records, and kept with its run in MLflow.

Belongs here: making either document, and keeping both. Does not belong here: reading records (`records.py`), what the
documents say (`assets.governance.documents`), the asset (`assets.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from assets.bundle.bundle import BundleError
from assets.governance.documents.risk import risk_text
from assets.governance.documents.sections import card_text
from assets.product import Product
from assets.registry.records import VersionRecords
from assets.rollout.keeper import Keeper
from resources.lake import Lake

DocumentKind = Literal["card", "risk"]


def document_of(found: VersionRecords, kind: DocumentKind) -> str:
    """A document of a version, as Markdown.

    Raises:
        TrackingError, RegistrationError: There is no such version, or it has no readable record.
        BundleError, RolloutError: Its published bundle is missing or was altered.
        CardError, DocumentError: A figure has no record.
    """
    if kind == "risk":
        return risk_text(found.read)
    answer = found.answers[-1] if found.answers else None
    return card_text(found.product, found.parts, found.read, answer=answer, digest=found.registration.digest)


def keep_documents(found: VersionRecords) -> None:
    """Makes both documents of a version again, and replaces those in MLflow. Raises as `document_of`."""
    texts = {"model_card": document_of(found, "card"), "model_risk": document_of(found, "risk")}
    tracking = found.keeper.tracking
    tracking.resumed(tracking.version(found.product.name, found.version).run_id).documents(texts)


def keep_all(product: Product, keeper: Keeper, lake: Lake, now: datetime, *versions: str) -> Mapping[str, str]:
    """Makes the documents again of every version with a role, of the newest one, and of others that are named.

    Returns:
        By version, why those of a version without a role could not be made: its bundle is whole nowhere.

    Raises:
        BundleError: The bundle of a version with a role is whole nowhere.
        Others as `document_of`.
    """
    state, unmade = keeper.state(product.name), dict[str, str]()
    live = set() if state is None else {release.version for _, release in state.roles}
    for version in dict.fromkeys((*documented(keeper, product.name), *versions)):
        try:
            keep_documents(VersionRecords(product, version, keeper, lake, now))
        except BundleError as error:
            if version in live:
                raise
            unmade[version] = str(error)
    return unmade


def documented(keeper: Keeper, product: str) -> tuple[str, ...]:
    """The versions whose documents are kept up to date: those with a role, and the newest one, which may wait."""
    state = keeper.state(product)
    live = [] if state is None else [release.version for _, release in state.roles]
    gone = [] if state is None or state.action != "roll_back" else (state.subject or "").split(", ")
    ready = [one.version for one in keeper.tracking.versions(product) if one.ready]
    return tuple(dict.fromkeys(one for one in (*live, *gone, *ready[-1:]) if one in ready))
