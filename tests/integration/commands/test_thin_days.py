"""Days with no row and with one row: every daily asset of both products is made, and the days after them too."""

import csv
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.jobs import daily_name
from pipelines.operations.loop.run_job import run_job
from pipelines.products import load_product
from tests.integration.conftest import SETTINGS, Small
from tests.support.models.champions import crown

FIRST = SETTINGS.first_day
DAYS = [FIRST + timedelta(days=31 + n) for n in range(4)]
EMPTY, ONE, EMPTY_AGAIN, _ = DAYS
MakeSmall = Callable[[str], Small]


def thin(small: Small, day: date, rows: int) -> None:
    """Leaves so many rows of the day in every source of the bank."""
    for source in ("transactions", "card_transactions", "fraud_labels"):
        file = small.landing_file(source, day)
        with file.open(newline="") as lines:
            header, *others = list(csv.reader(lines))
        with file.open("w", newline="") as lines:
            csv.writer(lines).writerows([header, *others[:rows]])
    bank = small.environment.bank
    reports = bank / "bureau" / "reports" / f"{day}.json"
    reports.write_text(json.dumps(json.loads(reports.read_text())[:rows]))
    stream = bank / "stream" / "repayments.jsonl"
    lines_of_day, kept = 0, []
    for line in stream.read_text().splitlines():
        of_day = json.loads(line)["known_at"].startswith(f"{day}")
        lines_of_day += of_day
        if not of_day or lines_of_day <= rows:
            kept.append(line)
    stream.write_text("".join(f"{line}\n" for line in kept))
    with sqlite3.connect(bank / "bank.db") as database:
        for table, key in (("applications", "application_id"), ("consents", "consent_id")):
            of_day = f"known_at LIKE '{day}%'"
            database.execute(
                f"DELETE FROM {table} WHERE {of_day} AND {key} NOT IN "
                f"(SELECT {key} FROM {table} WHERE {of_day} ORDER BY known_at LIMIT {rows})"
            )


def make(small: Small, first: date, last: date) -> None:
    """The whole daily job: from the sources to the monitoring, plots and checks included."""
    run_job(small.definitions, small.instance, daily_name(load_product(small.product)), days=(first, last))


def rows_of(small: Small, table: str, of: Sequence[date]) -> list[int]:
    return [small.lake.read(f"{small.product}/{table}", days=[day]).num_rows for day in of]


@pytest.mark.usefixtures("bureau")
@pytest.mark.parametrize("name", ["card_fraud", "credit_risk"])
def test_every_daily_asset_is_made_on_days_without_rows_and_with_one(
    small: MakeSmall, name: str, tmp_path: Path
) -> None:
    """The first day of every table has no row; days with rows follow one with none, alone and in a range."""
    bank, product = small(name), load_product(name)
    for day, rows in ((EMPTY, 0), (ONE, 1), (EMPTY_AGAIN, 0)):
        thin(bank, day, rows)
    if name == "credit_risk":  # consents are given when an account is opened
        bank.make(FIRST, EMPTY - timedelta(days=1), "raw_consents", "validated_consents")
    crown(product, bank.environment, tmp_path)
    for day in DAYS:
        make(bank, day, day)
    scored = rows_of(bank, "scores", DAYS)
    assert scored[:3] == [0, 1, 0]
    assert scored[3] > 1
    assert rows_of(bank, "features", DAYS) == scored
    assert rows_of(bank, "batch_performance", DAYS) == [1] * len(DAYS)
    # Of the day and of the window: features, the score, the decisions, the number of rows.
    assert rows_of(bank, "drift", DAYS) == [2 * (len(product.features.names) + 3)] * len(DAYS)
    schemas = {table: bank.lake.schema(table) for table in bank.lake.tables()}

    matured = [day + product.label.maturity for day in DAYS] if name == "card_fraud" else []
    make(bank, DAYS[0], max([DAYS[-1], *matured]))
    assert rows_of(bank, "scores", DAYS) == scored
    assert rows_of(bank, "batch_outcomes", matured) == scored[: len(matured)]
    assert {table: bank.lake.schema(table) for table in bank.lake.tables()} == schemas
    daily = [asset.key for asset in bank.definitions.resolve_all_asset_specs() if asset.partitions_def is not None]
    assert len(daily) == 2 * len(product.sources) + 20 + (product.monitoring.anomaly_share is not None)
    for key in daily:
        assert {day.isoformat() for day in DAYS} <= bank.instance.get_materialized_partitions(key), key
