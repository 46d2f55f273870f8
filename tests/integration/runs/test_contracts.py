"""Contracts in Dagster runs: days judged by themselves, odd values, balances, and rows admitted again."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
import yaml
from dagster import AssetCheckKey
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from assets.governance.audit_database import open_audit
from assets.materialising import asset_key
from assets.product import ContractError, Product
from pipelines.build import build_pipeline
from pipelines.card_fraud import definitions
from pipelines.card_fraud import product as card_fraud
from pipelines.cli import app
from pipelines.cli.data import quarantine
from pipelines.operations.loop.run_job import RunFailed
from resources.lake import DataFile
from resources.lake.content import content_hashes
from tests.integration.conftest import LAST, Small
from tests.integration.runs.test_bad_days import rewrite

DAY = LAST - timedelta(days=3)
NEXT = DAY + timedelta(days=1)
BOTH = ("raw_card_transactions", "validated_card_transactions")
RAW = "card_fraud/raw_card_transactions"
VALIDATED, QUARANTINE = "card_fraud/validated_card_transactions", "card_fraud/quarantine_card_transactions"

LIMIT = {"column": "amount", "max_value": 60}
MakeSmall = Callable[[str], Small]
Change = Callable[..., Small]
Command = Callable[..., dict[str, Any]]


@pytest.fixture
def contract(small: MakeSmall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """The product `card_fraud` with other parts in one of its contracts."""
    fraud, original = small("card_fraud"), card_fraud.PRODUCT

    def change(source: str = "card_transactions", **parts: Any) -> Small:
        folder = tmp_path / "contracts"
        folder.mkdir(exist_ok=True)
        for file in original.contracts.glob("*.yaml"):
            (folder / file.name).write_text(file.read_text())
        file = folder / f"{source}.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **parts}, sort_keys=False))
        product: Product = replace(original, contracts=folder)
        defined = build_pipeline(product, environment=fraud.environment)
        monkeypatch.setattr(card_fraud, "PRODUCT", product)
        monkeypatch.setattr(definitions, "defs", defined)
        return replace(fraud, definitions=defined)

    return change


@pytest.fixture
def loopline(small: MakeSmall, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on `card_fraud` with `--json`; gives the object."""
    environment = small("card_fraud").environment.model_copy(update={"sandbox": False})
    monkeypatch.setattr(quarantine, "load_environment", lambda: environment)

    def run(*arguments: str, command: str = "quarantine") -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["loopline", command, "card_fraud", *arguments, "--json"])
        with pytest.raises(SystemExit) as end:
            app.main()
        printed = capsys.readouterr()
        assert end.value.code in (0, None), printed.err
        found: dict[str, Any] = json.loads(printed.out)
        return found

    return run


def hashes(fraud: Small, source: str = "card_transactions") -> dict[str, str]:
    """The content of each day."""
    return content_hashes(fraud.lake.read(f"card_fraud/validated_{source}"), "day")


def refused(fraud: Small, source: str = "card_transactions") -> list[tuple[str, str]]:
    """Each quarantined row with its rule."""
    rows = fraud.lake.read(f"card_fraud/quarantine_{source}").to_pylist()
    return sorted((row["row_ref"], row["rule"]) for row in rows)


def test_rules_over_several_rows_judge_a_day_alike_alone_and_within_a_range(contract: Change) -> None:
    """Many cards pay on both days: they are not unique in the range, but on each day some are."""
    fraud = contract(
        max_quarantined=1.0,
        expectations=[
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "card_id"}},
            {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["amount", "terminal_id"]}},
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "amount", "max_value": 60, "mostly": 0.5, "row_condition": "card_id != '1'"},
            },
            {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "transaction_id"}},
            {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "amount", "min_value": 1}},
        ],
    )
    for day in (DAY, NEXT):
        fraud.make(day, day, *BOTH)
    alone = hashes(fraud), refused(fraud)
    fraud.make(DAY, NEXT, *BOTH)
    assert (hashes(fraud), refused(fraud)) == alone
    assert {rule for _, rule in alone[1]} == {"expect_column_values_to_be_unique"}
    assert set(alone[0]) == {str(DAY), str(NEXT)}


