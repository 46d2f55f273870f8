"""Audit: rows that break the contract are quarantined with the reason, and too many of them block the day."""

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.features.columns.arrow import as_steps
from assets.ingestion.landing import as_raw
from assets.product import Column, Contract
from assets.product.contracts.contract import NewestEvent, Volume
from assets.validation.audit import Audit, audit
from assets.validation.rules.day_rules import Surroundings
from assets.validation.rules.expectations import ContractCannotRun
from assets.validation.rules.values import between_steps, summable_below
from resources.lake.content import content_hash
from resources.slots import Hour
from resources.sources.calendars import DeliveryCalendar
from resources.sources.readers import DayRows

DAY, NEXT = date(2026, 1, 2), date(2026, 1, 3)
T = "2026-01-02T10:00:00.000000Z"


def contract(max_quarantined: float = 1.0, **changes: Any) -> Contract:
    terms: dict[str, Any] = {
        "source": "t",
        "description": "d",
        "owner": "o@bank.example",
        "key": ("id",),
        "event_time": "at",
        "known_at": "seen",
        "columns": (
            Column("id", "string", ""),
            Column("amount", "number", "", resolution=0.01),
            Column("count", "integer", "", required=False),
            Column("ok", "boolean", "", required=False),
            Column("kind", "string", ""),
            Column("at", "timestamp", ""),
            Column("seen", "timestamp", ""),
            Column("name", "string", "", personal="token"),
        ),
        "expectations": (
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0}},
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "kind", "value_set": ["a", "b"]}},
        ),
        "max_quarantined": max_quarantined,
    }
    return Contract(**{**terms, **changes})


def row(**changes: str | None) -> dict[str, str | None]:
    good = {"id": "1", "amount": "1.5", "count": "2", "ok": "true", "kind": "a", "at": T, "seen": T, "name": "Ada"}
    return {**good, **changes}


def run(rows: list[dict[str, str | None]], malformed: tuple[str, ...] = (), **changes: Any) -> Audit:
    terms = contract(**changes)
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in terms.names]))
    return audit(terms, as_raw(terms, DayRows(DAY, table, malformed)).table, [DAY])


def test_good_rows_are_typed_and_the_times_get_their_names() -> None:
    outcome = run([row(), row(id="2", count=None, ok=None)])
    assert outcome.valid.num_rows == 2
    assert outcome.valid["amount"].to_pylist() == [1.5, 1.5]
    assert outcome.valid.schema.field("event_time").type == pa.timestamp("us", tz="UTC")
    assert {"known_at", "day"} <= set(outcome.valid.column_names)
    assert outcome.quarantine.num_rows == 0


@pytest.mark.parametrize(
    ("change", "rule", "column"),
    [
        ({"amount": "x"}, "value_is_number", "amount"),
        ({"amount": "inf"}, "value_is_number", "amount"),
        ({"count": "1.5"}, "value_is_integer", "count"),
        ({"ok": "perhaps"}, "value_is_boolean", "ok"),
        ({"at": "yesterday"}, "value_is_timestamp", "at"),
        ({"kind": None}, "value_is_present", "kind"),
        ({"id": "1"}, "key_is_unique", "id"),
        ({"amount": "-1"}, "expect_column_values_to_be_between", "amount"),
        ({"kind": "c"}, "expect_column_values_to_be_in_set", "kind"),
        ({"at": "2026-01-02T10:00:00.000001Z"}, "known_at_is_not_before_event_time", "seen"),
        ({"at": "0001-01-01T00:00:00Z"}, "time_is_no_default", "at"),
        ({"at": "1753-01-01"}, "time_is_no_default", "at"),
        ({"at": "1899-12-30T00:00:00+01:00"}, "time_is_no_default", "at"),
        ({"at": "1970-01-01T01:00:00+01:00"}, "time_is_no_default", "at"),
        ({"at": "1969-07-20T20:17:40Z"}, "time_is_within_bounds", "at"),
        ({"amount": "1e17"}, "number_can_be_summed", "amount"),
        ({"amount": "-90071992547409.92"}, "number_can_be_summed", "amount"),
        ({"amount": "22517998136852.48"}, "number_can_be_summed", "amount"),
        ({"amount": "1000000000000.005"}, "number_fits_resolution", "amount"),
        ({"amount": "1.005"}, "number_fits_resolution", "amount"),
        ({"seen": "2026-01-03T00:00:00Z"}, "known_at_is_on_its_day", "seen"),
        ({"at": "2026-01-01T10:00:00Z", "seen": "2026-01-01T23:59:59.999999Z"}, "known_at_is_on_its_day", "seen"),
    ],
)
def test_a_broken_row_is_quarantined_with_rule_and_value(change: dict[str, str], rule: str, column: str) -> None:
    outcome = run([row(), row(**{"id": "2", **change})])
    (quarantined,) = outcome.quarantine.to_pylist()
    assert (quarantined["row_ref"], quarantined["rule"], quarantined["column"]) == ("2026-01-02#1", rule, column)
    assert quarantined["value"] == {**row(id="2"), **change}[column]
    assert outcome.valid["id"].to_pylist() == ["1"]


