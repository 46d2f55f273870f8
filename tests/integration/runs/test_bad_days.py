"""Bad days: each ends in a run that fails with source, day and remedy, or in quarantined rows; never in a partial
day.
"""

import csv
import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.operations.loop.run_job import RunFailed
from tests.integration.conftest import LAST, Small

DAY = LAST - timedelta(days=3)
BOTH = ("raw_card_transactions", "validated_card_transactions")

MakeSmall = Callable[[str], Small]


def rewrite(file: Path, change: Callable[[int, dict[str, str]], dict[str, str]]) -> int:
    """Changes every row of a CSV file by its number; gives how many rows there are."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    changed = [change(number, row) for number, row in enumerate(rows)]
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(changed[0]))
        writer.writeheader()
        writer.writerows(changed)
    return len(rows)


def test_a_days_file_that_is_missing(small: MakeSmall) -> None:
    fraud = small("card_fraud")
    fraud.landing_file("card_transactions", DAY).unlink()
    with pytest.raises(RunFailed, match=f"source card_transactions, day {DAY}: no file .*ask the owner to deliver it"):
        fraud.make(DAY - timedelta(days=1), DAY, *BOTH)
    assert fraud.lake.tables() == (), "a range with a missing day must publish none of it"


def test_a_file_that_was_cut_short_within_a_row(small: MakeSmall) -> None:
    fraud = small("card_fraud")
    file = fraud.landing_file("card_transactions", DAY)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][: len(lines[-1]) // 3])
    said = f"source card_transactions, day {DAY}: .* ends within a row: line {len(lines)} .*the day waits"
    with pytest.raises(RunFailed, match=said):
        fraud.make(DAY, DAY, *BOTH)
    assert fraud.lake.tables() == ()
    file.write_text("\n".join(lines) + "\n")
    fraud.make(DAY, DAY, *BOTH)
    assert fraud.lake.read("card_fraud/validated_card_transactions").num_rows == len(lines) - 1


@pytest.mark.parametrize("harm", ["delete", "truncate"])
def test_a_parquet_file_of_the_lake_that_is_gone_or_cut_short(small: MakeSmall, harm: str) -> None:
    fraud = small("card_fraud")
    fraud.make(DAY, DAY + timedelta(days=1), *BOTH)
    (path,) = (Path(p) for p in fraud.lake.paths("card_fraud/raw_card_transactions", days=[DAY]))
    before = fraud.lake.version("card_fraud/validated_card_transactions")
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:1000])
    remedy = f"loopline backfill card_fraud --from {DAY} --to {DAY} --select raw_card_transactions"
    with pytest.raises(RunFailed, match=f"table card_fraud/raw_card_transactions, day {DAY}: .*{re.escape(remedy)}"):
        fraud.make(DAY, DAY + timedelta(days=1), "validated_card_transactions")
    assert fraud.lake.version("card_fraud/validated_card_transactions") == before
    fraud.make(DAY, DAY, "raw_card_transactions")  # what the message says
    fraud.make(DAY, DAY + timedelta(days=1), "validated_card_transactions")


def test_a_column_that_was_renamed(small: MakeSmall) -> None:
    fraud = small("card_fraud")
    file = fraud.landing_file("card_transactions", DAY)
    file.write_text(file.read_text().replace("terminal_id", "terminal", 1))
    said = f"source card_transactions, day {DAY}: its schema changed: no column terminal_id, but new terminal"
    with pytest.raises(RunFailed, match=said):
        fraud.make(DAY, DAY, *BOTH)
    assert fraud.lake.tables() == ()


def test_a_file_with_a_third_of_bad_rows_publishes_nothing(small: MakeSmall) -> None:
    fraud = small("card_fraud")
    fraud.make(DAY, DAY, *BOTH)
    good = fraud.lake.read("card_fraud/validated_card_transactions")
    file = fraud.landing_file("card_transactions", DAY)
    rows = rewrite(file, lambda n, row: {**row, "amount": "-1" if n % 10 < 3 else row["amount"]})
    said = f"source card_transactions, day {DAY}: .* rows break the contract .*Nothing was published.*loopline backfill"
    with pytest.raises(RunFailed, match=said):
        fraud.make(DAY, DAY, *BOTH)
    quarantined = fraud.lake.read("card_fraud/quarantine_card_transactions")
    assert quarantined.num_rows == sum(n % 10 < 3 for n in range(rows))
    assert set(quarantined["rule"].to_pylist()) == {"expect_column_values_to_be_between"}
    assert fraud.lake.read("card_fraud/validated_card_transactions").equals(good)


def test_a_few_bad_rows_are_quarantined_and_the_rest_is_published(small: MakeSmall) -> None:
    fraud = small("card_fraud")
    file = fraud.landing_file("card_transactions", DAY)
    rows = rewrite(file, lambda n, row: {**row, "amount": "much" if n == 5 else row["amount"]})
    fraud.make(DAY, DAY, *BOTH)
    (found,) = fraud.lake.read("card_fraud/quarantine_card_transactions").to_pylist()
    assert (found["row_ref"], found["rule"], found["value"]) == (f"{DAY}#5", "value_is_number", "much")
    assert fraud.lake.read("card_fraud/validated_card_transactions").num_rows == rows - 1


def test_a_bureau_that_is_down_is_asked_again_and_then_named(small: MakeSmall) -> None:
    credit = small("credit_risk")
    with pytest.raises(
        RunFailed, match=f"source bureau_reports, day {DAY}: .* does not answer .*then run the day again"
    ):
        credit.make(DAY, DAY, "raw_bureau_reports")
    assert credit.lake.tables() == ()


def test_a_personal_value_that_cannot_be_read_is_in_no_event_of_the_run(small: MakeSmall) -> None:
    """The database's own error quotes it; the run's records, which are kept and shown, do not."""
    credit = small("credit_risk")
    with sqlite3.connect(credit.environment.bank / "bank.db") as database:
        database.execute("UPDATE applications SET name = CAST(x'4af6686e20536d697468' AS TEXT)")
    with pytest.raises(RunFailed, match="table 'applications' holds a value that cannot be read"):
        credit.make(LAST - timedelta(days=20), LAST, "raw_applications")
    (run,) = credit.instance.get_runs()
    recorded = [str(record) for record in credit.instance.all_logs(run.run_id)]
    assert any("cannot be read" in text for text in recorded)
    assert not any("Smith" in text for text in recorded)


@pytest.mark.usefixtures("bureau")
def test_personal_data_stays_in_the_raw_table(small: MakeSmall) -> None:
    credit = small("credit_risk")
    sources = ("consents", "applications")
    first = LAST - timedelta(days=60)
    credit.make(first, LAST, *(f"{layer}_{source}" for source in sources for layer in ("raw", "validated")))
    raw = credit.lake.read("credit_risk/raw_applications").to_pydict()
    valid = credit.lake.read("credit_risk/validated_applications").to_pydict()
    assert "name" not in valid
    assert all(value.startswith("tok:") for value in valid["national_id"])
    assert not set(raw["email"]) & set(valid["email"])
    assert len(valid["email"]) < len(raw["email"]), "nobody withdrew consent: the small bank shows nothing"
