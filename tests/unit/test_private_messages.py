"""No error of ours, nor what caused it, quotes a value of a row: errors go into logs, alerts and Dagster's pages."""

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from assets.features.columns.arrow import as_steps, numeric, read_micros, read_sequence, text_codes
from assets.ingestion.landing import as_raw
from assets.product import Contract
from assets.training.rows.labels import mature_labels
from assets.validation.audit import audit
from pipelines.products import load_product
from resources.errors import LooplineError
from resources.online_store.event_blocks import TIMESTAMP, block_table, blocks, decode
from resources.online_store.event_records import NewEvent, encode_event, key_text, unkeepable
from resources.sources.files.csv_files import read_csv
from resources.sources.readers import DayRows

SECRET = "Jane-Roe-1977"
NUMBER = 19770523
DAY = date(2026, 3, 1)
SCHEMA = pa.schema([("event_time", TIMESTAMP), ("known_at", TIMESTAMP), ("person", pa.string()), ("n", pa.int64())])
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROW = {"event_time": NOW, "known_at": NOW, "person": "p", "n": 1}


def _credit(**changes: object) -> Contract:
    return replace(load_product("credit_risk").contract("applications"), **changes)


def _event(**change: object) -> None:
    encode_event(NewEvent({**ROW, **change}), SCHEMA, source="people")


def _records(**change: object) -> None:
    values = {"event_time": 1, "known_at": 1, "person": "p", "n": 1, **change}
    decode(None, [json.dumps(values).encode()], SCHEMA, since=datetime(1970, 1, 1, tzinfo=UTC))


def _label(ids: pa.Array, column: pa.Array) -> None:
    label = load_product("credit_risk").label
    events = pa.table({label.row_id: ids, label.column: column, "event_time": [NOW], "known_at": [NOW]})
    mature_labels(pa.table({"row_id": [1], "as_of": [NOW]}), events, label, NOW)


def _audit(type_: str, **kwargs: object) -> None:
    contract = _credit(expectations=({"type": type_, "kwargs": kwargs},))
    values = {name: ["1"] for name in contract.names}
    values |= {"event_time": ["2026-03-01T00:00:00Z"], "known_at": ["2026-03-01T00:00:00Z"], "email": [SECRET]}
    values |= {"customer_id": [SECRET], "national_id": [str(NUMBER)]}
    audit(contract, as_raw(contract, DayRows(DAY, pa.table(values))).table, [DAY])


CASES: dict[str, Callable[[], object]] = {
    "an entity key with a control character": lambda: key_text(f"{SECRET}\0"),
    "an entity key that is too long": lambda: key_text(SECRET * 30),
    "an entity key of another type": lambda: key_text([SECRET]),  # type: ignore[arg-type]
    "a number where a text belongs": lambda: _event(person=NUMBER),
    "a text where a number belongs": lambda: _event(n=SECRET),
    "a fraction where a whole number belongs": lambda: _event(n=NUMBER + 0.5),
    "a time without a zone": lambda: _event(event_time=datetime(1977, 5, 23)),
    "a text where a time belongs": lambda: _event(event_time=SECRET),
    "a text that is too long": lambda: _event(person=SECRET * 100),
    "a record with a text for a number": lambda: _records(n=SECRET),
    "a record with a number for a text": lambda: _records(person=NUMBER),
    "a record with a text for a time": lambda: _records(event_time=SECRET),
    "a record that is no JSON": lambda: decode(None, [f"{SECRET}".encode()], SCHEMA, since=NOW),
    "a block of other bytes": lambda: block_table(SECRET.encode() * 9, SCHEMA),
    "a key of a table that cannot be one": lambda: list(
        blocks(pa.table({"person": [f"{SECRET}\0"], "known_at": pa.array([NOW], TIMESTAMP)}), "person")
    ),
    "a number too large to be summed": lambda: as_steps(np.array([1.9770523e18]), None, Fraction(1, 100), "t.n"),
    "a text that is used as a number": lambda: numeric(pa.array([SECRET]), "t.n"),
    "a number that is used as a text": lambda: text_codes(pa.array([NUMBER]), "t.n"),
    "a time finer than a microsecond": lambda: read_micros(
        pa.table({"t": pa.array([233_193_600_197_705_231], pa.timestamp("ns", "UTC"))}), "t", "t"
    ),
    "an order that is no whole number": lambda: read_sequence(pa.table({"s": [SECRET]}), "s", "t"),
    "a label's row id of another type": lambda: _label(pa.array([SECRET]), pa.array([1.0])),
    "a label of another type": lambda: _label(pa.array([1]), pa.array([SECRET])),
    "a file whose header is lacking": lambda: as_raw(
        _credit(), DayRows(DAY, read_csv(f"{SECRET},{NUMBER}\n{SECRET},{NUMBER}\n".encode(), settled=True).table)
    ),
    "a header with a name twice": lambda: read_csv(f"{SECRET},{SECRET}\n1,2\n".encode(), settled=True),
    "a message with a value too large": lambda: pytest.fail(str(unkeepable({**ROW, "n": 2**70}, SCHEMA, ["person"]))),
    "a message with a key that no store takes": lambda: pytest.fail(
        str(unkeepable({**ROW, "person": f"{SECRET}\0"}, SCHEMA, ["person"]))
    ),
    "an expectation that fails on a token": lambda: _audit(
        "expect_column_values_to_be_between", column="email", min_value=1, max_value=2
    ),
    "an expectation that fails on an entity key": lambda: _audit(
        "expect_column_values_to_be_between", column="customer_id", min_value=1, max_value=2
    ),
    "an expectation of a pair of columns": lambda: _audit(
        "expect_column_pair_values_a_to_be_greater_than_b", column_A="amount", column_B="email"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_no_message_and_no_cause_of_it_quotes_a_value(case: str) -> None:
    with pytest.raises((LooplineError, pytest.fail.Exception)) as refused:
        CASES[case]()
    printed = [str(refused.value)]
    error: BaseException | None = refused.value
    while error is not None:
        printed += traceback.format_exception_only(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for text in printed:
        assert SECRET not in text, text
        assert "1977" not in text, text
        assert "197705231" not in text.replace(",", ""), text