def test_a_time_at_the_end_of_the_calendar_is_a_default_date() -> None:
    """It also lies after the time at which the row was known."""
    outcome = run([row(), row(id="2", at="9999-12-31T23:59:59Z"), row(id="3", at="9999-12-31")])
    found = {(r["row_ref"], r["rule"]) for r in outcome.quarantine.to_pylist()}
    assert ("2026-01-02#2", "time_is_no_default") in found
    assert ("2026-01-02#1", "time_is_no_default") in found
    assert outcome.valid["id"].to_pylist() == ["1"]


def test_bounds_of_the_contract_widen_those_of_every_contract() -> None:
    """A default date within them is a time like any other, and a time beyond them is not allowed."""
    columns = tuple(
        replace(c, earliest=datetime(1970, 1, 1, tzinfo=UTC)) if c.name == "at" else c for c in contract().columns
    )
    rows = [row(at="1970-01-01"), row(id="2", at="1969-12-31T23:59:59Z")]
    assert run(rows, columns=columns).valid["id"].to_pylist() == ["1"]


@pytest.mark.parametrize("amount", ["0.30000000000000004", "1.1500000000000001", "22517998136852.47", "-3", "57.16"])
def test_a_number_that_is_a_step_but_for_the_noise_of_arithmetic_is_valid(amount: str) -> None:
    """A source that adds cents as floating numbers writes such numbers."""
    assert run([row(amount=amount)], expectations=()).quarantine.num_rows == 0


@pytest.mark.parametrize("resolution", ["0.01", "0.05", "0.3", "10", "1", "0.25"])
def test_the_largest_valid_numbers_are_the_steps_that_were_written(resolution: str) -> None:
    """As the kernel counts them; from there on a double may stand for the step beside it."""
    exact = Fraction(resolution)
    last = math.ceil(summable_below(float(resolution)) / exact) - 1
    for steps in range(last - 2_000, last):
        number = np.array([float(steps * exact)])
        assert as_steps(number, None, exact, "n").steps[0] == steps
        assert not between_steps(pa.chunked_array([number]), float(resolution)).any()


def test_a_correction_is_a_row_of_its_own_where_the_contract_allows_it() -> None:
    later = "2026-01-02T18:00:00Z"
    rows = [row(amount="1"), row(amount="2", seen=later), row(amount="3", seen=later)]
    corrected = run(rows, corrections=True)
    assert corrected.valid["amount"].to_pylist() == [1.0, 2.0]
    assert [(r["rule"], r["column"], r["row_ref"]) for r in corrected.quarantine.to_pylist()] == [
        ("key_is_unique", "id,seen", "2026-01-02#2")
    ]
    assert run(rows).valid["amount"].to_pylist() == [1.0]