@pytest.mark.parametrize(("first", "last"), [(DAY, DAY), (DAY, NEXT)])
def test_a_day_with_too_few_rows_is_refused_alone_and_within_a_range(contract: Change, first: date, last: date) -> None:
    """Two days together have enough; the message names day, rule and number."""
    probe = contract()
    probe.make(DAY, DAY, *BOTH)
    rows = probe.lake.read(VALIDATED).num_rows
    fraud = contract(expectations=[{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": rows + 1}}])
    said = f"day {DAY}.*: expect_table_row_count_to_be_between observed {rows} .min_value: {rows + 1} in contracts"
    with pytest.raises(RunFailed, match=said):
        fraud.make(first, last, *BOTH)
    assert refused(fraud)[0] == (str(DAY), "expect_table_row_count_to_be_between")


def test_rules_on_days_judge_alike_alone_and_within_a_range(contract: Change) -> None:
    """Labels refer to transactions of seven days before, of which the first days of the range have none."""
    fraud = contract(
        "fraud_labels",
        max_quarantined=1.0,
        volume={"min_rows": 1, "max_change": 0.9},
        distribution={"columns": ["is_fraud"], "max_psi": 5},
        references=[{"column": "transaction_id", "source": "card_transactions", "to": "transaction_id"}],
    )
    labels, first = ("raw_fraud_labels", "validated_fraud_labels"), DAY - timedelta(days=8)
    fraud.make(first, NEXT, *labels, *BOTH)
    together = hashes(fraud, "fraud_labels"), refused(fraud, "fraud_labels")
    assert {rule for _, rule in together[1]} == {"reference_exists"}
    assert str(DAY) in together[0]
    fraud.make(DAY, DAY, *labels)
    assert (hashes(fraud, "fraud_labels"), refused(fraud, "fraud_labels")) == together
    file = fraud.landing_file("fraud_labels", DAY)
    file.write_text("\n".join(file.read_text().splitlines()[:3]) + "\n")
    with pytest.raises(RunFailed, match=f"day {DAY}: .*volume_is_usual observed 2 rows, median .*volume.max_change"):
        fraud.make(DAY, DAY, *labels)


def test_odd_rows_stop_no_feature(contract: Change) -> None:
    """Each is quarantined with its rule; the features of all other rows are made."""
    fraud = contract(expectations=[], max_quarantined=0.2)
    odd = {3: {"amount": "1e17"}, 4: {"amount": "1.005"}, 5: {"event_time": "0001-01-01T00:00:00Z"}}
    odd |= {6: {"event_time": "1970-01-01"}, 7: {"event_time": "9999-12-31T00:00:00Z"}}
    rewrite(fraud.landing_file("card_transactions", DAY), lambda n, row: {**row, **odd.get(n, {})})
    fraud.make(DAY, NEXT, *BOTH, "raw_fraud_labels", "validated_fraud_labels", "features")
    rules = {reference: rule for reference, rule in refused(fraud) if rule != "known_at_is_not_before_event_time"}
    assert rules == {
        f"{DAY}#3": "number_can_be_summed", f"{DAY}#4": "number_fits_resolution", f"{DAY}#5": "time_is_no_default",
        f"{DAY}#6": "time_is_no_default", f"{DAY}#7": "time_is_no_default",
    }  # fmt: skip
    rows = fraud.lake.read("card_fraud/features").num_rows
    assert rows == fraud.lake.read(VALIDATED).num_rows == fraud.lake.read(RAW).num_rows - 5


def test_a_lost_row_blocks_its_day(contract: Change) -> None:
    """The raw table's log names a row more than its file holds."""
    fraud = contract()
    fraud.make(DAY, NEXT, *BOTH)
    before = fraud.lake.version(VALIDATED)
    (file,) = fraud.lake.files(RAW, days=[DAY])
    longer = DataFile(file.path, DAY, file.rows + 1, file.bytes)
    fraud.lake.commit_files(RAW, fraud.lake.schema(RAW), [longer], days=[DAY])
    said = f"source card_transactions, day {DAY}: {file.rows + 1} rows arrived, but .* 1 rows are nowhere"
    with pytest.raises(RunFailed, match=said):
        fraud.make(DAY, NEXT, "validated_card_transactions")
    assert fraud.lake.version(VALIDATED) == before
    key = AssetCheckKey(asset_key(card_fraud.PRODUCT, "validated_card_transactions"), "balance")
    record = fraud.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.status is AssetCheckExecutionRecordStatus.FAILED


def test_quarantined_rows_are_listed_and_admitted_again_after_the_contract_was_changed(
    contract: Change, loopline: Command
) -> None:
    fraud = contract(expectations=[{"type": "expect_column_values_to_be_between", "kwargs": LIMIT}], max_quarantined=1)
    fraud.make(DAY, NEXT, *BOTH)
    (found,) = loopline("card_transactions")["rules"]
    over = fraud.lake.read(QUARANTINE).num_rows
    assert over > 0
    assert (found["rule"], found["column"], found["rows"]) == ("expect_column_values_to_be_between", "amount", over)
    assert found["reason"] == "max_value: 60 in contracts/card_transactions.yaml"
    assert sum(loopline("--from", str(NEXT))["rules"][0]["days"].values()) < over
    contract(expectations=[])
    done = loopline("card_transactions", "--readmit", "--by", "Ada", "--reason", "the limit was wrong")
    assert done["rules"] == []
    assert done["readmitted"]["quarantined_before"] == over
    assert fraud.lake.read(VALIDATED).num_rows == fraud.lake.read(RAW).num_rows
    actions = [entry for entry in open_audit(fraud.environment.records).entries() if entry.actor == "Ada"]
    assert [(entry.action, entry.details["quarantined"]) for entry in actions] == [("readmit", over), ("readmitted", 0)]


def test_data_docs_are_built_and_hold_no_value(contract: Change, loopline: Command) -> None:
    """Their place stands on the validated asset; a value that breaks a rule is only counted."""
    fraud = contract(expectations=[{"type": "expect_column_values_to_be_between", "kwargs": LIMIT}], max_quarantined=1)
    rewrite(fraud.landing_file("card_transactions", DAY), lambda n, row: {**row, "amount": "7654321.09"})
    fraud.make(DAY, DAY, *BOTH)
    found = loopline("--docs", command="contracts")
    assert [one["source"] for one in found["contracts"]] == ["card_transactions", "fraud_labels"]
    event = fraud.instance.get_latest_materialization_event(asset_key(card_fraud.PRODUCT, BOTH[1]))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["data_docs"].value == found["docs"]
    pages = [page.read_text() for page in Path(found["docs"]).parent.rglob("*.html")]
    assert any("must be less than or equal to" in page for page in pages)
    assert not any("7654321" in page for page in pages)


def test_quarantined_rows_are_admitted_again_after_the_source_was_corrected(
    contract: Change, loopline: Command
) -> None:
    fraud = contract()
    file = fraud.landing_file("card_transactions", DAY)
    good = file.read_text()
    rows = rewrite(file, lambda n, row: {**row, "amount": "much" if n == 5 else row["amount"]})
    fraud.make(DAY, NEXT, *BOTH)
    (found,) = loopline()["rules"]
    assert (found["rule"], found["days"]) == ("value_is_number", {str(DAY): 1})
    file.write_text(good)
    again = ("card_transactions", "--readmit", "--by", "Ada", "--reason", "corrected")
    assert loopline(*again)["readmitted"]["quarantined_after"] == 1, "the raw table still has the old file"
    assert loopline(*again, "--reread")["readmitted"]["quarantined_after"] == 0
    assert fraud.lake.read(VALIDATED).filter(pc.field("day") == DAY).num_rows == rows


def test_a_misspelt_expectation_is_refused_before_anything_runs(contract: Change) -> None:
    wrong = [{"type": "expect_column_values_to_be_betwen", "kwargs": LIMIT}]
    with pytest.raises(ContractError, match=r"card_transactions.yaml: expectation 1: .*did you mean expect_column_val"):
        contract(expectations=wrong)
