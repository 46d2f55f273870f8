"""A change of schema is a diff that a person reads, with what to write."""

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from assets.ingestion.landing import SchemaChanged, as_raw
from assets.ingestion.schema_diff import schema_diff
from assets.product import Column
from resources.sources.readers import DayRows
from tests.unit.validation.test_audit import contract

CONTRACT = replace(contract(), file="t.yaml")
NAMES = CONTRACT.names
DAY = date(2026, 1, 2)


def rows(*, without: str = "", **new: list[str | None]) -> pa.Table:
    kept = {name: pa.array(["x", "y"]) for name in NAMES if name != without}
    return pa.table(kept | {name: pa.array(values, pa.string()) for name, values in new.items()})


def test_the_message_is_a_diff_with_what_to_write() -> None:
    with pytest.raises(SchemaChanged) as refused:
        as_raw(CONTRACT, DayRows(DAY, rows(without="amount", amount_eur=["1.5", "2"])))
    assert str(refused.value) == (
        "source t, day 2026-01-02: its schema changed: no column amount, but new amount_eur. Agree on the change with "
        "o@bank.example, edit contracts/t.yaml, then run the day again.\n"
        "  - amount: number, required\n"
        "  + amount_eur: looks like number\n"
        "In contracts/t.yaml:\n"
        "  if amount_eur is amount under another name: amount: {..., original: amount_eur}\n"
        "  to take amount_eur: amount_eur: {type: number, description: ..., since: 2026-01-02}\n"
        "  if amount is gone for good: remove its line, and the features of it"
    )


def test_a_new_column_is_left_out_or_refused_by_the_contract() -> None:
    arrived = DayRows(DAY, rows(**{"Card Colour": ["red", None]}))
    admitted = as_raw(CONTRACT, arrived)
    assert admitted.unexpected == ("Card Colour",)
    assert admitted.diff is not None
    assert (
        "to take Card Colour: a_name: {type: string, description: ..., since: 2026-01-02, original: 'Card Colour'}"
        in (admitted.diff.text)
    )
    said = (
        "the contract refuses new columns, but new Card Colour(.|\n)*to leave new columns out: new_columns: leave_out"
    )
    with pytest.raises(SchemaChanged, match=said):
        as_raw(replace(CONTRACT, new_columns="refuse"), arrived)
    assert as_raw(replace(CONTRACT, new_columns="refuse"), DayRows(DAY, rows())).diff is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2"], "integer"), (["1", "2.5"], "number"), (["True", "false"], "boolean"), (["1", "x"], "string"),
        (["2026-01-02T10:00:00", None], "timestamp"), (["2026-01-02T10:00:00Z"] * 2, "timestamp"),
        ([None, None], "string"),
    ],
)  # fmt: skip
def test_the_type_of_a_new_column_is_guessed(values: list[str | None], kind: str) -> None:
    assert schema_diff(CONTRACT, rows(new=values), DAY).added == (("new", kind),)


def test_days_before_a_column_do_not_need_it() -> None:
    """Its line, with the day, admits the new column; a backfill of older days goes on."""
    taken = replace(CONTRACT, columns=(*CONTRACT.columns, Column("colour", "string", "", since=DAY)))
    before = as_raw(taken, DayRows(DAY - timedelta(days=1), rows()))
    assert (before.diff, before.table["colour"].to_pylist()) == (None, [None, None])
    assert as_raw(taken, DayRows(DAY, rows(colour=["red", None]))).table["colour"].to_pylist() == ["red", None]
    with pytest.raises(SchemaChanged, match="no column colour"):
        as_raw(taken, DayRows(DAY, rows()))


def test_no_value_of_a_new_column_is_shown() -> None:
    """It may be personal."""
    assert "someone@example.com" not in schema_diff(CONTRACT, rows(mail=["someone@example.com", None]), DAY).text


def test_columns_without_a_name_or_of_one_new_name_are_no_error() -> None:
    """A writer that ends each line with commas; a header that repeats a name that nobody reads."""
    arrived, more = rows(), pa.array(["1", "2"])
    for name in ("", "", "mcc", "mcc"):
        arrived = arrived.append_column(name, more)
    assert schema_diff(CONTRACT, arrived, DAY).lines == ("+ mcc: looks like integer",)
    assert as_raw(CONTRACT, DayRows(DAY, arrived)).table.num_rows == 2