def test_a_day_is_the_same_alone_and_beside_a_bad_one() -> None:
    """What is unreadable on one day of a run changes no value of another day's content."""
    schema = pa.schema([(name, pa.string()) for name in contract().names])
    then = T.replace("-02T", "-03T")
    columns = tuple(replace(column, resolution=None) for column in contract().columns)
    terms = contract(columns=columns)
    long = row(amount="0.13436424411240122", count="1234567890123456789")
    bad = row(amount="ten", count="many", at=then, seen=then)
    good, other = (
        as_raw(terms, DayRows(day, pa.Table.from_pylist([one], schema=schema))).table
        for day, one in ((DAY, long), (NEXT, bad))
    )
    alone = audit(terms, good, [DAY]).valid
    among = audit(terms, pa.concat_tables([good, other]), [DAY, NEXT]).valid
    assert content_hash(among) == content_hash(alone)
    assert alone["count"].to_pylist() == [1234567890123456789]


def test_long_keys_are_told_apart_beside_one_that_cannot_be_read() -> None:
    """Whole numbers above 2**53 are no floating ones when a key of the day is unreadable."""
    columns = (Column("id", "integer", ""), *contract().columns[1:])
    outcome = run([row(id="9007199254740992"), row(id="9007199254740993"), row(id="x")], columns=columns)
    assert outcome.valid["id"].to_pylist() == [9007199254740992, 9007199254740993]
    assert outcome.failed_by_rule == {"value_is_integer(id)": 1}


@pytest.mark.parametrize("key", ["", "C\u00a01", "C\t1", "C\u200b1", "C" * 256, "é" * 128])
def test_a_key_that_the_store_cannot_take_is_quarantined(key: str) -> None:
    """The row is left out of the lake as it is of the store; a key that the store takes stays, of whatever letters."""
    rows = [row(), row(id="2", kind=key), row(id="3", kind="Zoë"), row(id="4", kind="C" * 255), row(id="5", kind=None)]
    columns = tuple(replace(c, required=c.name != "kind") for c in contract().columns)
    outcome = run(rows, expectations=(), columns=columns, entity_keys=("kind",))
    (quarantined,) = outcome.quarantine.to_pylist()
    assert (quarantined["rule"], quarantined["column"], quarantined["value"]) == ("key_can_be_stored", "kind", key)
    assert outcome.valid["id"].to_pylist() == ["1", "3", "4", "5"]
    assert run(rows, expectations=(), columns=columns).quarantine.num_rows == 0


@pytest.mark.parametrize(
    "text", ['a "word"', "back\\slash", "z\u00fcri", "tab\t", "line\n", "\x7f", "\x00", "", "\U0001f600", "~ [x]"]
)
def test_the_row_in_quarantine_is_the_json_of_the_raw_row(text: str) -> None:
    broken = [row(id=str(n), kind=kind) for n, kind in enumerate((text, "plain", None))]
    found = run(broken).quarantine.to_pylist()
    shown = [{**one, "name": "(personal)", "_malformed": None} for one in broken]
    assert sorted(one["row"] for one in found) == sorted(json.dumps(one) for one in shown)
    assert {one["value"] for one in found} == {text, "plain", None}


def test_a_row_of_an_hour_is_named_by_its_hour() -> None:
    terms, hour = contract(), Hour(2026, 1, 2, 10, tzinfo=UTC)
    table = pa.Table.from_pylist([row(amount="x")], schema=pa.schema([(name, pa.string()) for name in terms.names]))
    found = audit(terms, as_raw(terms, DayRows(hour, table, ())).table, [hour]).quarantine
    assert found["row_ref"].to_pylist() == [f"{hour}#0"]
    assert found["utc_hour"].to_pylist() == [hour]


