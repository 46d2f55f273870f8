"""The documents of a version: made from its records, and kept with its run in MLflow.

Belongs here: making either document, and keeping both. Does not belong here: reading records (`records.py`), what the
documents say (`assets.governance.documents`), the asset (`assets.py`).
"""

from typing import Literal

from assets.governance.documents.risk import risk_text
from assets.governance.documents.sections import card_text
from assets.registry.records import VersionRecords
from assets.rollout.keeper import Keeper

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


def documented(keeper: Keeper, product: str) -> tuple[str, ...]:
    """The versions whose documents are kept up to date: those with a role, and the newest one, which may wait."""
    state = keeper.state(product)
    live = [] if state is None else [release.version for _, release in state.roles]
    gone = [] if state is None or state.action != "roll_back" else (state.subject or "").split(", ")
    ready = [one.version for one in keeper.tracking.versions(product) if one.ready]
    return tuple(dict.fromkeys(one for one in (*live, *gone, *ready[-1:]) if one in ready))
