"""The sections that card and model-risk document share: approvals, rollout, what happened to the version.

Belongs here: which records they print. Does not belong here: the rest of either document (`risk.py`,
`assets.governance.model_card`), how sections are printed (`document.py`).
"""

from assets.bundle.bundle import BundleParts
from assets.bundle.registration import Approval
from assets.governance.documents.document import Document, Row, Section, checked_text, markdown
from assets.governance.documents.records import Records, figure
from assets.governance.model_card import model_card
from assets.product import Product


def rows(records: Records, record: str, *wanted: tuple[str, tuple[str, ...]]) -> tuple[Row, ...]:
    """A row for each label and path of a record."""
    return tuple(Row(label, figure(records, record, *path)) for label, path in wanted)


def numbered(records: Records, record: str, path: str, label: str) -> tuple[Row, ...]:
    """A row for each member of an object of a record; one row that says so where there is none."""
    found = figure(records, record, path)
    members = [] if found is None else list(found.value)
    return tuple(Row(label, figure(records, record, path, one)) for one in members) or (Row(label, None),)


def governance_sections(records: Records) -> tuple[Section, ...]:
    """Who answers for the version, and what happened to it since it was registered."""
    asked = rows(
        records, "product", ("risk tier", ("risk", "tier")), ("materiality", ("risk", "materiality")),
        ("exposure", ("risk", "exposure")), ("purpose", ("risk", "purpose")),
        ("inherent risk", ("risk", "inherent_risk")), ("approvers asked for", ("risk", "approvers")),
        ("roles asked for", ("risk", "roles")), ("an approval holds for days", ("risk", "approvals_hold_days")),
    )  # fmt: skip
    author = rows(records, "registration", ("author", ("author",)))
    answers = numbered(records, "answers", "given", "answer")
    standing = rows(records, "answers", ("what is missing", ("objection",)), ("next review", ("next_review",)))
    state = rows(
        records, "rollout", ("role of this version", ("role",)), ("its share", ("share",)),
        ("champion", ("champion",)), ("stage", ("stage",)), ("held", ("hold",)), ("state number", ("generation",)),
    )  # fmt: skip
    return (
        Section("Approvals", (*asked, *author, *answers, *standing)),
        Section("Rollout", (*state, *numbered(records, "rollout", "moves", "change"))),
        Section(
            "Changes through the lifecycle",
            (*numbered(records, "audit", "entries", "entry"), *rows(records, "audit", ("head of the log", ("head",)))),
        ),
    )


def card_text(product: Product, parts: BundleParts, records: Records, *, answer: Approval | None, digest: str) -> str:
    """The model card with approvals, rollout and changes.

    Raises:
        CardError: A figure of the card was not recorded, or the bundle is of another product.
        DocumentError: A number has no record.
    """
    more = markdown(Document("Governance", (), governance_sections(records)), records)
    sections = more[more.index("## ") :]
    return checked_text(f"{model_card(product, parts, approval=answer, digest=digest)}\n{sections}", records)
