"""The model-risk document: what SR 26-2 and Annex IV of the EU AI Act ask to be written down of a model.

Belongs here: the sections, and the place of each figure among the records. Does not belong here: reading the records
(`assets.registry.records`), printing (`document.py`).

Nothing is typed by hand but headings: where nothing was recorded, the document says so. People's own statements are
`Governance.statements` of the product.
"""

from assets.governance.documents.document import Document, Row, Section, markdown
from assets.governance.documents.records import Record, Records, figure
from assets.governance.documents.sections import governance_sections, numbered, rows

REQUIREMENTS = Record(
    "the fields that SR 26-2 (model risk management, 2026) and Regulation (EU) 2024/1689, Annex IV, ask for",
    {
        "general": "Annex IV, point 1; SR 26-2, inventory",
        "development": "Annex IV, point 2; SR 26-2, model development",
        "data": "Annex IV, point 2 (d)",
        "assumptions": "SR 26-2, assumptions and limits; Annex IV, points 2 (b) and 3",
        "validation": "Annex IV, point 2 (g); SR 26-2, validation",
        "metrics": "Annex IV, point 4; SR 26-2, outcomes analysis",
        "control": "Annex IV, point 3; SR 26-2, ongoing monitoring",
        "risk": "Annex IV, point 5; SR 26-2, governance",
        "changes": "Annex IV, point 6; SR 26-2, governance",
        "standards": "Annex IV, point 7",
        "declaration": "Annex IV, point 8",
        "after_market": "Annex IV, point 9",
        "third_parties": "SR 26-2, third-party parts; Annex IV, point 2 (a)",
    },
)
"""The record of the fields themselves, so that a heading's numbers have a record too."""


def risk_text(records: Records) -> str:
    """The model-risk document of a version.

    Raises:
        DocumentError: A figure is not what its record says.
    """
    records = {"requirements": REQUIREMENTS, **records}
    about = (
        Row("product", figure(records, "product", "title")),
        Row("version", figure(records, "registration", "version")),
        Row("bundle", figure(records, "registration", "digest")),
    )
    sections = (
        *_made(records), *_judged(records), *_watched(records), *governance_sections(records), *_stated(records),
    )  # fmt: skip
    return markdown(Document("Model-risk document", about, sections), records)


def _made(records: Records) -> tuple[Section, ...]:
    general = rows(
        records, "product", ("question", ("question",)), ("owner", ("owner",)), ("impact", ("impact",)),
        ("bad outcome", ("label", "meaning")), ("known after days", ("label", "maturity_days")),
        ("answers", ("decision",)), ("users", ("statements", "users")),
    )  # fmt: skip
    development = (
        *rows(
            records, "registration", ("author", ("author",)), ("trained at", ("trained_at",)),
            ("code", ("code",)), ("training run", ("dagster_run",)),
        ),
        *rows(records, "product", ("how candidates are trained", ("model",))),
        *rows(records, "bundle", ("features", ("features",)), ("policy", ("policy",)), ("rules", ("rules",))),
    )  # fmt: skip
    data = (
        *rows(records, "registration", ("tables and versions", ("pins",))),
        *rows(
            records, "bundle", ("rows and windows", ("metrics", "windows")),
            ("labels as known at", ("pins", "as_known_at")), ("origin of labels", ("pins", "provenance")),
        ),
        *rows(records, "product", ("sources", ("sources",)), ("protected attributes", ("protected",))),
    )  # fmt: skip
    return (
        _section(records, "General description", "general", general),
        _section(records, "Elements and process of development", "development", development),
        _section(records, "Data", "data", data),
        _section(
            records, "Assumptions and limits", "assumptions",
            rows(
                records, "product", ("assumptions", ("statements", "assumptions")),
                ("limits", ("statements", "limits")),
            ),
        ),
    )  # fmt: skip


def _judged(records: Records) -> tuple[Section, ...]:
    validation = (
        *rows(records, "registration", ("verdict of the gates", ("gates",)), ("reasons", ("gate_reasons",))),
        *rows(
            records, "bundle", ("compared with the champion", ("metrics", "comparison")),
            ("stability", ("metrics", "stability")), ("best feature alone", ("metrics", "single_feature")),
            ("importance", ("metrics", "importance")), ("leakage audit", ("pins", "audit")),
        ),
        *numbered(records, "bundle", "gates", "gate"),
    )  # fmt: skip
    metrics = (
        *rows(records, "product", ("bounds of the gates", ("gates",))),
        *rows(
            records, "bundle", ("test rows", ("metrics", "metrics", "test")),
            ("threshold and profit", ("metrics", "threshold", "test")), ("groups", ("metrics", "fairness")),
        ),
        *numbered(records, "outcomes", "rows", "realised"),
    )  # fmt: skip
    return (
        _section(records, "Validation", "validation", validation),
        _section(records, "Appropriateness of the metrics, and outcomes analysis", "metrics", metrics),
    )


def _watched(records: Records) -> tuple[Section, ...]:
    control = (
        *rows(
            records, "product", ("monitoring policy", ("monitoring",)), ("retraining policy", ("retraining",)),
            ("rollout policy", ("rollout",)), ("without a score", ("decision", "fallback")),
            ("oversight by people", ("statements", "oversight")),
        ),
        *numbered(records, "monitors", "rows", "newest figures"),
    )  # fmt: skip
    return (_section(records, "Monitoring, functioning and control", "control", control),)


def _stated(records: Records) -> tuple[Section, ...]:
    said = {
        "Risk management": ("risk", "risks"),
        "Standards": ("standards", "standards"),
        "Declaration of conformity": ("declaration", "declaration"),
        "Monitoring plan after it was put to use": ("after_market", "after_market"),
    }
    third = (
        *rows(records, "product", ("models, data and services", ("statements", "third_parties"))),
        *rows(records, "software", ("software", ("packages",))),
    )
    return (
        *(
            _section(records, title, key, rows(records, "product", ("stated", ("statements", name))))
            for title, (key, name) in said.items()
        ),
        _section(records, "Parts of others", "third_parties", third),
    )


def _section(records: Records, title: str, field: str, content: tuple[Row, ...]) -> Section:
    return Section(title, (Row("asked for by", figure(records, "requirements", field)), *content))
