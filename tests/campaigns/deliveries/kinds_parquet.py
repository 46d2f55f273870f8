"""Deliveries in Parquet, in the types of many writers.

Belongs here: kinds whose columns have types of their own. Does not belong here: text (`kinds_values.py`), files that
are cut (`kinds_files.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import pyarrow as pa

from tests.campaigns.deliveries.cases import ANY_COLUMN, Row, Step, published
from tests.campaigns.deliveries.forms import parquet_columns, parquet_file
from tests.campaigns.deliveries.kinds import Kind
from tests.campaigns.deliveries.rows import good_rows

COUNT = 60

Columns = dict[str, Any]


def parquet(
    change: Callable[[Random, Columns, list[Row]], Columns], terms: Mapping[str, Any], chance: Random, day: date
) -> list[Step]:
    """Rows in the types of some writer."""
    rows = [_whole_seconds(row) for row in good_rows(chance, day, COUNT)]
    columns = change(chance, parquet_columns(rows), rows)
    return [published({f"parquet/{day}.parquet": parquet_file(columns, **terms)}, day, tuple(rows))]


def _whole_seconds(row: Row) -> Row:
    """Milliseconds and seconds hold its times too."""
    whole = {
        name: value.replace(microsecond=0) if isinstance(value, datetime) else value
        for name, value in row.published[0].items()
    }
    return replace(row, published=(whole,))


def _same(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    return columns


def _as_text(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    """Every column a text, dictionaries and large ones among them."""
    for place, row in enumerate(rows):
        texts = {
            name: value.isoformat() if isinstance(value, datetime) else row.texts[name]
            for name, value in row.published[0].items()
        }
        rows[place] = replace(row, texts=texts)
    kinds = [pa.string(), pa.large_string(), pa.string_view()]
    found = {name: pa.array([row.texts[name] for row in rows], chance.choice(kinds[:2])) for name in columns}
    return {**found, "customer": found["customer"].cast(pa.string()).dictionary_encode()}


def _decimals(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    kind = chance.choice([pa.decimal128(18, 2), pa.decimal128(38, 10), pa.decimal256(60, 20)])
    amounts = [Decimal(str(row.texts["amount"])) for row in rows]
    return {**columns, "amount": pa.array(amounts, pa.decimal256(60, 20)).cast(kind)}


def _other_times(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    kinds = [
        pa.timestamp("ns", "UTC"),
        pa.timestamp("ms"),
        pa.timestamp("us"),
        pa.timestamp("ms", "Europe/Berlin"),
        pa.timestamp("ns"),
    ]
    return columns | {name: columns[name].cast(chance.choice(kinds)) for name in ("event_time", "known_at", "seen_at")}


def _odd_types(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    """A column without any value, numbers that are narrow or unsigned, bytes for a text."""
    for place, row in enumerate(rows):
        rows[place] = replace(row, published=({**row.published[0], "seen_at": None, "count": place},))
    numbers = pa.array(
        range(len(rows)), chance.choice([pa.int8(), pa.uint64(), pa.float64(), pa.decimal128(5, 0), pa.uint8()])
    )
    return {
        **columns,
        "seen_at": pa.nulls(len(rows)),
        "count": numbers,
        "customer": columns["customer"].cast(pa.large_string()),
    }


def _odd_numbers(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    """What a 64-bit number can be, and an amount must not."""
    amounts, counts = columns["amount"].to_pylist(), columns["count"].to_pylist()
    odd = [float("nan"), float("inf"), 1e17, 1e300, 1.234, 0.1 + 0.2, -1.0, 1e18, 2.0**60, None]
    for place, value in zip(chance.sample(range(COUNT // 2), len(odd)), odd, strict=True):
        amounts[place] = value
        rows[place] = rows[place].bad("amount")
        if value == 0.1 + 0.2:
            # The sum of two floats: 30 cents, but for the last digit of a float.
            noise = tuple({**_values(columns, place), "amount": amount} for amount in (0.3, value))
            rows[place] = replace(rows[place], published=noise)
    for place, value in zip(range(COUNT // 2, COUNT), (2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)), strict=False):
        counts[place] = value
        rows[place] = replace(
            rows[place], published=({**rows[place].published[0], "count": value},), faulty=frozenset({"count"})
        )
    return {**columns, "amount": pa.array(amounts, pa.float64()), "count": pa.array(counts, pa.int64())}


def _values(columns: Columns, place: int) -> dict[str, Any]:
    return {name: column[place].as_py() for name, column in columns.items()}


def _odd_times(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    """Default dates and times that other systems hold in microseconds."""
    limits = [
        -(2**63),
        2**63 - 1,
        -62_135_596_800_000_000,
        253_402_300_799_999_999,
        0,
        -1,
        253_402_300_800_000_000,
        None,
    ]
    times = columns["event_time"].cast(pa.int64()).to_pylist()
    for place, value in zip(chance.sample(range(COUNT), len(limits)), limits, strict=True):
        times[place] = value
        rows[place] = rows[place].bad("event_time", "known_at")
    return {**columns, "event_time": pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC"))}


def _nanoseconds(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    """Times finer than a microsecond: never rounded up."""
    fine = columns["known_at"].cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist()
    for place in chance.sample(range(COUNT), COUNT // 3):
        fine[place] += chance.choice([1, 499, 500, 999])
        rows[place] = replace(rows[place], faulty=frozenset({"known_at"}))
    return {**columns, "known_at": pa.array(fine).cast(pa.timestamp("ns", "UTC"))}


def _surplus(chance: Random, columns: Columns, rows: list[Row]) -> Columns:
    """Columns that the contract does not name, of types that are no text."""
    return {
        **columns,
        "tags": pa.array([["a", "b"]] * COUNT),
        "place": pa.array([{"x": 1}] * COUNT),
        "blob": pa.array([b"\x00\xff"] * COUNT),
    }


def no_rows(chance: Random, day: date) -> list[Step]:
    """A Parquet file without a row is a day without rows."""
    empty = {name: column.slice(0, 0) for name, column in parquet_columns(good_rows(chance, day, 2)).items()}
    return [published({f"parquet/{day}.parquet": parquet_file(empty)}, day, ())]


def nested_parquet(chance: Random, day: date) -> list[Step]:
    """The same in a column of Parquet."""
    rows = tuple(replace(row, faulty=ANY_COLUMN, anything=True) for row in good_rows(chance, day, COUNT))
    columns = parquet_columns(rows) | {"note": pa.array([{"a": 1}] * COUNT)}
    return [published({f"parquet/{day}.parquet": parquet_file(columns)}, day, rows, may_refuse=True)]


_SMALL = {"row_group_size": 7, "data_page_size": 64}

KINDS = (
    *(
        Kind(f"parquet_{name}", "parquet", partial(parquet, change, terms))
        for name, change, terms in (
            ("plain", _same, {}),
            ("groups", _same, {**_SMALL, "compression": "zstd"}),
            ("version_1", _same, {"version": "1.0", "use_dictionary": False, "compression": "gzip"}),
            ("pages_2", _same, {"data_page_version": "2.0", "compression": "brotli"}),
            ("int96", _same, {"use_deprecated_int96_timestamps": True}),
            ("text", _as_text, _SMALL),
            ("decimals", _decimals, {}),
            ("other_times", _other_times, {}),
            ("odd_types", _odd_types, {"compression": "lz4"}),
            ("odd_numbers", _odd_numbers, {}),
            ("odd_times", _odd_times, {}),
            ("nanoseconds", _nanoseconds, {}),
            ("surplus", _surplus, {}),
        )
    ),
    Kind("parquet_no_rows", "parquet", no_rows),
    Kind("nested_parquet", "parquet", nested_parquet),
)
