"""Documents say what records say, and a number of no record fails them."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assets.bundle.registration import Approval
from assets.governance.documents.document import Document, Row, Section, checked_text, markdown
from assets.governance.documents.records import DocumentError, Figure, Record, figure
from assets.governance.documents.risk import REQUIREMENTS
from assets.product import Governance, Statements
from assets.registry.documents import document_of, documented, keep_documents
from assets.registry.records import VersionRecords
from resources.lake import Lake
from tests.support.models.evaluated_bundle import NOW, PRODUCT
from tests.support.models.registered import RegisteredHome
from tests.unit.rollout.test_deployment import deployed

GOVERNED = replace(
    PRODUCT,
    governance=Governance(
        exposure="medium", purpose="decides_about_people", inherent_risk="low", review_every=timedelta(days=180),
        statements=Statements(limits=("not for companies",), standards=("ISO 42001",)),
    ),
)  # fmt: skip
RECORDS = {"bundle": Record("bundle of version 4", {"metrics": {"auc": 0.7812, "brier": None}, "rows": [1, 2]})}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> RegisteredHome:
    home = RegisteredHome(tmp_path_factory.mktemp("documents") / "home")
    home.register()
    home.approve("1")
    deployed(home, "1")
    return home


def of(home: RegisteredHome, version: str = "1") -> VersionRecords:
    return VersionRecords(GOVERNED, version, home.keeper, Lake(home.environment.lake), NOW + timedelta(days=1))


def row(found: Figure | None, label: str = "area under the curve") -> Document:
    return Document("Test", (), (Section("Figures", (Row(label, found),)),))


def test_a_figure_is_printed_with_its_record() -> None:
    text = markdown(row(figure(RECORDS, "bundle", "metrics", "auc")), RECORDS)
    assert "| area under the curve | 0.7812 | [bundle: metrics.auc] |" in text
    assert "- `bundle`: bundle of version 4 [bundle]" in text


def test_what_was_not_recorded_is_said() -> None:
    for path in (("metrics", "brier"), ("metrics", "profit"), ("pins",)):
        assert figure(RECORDS, "bundle", *path) is None
    assert "| area under the curve | not recorded |  |" in markdown(row(None), RECORDS)


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (row(Figure(0.95, "bundle", ("metrics", "auc"))), "0.95 is not what was recorded: bundle: metrics.auc is 0."),
        (row(Figure(0.95, "bundle", ("metrics", "gini"))), "the figure 0.95 is not in the record"),
        (row(Figure(0.95, "paper", ("auc",))), "names the record 'paper', which was not read"),
        (row(figure(RECORDS, "bundle", "metrics", "auc"), "AUC above 0.9"), "'AUC above 0.9' has a number"),
        (Document("T", (), (Section("Figures", (), "It earns 17 a day."),)), "'It earns 17 a day.' has a number"),
        (replace(row(None), title="The best of 100"), "'The best of 100' has a number of no record"),
    ],
)  # fmt: skip
def test_a_planted_number_fails_the_document(planted: Document, said: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(said)):
        markdown(planted, RECORDS)


def test_the_documents_of_a_version_are_from_its_records(home: RegisteredHome) -> None:
    risk = document_of(of(home), "risk")
    for words in (
        "# Model-risk document",
        "| version | 1 | [registration: version] |",
        "| asked for by | Annex IV, point 4; SR 26-2, outcomes analysis | [requirements: metrics] |",
        "| risk tier | high | [product: risk.tier] |",
        "| limits | not for companies | [product: statements.limits] |",
        "| stated | ISO 42001 | [product: statements.standards] |",
        "| stated | not recorded |  |",
        "by: Ada Risk",
        "| what is missing | 1 of 2 approvers for tier 'high' | [answers: objection] |",
        "| next review | 2026-10-28T08:30:00+00:00 | [answers: next_review] |",
        "| role of this version | champion | [rollout: role] |",
        "| realised | not recorded |  |",
        "[software: packages]",
    ):
        assert words in risk
    assert set(re.findall(r"^## (.*)$", risk, re.MULTILINE)) >= {
        "General description", "Elements and process of development", "Data", "Assumptions and limits", "Validation",
        "Appropriateness of the metrics, and outcomes analysis", "Monitoring, functioning and control",
        "Risk management", "Approvals", "Rollout", "Changes through the lifecycle", "Standards",
        "Declaration of conformity", "Monitoring plan after it was put to use", "Parts of others", "Records",
    }  # fmt: skip
    card = document_of(of(home), "card")
    assert "| auc | 0.7812 | 0.7812 |" in card
    assert "Approved by Ada Risk on 2026-05-01: reviewed." in card
    assert "| champion | 1 | [rollout: champion] |" in card


def test_a_number_planted_in_the_text_of_either_document_is_found(home: RegisteredHome) -> None:
    """Line by line: whatever prints it, and wherever it is."""
    found = of(home)
    records = {**found.read, "requirements": REQUIREMENTS}
    risk = document_of(found, "risk")
    lines = risk.splitlines()
    assert checked_text(risk, records) == risk
    for at in range(1, len(lines), 7):
        planted = "\n".join([*lines[:at], "It earns 4,711 a day.", *lines[at:]])
        with pytest.raises(DocumentError, match="4,711 is no number of .*: 'It earns 4,711 a day.'"):
            checked_text(planted, records)
    card = document_of(found, "card").splitlines()
    for at in range(1, len(card), 7):
        for planted in ("It earns 4,711 a day.", "Its AUC is 0.9137."):
            with pytest.raises(DocumentError, match="is no number of"):
                checked_text("\n".join([*card[:at], planted, *card[at:]]), records)
    for right, wrong in (("| auc | 0.7812 | 0.7812 |", "| auc | 0.7812 | 0.8712 |"), ("62.5%", "52.5%")):
        forged = "\n".join(card).replace(right, wrong)
        assert forged != "\n".join(card)
        with pytest.raises(DocumentError, match="is no number of bundle, product"):
            checked_text(forged, records)


def test_the_documents_follow_what_happens_to_a_version(home: RegisteredHome, tmp_path: Path) -> None:
    keeper = home.keeper
    keep_documents(of(home))
    run = keeper.tracking.resumed(keeper.tracking.version("loans", "1").run_id)

    def kept(name: str) -> str:
        shutil.rmtree(tmp_path / "fetched", ignore_errors=True)
        return run.download(f"documents/{name}.md", tmp_path / "fetched").read_text()

    assert "no longer right" not in kept("model_card")
    rejected = Approval(version="1", answer="reject", by="Bea", reason="it is no longer right", at=NOW)
    keeper.tracking.annotate("loans", "1", rejected.to_tags(earlier=1))
    keep_documents(of(home))
    assert "Rejected by Bea on 2026-05-01: it is no longer right." in kept("model_card")
    assert "Bea rejected it: it is no longer right" in kept("model_risk")
    assert documented(keeper, "loans") == ("1",)
