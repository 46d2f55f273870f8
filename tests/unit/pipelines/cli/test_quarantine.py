"""`loopline quarantine` and `loopline contracts`: what a person gets wrong, and a contract that is not understood."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.card_fraud import product as card_fraud
from pipelines.cli import app
from tests.unit.pipelines.cli.conftest import Refused


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("quarantine card_fraud --readmit", "--readmit needs SOURCE, --by NAME and --reason TEXT"),
        ("quarantine card_fraud card_transactions --readmit --by Ada", "--readmit needs SOURCE"),
        ("quarantine card_fraud --reread", "--reread goes with --readmit"),
        ("quarantine card_fraud cards", "has no source 'cards'; it has"),
        ("quarantine card_fraud --from 2026-1-1", "2026-1-1"),
        ("quarantine cards", "there is no product 'cards'"),
        ("quarantine card_fraud fraud_labels --readmit --by Ada --reason fixed", "no row of fraud_labels is"),
        ("contracts cards", "there is no product 'cards'"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_mistake_is_one_sentence(command: str, said: str, refused: Refused) -> None:
    assert said in " ".join(refused(command).split())


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["quarantine", "contracts", "tables", "run"])
def test_a_misspelt_expectation_is_one_sentence_of_every_command(
    command: str, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused when the product is loaded, before anything runs."""
    for file in card_fraud.PRODUCT.contracts.glob("*.yaml"):
        text = file.read_text().replace("expect_column_values_to_be_between", "expect_column_values_to_be_betwen")
        (tmp_path / file.name).write_text(text)
    monkeypatch.setattr(card_fraud, "PRODUCT", replace(card_fraud.PRODUCT, contracts=tmp_path))
    said = refused(f"{command} card_fraud")
    assert f"{tmp_path}/card_transactions.yaml: expectation 1: there is no expectation" in said
    assert "did you mean expect_column_values_to_be_between?" in said


@pytest.mark.usefixtures("environment")
def test_a_product_without_refused_rows_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["loopline", "quarantine", "card_fraud"])
    with pytest.raises(SystemExit):
        app.main()
    assert capsys.readouterr().out == "no row is quarantined\n"
