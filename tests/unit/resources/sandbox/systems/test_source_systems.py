"""What each source system holds: its shape, its times, and that its rows fit together."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from tests.unit.resources.sandbox.conftest import Home
from tests.unit.resources.sandbox.frames import DAYS, frame, repayments, reports, table, transactions

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


COLUMNS = {
    "applications": "application_id customer_id event_time known_at amount term_months purpose income_monthly "
    "employment employment_years housing existing_debt dependents channel sex age name email national_id",
    "consents": "consent_id customer_id purpose granted event_time known_at",
    "transactions": "transaction_id account_id customer_id event_time known_at amount direction category counterparty "
    "balance_after",
    "bureau_reports": "report_id customer_id event_time known_at bureau_score open_loans inquiries_6m delinquencies_2y "
    "utilisation oldest_account_months",
    "repayments": "event_id application_id customer_id event_time known_at kind days_past_due amount_due amount_paid",
}


@pytest.mark.parametrize("source", COLUMNS)
def test_columns_times_and_order(bank: Home, source: str) -> None:
    rows = frame(bank, source)
    assert list(rows.columns) == COLUMNS[source].split()
    assert len(rows) > 100
    assert rows.iloc[:, 0].is_unique
    for name in ("event_time", "known_at"):
        assert rows[name].str.fullmatch(MOMENT).all()
    assert (rows.known_at >= rows.event_time).all()
    assert rows.known_at.is_monotonic_increasing
    assert rows.known_at.str[:10].isin(DAYS).all()


def test_every_day_has_its_files_and_a_row_is_in_the_day_it_became_known(bank: Home) -> None:
    folder = bank.landing / "transactions"
    assert sorted(path.name for path in folder.glob("*.csv")) == [f"{day}.csv" for day in DAYS]
    for day in DAYS:
        rows = pd.read_csv(folder / f"{day}.csv")
        assert (rows.known_at.str[:10] == day).all()
        assert all(
            report["known_at"][:10] == day for report in json.loads((bank.bureau / f"reports/{day}.json").read_text())
        )


def test_a_header_has_no_quotes(bank: Home) -> None:
    first = (bank.landing / "transactions" / f"{DAYS[0]}.csv").read_text().splitlines()[0]
    assert first == ",".join(COLUMNS["transactions"].split())


def test_the_database_is_indexed_by_what_readers_ask_for(bank: Home) -> None:
    with sqlite3.connect(bank.folder / "bank.db") as connection:
        for name in ("applications", "consents"):
            query = (
                f"EXPLAIN QUERY PLAN SELECT * FROM {name} WHERE known_at >= '2025-10-02' AND known_at < '2025-10-03'"
            )
            assert f"ix_{name}_known_at" in str(connection.execute(query).fetchall())


def test_balances_are_the_running_sum_of_the_bookings(bank: Home) -> None:
    rows = transactions(bank)
    rows["at"] = pd.to_datetime(rows.event_time)
    sound = ~rows.account_id.isin(rows.account_id[(rows.amount < 0) | (rows.direction == "unknown")])
    # On the edges of the period bookings are cut off by their arrival, and equal moments have no order.
    inner = sound & (rows.event_time < "2025-12-27") & ~rows.duplicated(["account_id", "at"], keep=False)
    rows = rows[inner].sort_values(["account_id", "at"])
    step = np.rint(rows.balance_after.diff() * 100)
    moved = np.rint(rows.amount * 100 * np.where(rows.direction == "credit", 1, -1))
    same = rows.account_id == rows.account_id.shift()
    assert same.sum() > 1_000
    assert (step[same] == moved[same]).mean() > 0.99  # the rest follows a booking that was dropped above


def test_a_report_has_arrived_before_each_application(bank: Home) -> None:
    known = reports(bank)[["customer_id", "known_at"]]
    pairs = table(bank, "applications").merge(known, on="customer_id", suffixes=("", "_report"))
    pairs["age"] = pd.to_datetime(pairs.event_time) - pd.to_datetime(pairs.known_at_report)
    fresh = pairs[(pairs.age > pd.Timedelta(0)) & (pairs.age <= pd.Timedelta(days=3))]
    assert fresh.application_id.nunique() == 150


def test_everybody_was_asked_for_consent_before_applying(bank: Home) -> None:
    words, asked = table(bank, "consents"), table(bank, "applications")
    first = words.groupby("customer_id").known_at.min()
    assert len(first) == 300
    assert (first.loc[asked.customer_id].to_numpy() < asked.event_time.to_numpy()).all()
    assert 0.9 < words.granted.mean() < 1
    assert words.customer_id.duplicated().any(), "nobody withdrew"


def test_personal_data_belong_to_one_person(bank: Home) -> None:
    rows = table(bank, "applications")
    for name in ("email", "national_id"):
        assert (rows.groupby("customer_id")[name].nunique() == 1).all()
        assert rows[name].nunique() == rows.customer_id.nunique()
    assert rows.email.str.endswith("@example.com").all()
    assert rows.age.between(18, 100).all()


def test_a_loan_starts_with_its_disbursement_and_days_past_due_follow_its_payments(bank: Home) -> None:
    rows, asked = repayments(bank), table(bank, "applications").set_index("application_id")
    for loan, events in rows.sort_values("event_time").groupby("application_id"):
        kinds, late = list(events.kind), list(events.days_past_due)
        assert kinds[0] == "disbursed"
        assert "disbursed" not in kinds[1:]
        waited = pd.Timestamp(events.event_time.iloc[0]) - pd.Timestamp(asked.event_time[loan])
        assert pd.Timedelta(0) < waited <= pd.Timedelta(days=2)
        unpaid = 0
        for kind, days in zip(kinds, late, strict=True):
            assert unpaid < 4, "a loan that was charged off has no more events"
            unpaid = unpaid + 1 if kind == "missed" else 0
            assert days == 30 * unpaid
    assert set(rows.kind) == {"disbursed", "paid", "missed"}
    arrived = pd.to_datetime(rows.known_at) - pd.to_datetime(rows.event_time)
    assert arrived.max() <= pd.Timedelta(days=1)
    granted = rows.application_id.nunique() / len(asked)
    assert 0.75 < granted < 0.9
