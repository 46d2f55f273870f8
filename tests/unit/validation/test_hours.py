"""A contract over hours: each hour has its own verdict, late rows are told from rows of another hour."""

from datetime import date
from typing import Any

import pyarrow as pa

from assets.ingestion.landing import as_raw
from assets.product import Column, Contract
from assets.product.contracts.contract import NewestEvent, Volume
from assets.validation.audit import Audit, audit
from assets.validation.balance import balances
from assets.validation.rules.day_rules import Surroundings
from resources.slots import checked_slot, slots_between
from resources.sources.calendars import DeliveryCalendar
from resources.sources.readers import DayRows

HOURS = slots_between(checked_slot("2026-03-01-23:00"), checked_slot("2026-03-02-01:00"))
COLUMNS = (Column("id", "string", ""), Column("at", "timestamp", ""), Column("seen", "timestamp", ""))


def contract(*expectations: dict[str, Any], **terms: Any) -> Contract:
    return Contract(
        source="t", description="d", owner="o@bank.example", key=("id",), event_time="at", known_at="seen",
        columns=COLUMNS, max_quarantined=0.5, expectations=expectations, **terms,
    )  # fmt: skip


def run(
    *rows: tuple[int, str, str, str],
    terms: Contract | None = None,
    calendar: DeliveryCalendar | None = None,
    **also: Any,
) -> Audit:
    """Rows as the number of their hour, id, `at` and `seen`."""
    used, tables = terms or contract(), []
    for n, hour in enumerate(HOURS):
        mine = [dict(zip(("id", "at", "seen"), row[1:], strict=True)) for row in rows if row[0] == n]
        texts = pa.Table.from_pylist(mine, schema=pa.schema([(name, pa.string()) for name in used.names]))
        tables.append(as_raw(used, DayRows(hour, texts)).table)
    return audit(used, pa.concat_tables(tables), HOURS, calendar=calendar or DeliveryCalendar(), **also)


def test_a_late_event_is_of_the_hour_in_which_it_became_known() -> None:
    found = run((0, "a", "2026-03-01T05:00:00Z", "2026-03-01T23:10:00Z"))
    assert found.valid["utc_hour"].to_pylist() == [HOURS[0]]
    assert found.quarantine.num_rows == 0


def test_a_row_that_became_known_in_another_hour_is_quarantined_with_its_hour() -> None:
    late, good = "2026-03-01T22:59:59Z", "2026-03-02T00:30:00Z"
    found = run((0, "a", late, late), (1, "b", good, good), (2, "c", "2026-03-02T01:00:00Z", "2026-03-02T01:00:00Z"))
    (row,) = found.quarantine.to_pylist()
    assert (row["rule"], row["row_ref"]) == ("known_at_is_in_its_hour", "2026-03-01-23:00#0")
    assert (row["day"], row["utc_hour"]) == (date(2026, 3, 1), HOURS[0])
    assert [(str(one.day), one.rows, one.quarantined, one.blocked) for one in found.days] == [
        ("2026-03-01-23:00", 1, 1, True), ("2026-03-02-00:00", 1, 0, False), ("2026-03-02-01:00", 1, 0, False),
    ]  # fmt: skip
    counted = balances(
        HOURS, raw=dict.fromkeys(HOURS, 1), validated=found.valid, quarantine=found.quarantine,
        withheld=found.valid.slice(0, 0),
    )  # fmt: skip
    assert [(one.validated, one.quarantined, one.missing) for one in counted] == [(0, 1, 0), (1, 0, 0), (1, 0, 0)]


def test_the_same_key_may_come_in_another_hour_and_not_twice_in_one() -> None:
    times = [f"2026-03-02T0{n}:30:00Z" for n in (0, 1)]
    rows = [(1, "a", times[0], times[0]), (1, "a", times[0], times[0]), (2, "a", times[1], times[1])]
    found = run(*rows, terms=contract({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}))
    assert set(found.quarantine["rule"].to_pylist()) >= {"key_is_unique"}
    assert set(found.quarantine["utc_hour"].to_pylist()) == {HOURS[1]}


def test_rules_on_days_judge_each_hour() -> None:
    """How much arrived, how old its newest event is; nothing is expected on a day of the calendar."""
    at = "2026-03-02T01:10:00Z"
    terms = contract(volume=Volume(min_rows=1), freshness=NewestEvent(max_age_hours=0.5))
    surroundings = Surroundings(rows={HOURS[2]: 1})
    found = run((2, "a", at, at), terms=terms, surroundings=surroundings)
    broken = [(str(one.day), failure.rule) for one in found.days for failure in one.failures]
    assert broken == [
        ("2026-03-01-23:00", "volume_is_within_bounds"), ("2026-03-01-23:00", "newest_event_is_fresh"),
        ("2026-03-02-00:00", "volume_is_within_bounds"), ("2026-03-02-00:00", "newest_event_is_fresh"),
        ("2026-03-02-01:00", "newest_event_is_fresh"),
    ]  # fmt: skip
    assert {row["row_ref"] for row in found.quarantine.to_pylist()} == {str(hour) for hour in HOURS}
    closed = DeliveryCalendar(closed=("sunday",))
    found = run((2, "a", at, at), terms=terms, surroundings=surroundings, calendar=closed)
    assert not found.days[0].failures, "2026-03-01 is a Sunday"


def test_the_volume_of_an_hour_is_compared_with_the_same_hour_of_the_days_before() -> None:
    terms = contract(volume=Volume(max_change=0.5, weeks=2))
    before = slots_between(checked_slot("2026-02-15-00:00"), checked_slot("2026-03-01-22:00"))
    usual = {hour: 100 if f"{hour:%H}" == "23" else 2 for hour in before}
    found = run(terms=terms, surroundings=Surroundings(rows={**usual, HOURS[0]: 90, HOURS[1]: 90, HOURS[2]: 2}))
    broken = [(str(one.day), failure.observed) for one in found.days for failure in one.failures]
    assert broken == [("2026-03-02-00:00", "90 rows, median 2")]
