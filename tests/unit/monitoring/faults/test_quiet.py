"""Quiet histories of a wide source have no data fault: seasons of the week, growth, small days, days that are alike."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.monitoring.faults.finding import Finding
from assets.monitoring.faults.fingerprint import Fingerprint, fingerprint
from assets.monitoring.faults.recognition import DAYS_BEFORE, RowSet, faults_of_day

START = date(2026, 1, 1)
WIDE = RowSet("wide", times=("event_time",))
DAYS = 75
A_YEAR = 365


def quiet_rows(random: np.random.Generator, day: date, rows: float) -> pa.Table:
    """A day of 41 columns: amounts, counts, mostly zeros, values of both signs with gaps, flags, categories."""
    weekend = day.weekday() >= 5
    n = int(random.poisson(rows * (0.6 if weekend else 1.0)))
    hours = random.normal(15.5 if weekend else 14, 4, n) % 24
    times = np.datetime64(day, "us") + (hours * 3600e6).astype("timedelta64[us]")
    columns = {"id": np.arange(n), "event_time": pa.array(times).cast(pa.timestamp("us", "UTC"))}
    level = random.lognormal(0, 0.05) * (1.2 if weekend else 1)
    for k in range(10):
        columns[f"amount{k}"] = np.round(random.lognormal(3 + k * 0.3, 0.5 + 0.1 * k, n) * level, 2)
    for k in range(6):
        columns[f"count{k}"] = random.poisson(0.3 + k * 0.7, n).astype(float)
        columns[f"rare{k}"] = np.where(random.random(n) < 0.1 + 0.14 * k, 0.0, random.lognormal(5, 1, n))
        columns[f"gap{k}"] = pa.array(random.normal(k * 20, 50, n), mask=random.random(n) < 0.02 + 0.09 * k)
        columns[f"flag{k}"] = (random.random(n) < 0.02 + 0.1 * k).astype(float)
        shares = 1 / np.arange(1, 4 + k * 5) ** 1.2
        chosen = random.choice(len(shares), n, p=shares / shares.sum())
        columns[f"category{k}"] = pa.array([f"c{one}" for one in chosen], pa.string())
    return pa.table(columns)


@pytest.mark.parametrize("rows", [20, 300])
def test_a_quiet_history_has_no_fault(rows: int) -> None:
    random, days, found = np.random.default_rng(rows), dict[date, dict[str, Fingerprint]](), list[Finding]()
    for number in range(DAYS):
        day = START + timedelta(days=number)
        table = quiet_rows(random, day, rows * (1 + number / A_YEAR))
        days[day] = {WIDE.name: fingerprint(table, table.column_names, ["id"], plain=["id"])}
        recent = [one for one in found if one.day >= day - timedelta(days=DAYS_BEFORE)]
        found += faults_of_day(day, [WIDE], days, recent).findings
    assert [one.sentence for one in found] == []


def statement_day(random: np.random.Generator, day: date, *, scale: float = 1.0) -> Fingerprint:
    """A day of a source whose last day of the month is another one: statements at night, of larger amounts."""
    is_last = (day + timedelta(days=1)).day == 1
    n = 2_000 if is_last else 300
    hours = random.normal(21.5 if is_last else 13, 0.5 if is_last else 4, n) % 24
    times = np.datetime64(day, "us") + (hours * 3600e6).astype("timedelta64[us]")
    amounts = np.round(random.lognormal(6.5 if is_last else 4, 0.6, n) * scale, 2)
    table = pa.table(
        {"id": np.arange(n), "event_time": pa.array(times).cast(pa.timestamp("us", "UTC")), "amount": amounts}
    )
    return fingerprint(table, table.column_names, ["id"], plain=["id"])


def test_what_every_month_has_on_its_last_day_is_no_fault_and_a_fault_on_that_day_is_one() -> None:
    random, first = np.random.default_rng(3), date(2026, 3, 1)
    days = [first + timedelta(days=n) for n in range(122)]
    prints = {day: {WIDE.name: statement_day(random, day)} for day in days}
    found: list[Finding] = []
    for day in days[DAYS_BEFORE:]:
        found += faults_of_day(day, [WIDE], prints, found).findings
    assert {one.day for one in found} <= {date(2026, 3, 31), date(2026, 4, 30)}, "twice it is told, then it is known"
    last = days[-1]
    assert last == date(2026, 6, 30)
    prints[last] = {WIDE.name: statement_day(random, last, scale=100)}
    (fault,) = faults_of_day(last, [WIDE], prints, found).findings
    assert (fault.column, fault.kind) == ("amount", "scaled")