def test_missing_keys_are_equal_to_each_other_alone() -> None:
    columns = tuple(replace(one, required=False) if one.name == "count" else one for one in contract().columns)
    rows = [row(count=count) for count in ("0", None, "0", None, "1")]
    outcome = run(rows, key=("count", "id"), columns=columns)
    assert outcome.failed_by_rule == {"key_is_unique(count,id)": 2}
    assert outcome.valid["count"].to_pylist() == [0, None, 1]


def test_a_line_that_is_no_row_is_not_lost_and_names_nobody() -> None:
    outcome = run([row()], malformed=("Ada,garbage",))
    (quarantined,) = outcome.quarantine.to_pylist()
    assert quarantined["rule"] == "row_is_readable"
    assert "Ada" not in str(quarantined)
    assert outcome.valid.num_rows == 1


def test_personal_values_do_not_reach_quarantine() -> None:
    outcome = run([row(amount="x", name="Ada Lovelace")])
    assert "Lovelace" not in str(outcome.quarantine.to_pylist())


@pytest.mark.parametrize(("since", "valid"), [(DAY, 1), (NEXT, 2), (None, 1)])
def test_a_required_column_needs_no_value_before_its_first_day(since: date | None, valid: int) -> None:
    columns = [replace(column, since=since) if column.name == "kind" else column for column in contract().columns]
    outcome = run([row(), row(id="2", kind=None)], columns=tuple(columns))
    assert outcome.valid.num_rows == valid


def test_too_many_broken_rows_block_the_day_and_not_the_next() -> None:
    terms = contract(max_quarantined=0.2)
    schema = pa.schema([(name, pa.string()) for name in terms.names])
    bad = [row(id=str(n), amount="x" if n < 3 else "1") for n in range(10)]
    then = T.replace("-02T", "-03T")
    good = [row(id=str(n), amount="x" if n < 2 else "1", at=then, seen=then) for n in range(10)]
    raw = pa.concat_tables(
        [
            as_raw(terms, DayRows(day, pa.Table.from_pylist(rows, schema=schema))).table
            for day, rows in ((DAY, bad), (NEXT, good))
        ]
    )
    outcome = audit(terms, raw, [DAY, NEXT])
    assert [(day.day, day.share) for day in outcome.blocked] == [(DAY, 0.3)]
    assert [day.blocked for day in outcome.days] == [True, False]


def test_an_empty_day_keeps_its_contract() -> None:
    outcome = run([])
    assert (outcome.valid.num_rows, outcome.blocked) == (0, ())


def test_a_day_on_which_nothing_is_delivered_is_not_judged_by_how_much_arrived() -> None:
    """The third of January 2026 is a Saturday; a delivery on it is judged all the same."""
    terms = contract(
        expectations=({"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}},),
        volume=Volume(min_rows=2),
        freshness=NewestEvent(max_age_hours=30),
    )
    empty = as_raw(terms, DayRows(NEXT, pa.table({}))).table
    one = pa.Table.from_pylist([row()], schema=pa.schema([(name, pa.string()) for name in terms.names]))
    closed = DeliveryCalendar(closed=("saturday",))

    def broken(raw: pa.Table, rows: int, calendar: DeliveryCalendar) -> set[str]:
        found = audit(terms, raw, [NEXT], surroundings=Surroundings({NEXT: rows}), calendar=calendar)
        return set(found.failed_by_rule)

    rules = {"expect_table_row_count_to_be_between", "volume_is_within_bounds", "newest_event_is_fresh"}
    assert broken(empty, 0, DeliveryCalendar()) == rules
    assert broken(empty, 0, closed) == set()
    assert "volume_is_within_bounds" in broken(as_raw(terms, DayRows(NEXT, one)).table, 1, closed)


@pytest.mark.parametrize("column", ["colour", "day"])
def test_an_expectation_on_a_column_that_does_not_exist_is_no_bad_data(column: str) -> None:
    wrong = ({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}},)
    with pytest.raises(ContractCannotRun, match=column):
        run([row()], expectations=wrong)
