"""Landing: a day fits its contract's columns, or the change of schema is named."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from assets.ingestion.landing import MALFORMED, ROW_NUMBER, RawDay, SchemaChanged, as_raw, with_kept
from resources.sources.readers import DayRows
from tests.unit.validation.test_audit import contract

DAY = date(2026, 1, 2)
NAMES = contract().names


def test_new_columns_are_left_behind_and_named() -> None:
    rows = pa.table({name: ["x"] for name in (*NAMES, "colour")})
    raw = as_raw(contract(), DayRows(DAY, rows))
    assert raw.unexpected == ("colour",)
    assert raw.table.column_names == [*NAMES, MALFORMED, ROW_NUMBER, "day"]


def test_a_missing_column_names_source_day_columns_and_remedy() -> None:
    rows = pa.table({name: ["x"] for name in (*NAMES[1:], "identity")})
    with pytest.raises(
        SchemaChanged, match="source t, day 2026-01-02: .*no column id, but new identity.*run the day again.\\n  - id"
    ):
        as_raw(contract(), DayRows(DAY, rows))


def test_a_day_of_nothing_is_a_day() -> None:
    assert as_raw(contract(), DayRows(DAY, pa.table({}))).table.num_rows == 0


def test_unreadable_lines_stand_behind_the_rows() -> None:
    rows = pa.table({name: ["x", "y"] for name in NAMES})
    table = as_raw(contract(), DayRows(DAY, rows, ("???",))).table
    assert table[MALFORMED].to_pylist() == [None, None, "???"]
    assert table[ROW_NUMBER].to_pylist() == [0, 1, 2]


def test_a_column_is_read_by_its_name_at_the_source() -> None:
    first, *others = contract().columns
    renamed = replace(contract(), columns=(replace(first, original="Its Own Name"), *others))
    rows = pa.table({name: ["x"] for name in ("Its Own Name", *NAMES[1:])})
    raw = as_raw(renamed, DayRows(DAY, rows))
    assert raw.unexpected == ()
    assert raw.table.column_names[:1] == [first.name]
    with pytest.raises(SchemaChanged, match="no column Its Own Name"):
        as_raw(renamed, DayRows(DAY, rows.rename_columns(list(NAMES))))


def test_a_state_that_the_source_no_longer_has_is_kept_once() -> None:
    """The record moved on to a later day; what was read of this day stays, and a late row comes behind it."""

    def day(*numbers: str) -> RawDay:
        rows = pa.table({name: pa.array([f"{name}{n}" if n else None for n in numbers], pa.string()) for name in NAMES})
        return as_raw(contract(), DayRows(DAY, rows))

    first = day("1", "2", "")
    again = with_kept(day("2", "3"), first.table)
    assert again.table[NAMES[0]].to_pylist() == [f"{NAMES[0]}1", None, f"{NAMES[0]}2", f"{NAMES[0]}3"]
    assert again.table["row_number"].to_pylist() == [0, 1, 2, 3]
    assert again.table.schema == first.table.schema
    assert with_kept(day("2", "3"), again.table).table == again.table, "a rerun gives the same content"
    narrower = first.table.drop_columns([NAMES[-1]])
    assert with_kept(first, narrower).table == first.table, "a column that came later makes no second state"
