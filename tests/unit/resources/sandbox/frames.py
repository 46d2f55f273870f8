"""What a filled bank's source systems hold, as data frames."""

import json
import sqlite3
from datetime import timedelta

import pandas as pd

from tests.unit.resources.sandbox.conftest import FIRST, LAST, Home

DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range((LAST - FIRST).days + 1)]


def table(home: Home, name: str) -> pd.DataFrame:
    with sqlite3.connect(home.folder / "bank.db") as connection:
        return pd.read_sql(f"SELECT * FROM {name} ORDER BY known_at", connection)


def transactions(home: Home) -> pd.DataFrame:
    return pd.concat([pd.read_csv(home.landing / "transactions" / f"{day}.csv") for day in DAYS], ignore_index=True)


def repayments(home: Home) -> pd.DataFrame:
    return pd.read_json(home.stream / "repayments.jsonl", lines=True, convert_dates=False)


def reports(home: Home) -> pd.DataFrame:
    days = [json.loads((home.bureau / "reports" / f"{day}.json").read_text()) for day in DAYS]
    return pd.DataFrame([row for day in days for row in day])


def frame(home: Home, source: str) -> pd.DataFrame:
    readers = {"transactions": transactions, "repayments": repayments, "bureau_reports": reports}
    return readers[source](home) if source in readers else table(home, source)
