"""Deliveries with odd values: numbers, times, duplicates, in each format.

Belongs here: kinds whose form is ordinary and whose values are odd. Does not belong here: the list of odd values
(`rows.py`), odd forms (`kinds_text.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from tests.campaigns.deliveries.cases import ANY_COLUMN, Row, Step, published, refused
from tests.campaigns.deliveries.forms import Dialect, json_line, json_lines, parquet_columns, parquet_file
from tests.campaigns.deliveries.kinds import Kind
from tests.campaigns.deliveries.product import PURPOSE
from tests.campaigns.deliveries.rows import NUMBERS, TIMES_OF_ROWS, Odd, good_rows, some_odd

COUNT = 60
BERLIN = ZoneInfo("Europe/Berlin")


def odd_values(odds: Sequence[Odd], form: str, chance: Random, day: date) -> list[Step]:
    """Rows of which some have an odd value; the rest is published."""
    rows = some_odd(chance, good_rows(chance, day, COUNT), odds, day)
    data = Dialect().file(rows) if form == "csv" else json_lines(rows)
    return [published({f"{form}/{day}.{form}": data}, day, rows)]


def mostly_bad(chance: Random, day: date) -> list[Step]:
    """So many bad rows that none of the day is published."""
    rows = good_rows(chance, day, COUNT)
    bad = tuple(row.bad("amount", amount="-1") if n % 10 < 8 else row for n, row in enumerate(rows))
    return [refused({f"csv/{day}.csv": Dialect().file(bad)}, day, "Nothing was published")]


def all_bad_then_mended(chance: Random, day: date) -> list[Step]:
    """A day that is refused, delivered again, and then published whole."""
    rows = good_rows(chance, day, COUNT)
    bad = tuple(row.bad("amount", amount="much") for row in rows)
    file = f"csv/{day}.csv"
    return [
        refused({file: Dialect().file(bad)}, day, "Nothing was published"),
        published({file: Dialect().file(rows)}, day, rows),
    ]


def duplicates(chance: Random, day: date) -> list[Step]:
    """Second rows of a key within the day, equal or not, are quarantined for the key."""
    rows = list(good_rows(chance, day, COUNT))
    for place in sorted(chance.sample(range(1, COUNT), 5)):
        first = rows[chance.randrange(place)]
        other = first if chance.random() < 0.5 else rows[place]
        rows[place] = other.bad("id", id=first.texts["id"])
    return [published({f"csv/{day}.csv": Dialect().file(rows)}, day, tuple(rows))]


def duplicates_of_days(chance: Random, day: date) -> list[Step]:
    """The rows of a day with the keys of the day before: each day is judged by itself."""
    second = day + timedelta(days=1)
    yesterday, today = good_rows(chance, day, COUNT), good_rows(chance, second, COUNT)
    again = tuple(
        replace(
            row, texts={**row.texts, "id": old.texts["id"]}, published=({**row.published[0], "id": old.texts["id"]},)
        )
        for row, old in zip(today, yesterday, strict=True)
    )
    return [
        published({f"csv/{day}.csv": Dialect().file(yesterday)}, day, yesterday),
        published({f"csv/{second}.csv": Dialect().file(again)}, second, again),
    ]


def without_consent(chance: Random, day: date) -> list[Step]:
    """Rows of subjects who have not consented, or no longer, are withheld, and counted."""
    given = {f"C{n:03}" for n in range(12) if n % 3}
    head = "id,customer,purpose,granted,event_time,known_at\n"
    at = f"{day}T00:00:00Z"
    lines = [f"{day}-{subject},{subject},{PURPOSE},true,{at},{at}\n" for subject in sorted(given)]
    withdrawn = chance.choice(sorted(given))
    lines.append(f"{day}-w,{withdrawn},{PURPOSE},false,{day}T00:00:01Z,{day}T00:00:01Z\n")
    rows = [
        row if row.texts["customer"] in given - {withdrawn} else replace(row, published=(), withheld=True)
        for row in some_odd(chance, good_rows(chance, day, COUNT), NUMBERS, day, 0.2)
    ]
    # A bad row of a subject without consent may be told as either.
    files = {f"consented/{day}.csv": Dialect().file(rows), f"consents/{day}.csv": (head + "".join(lines)).encode()}
    return [published(files, day, tuple(rows))]


def in_berlin(chance: Random, day: date) -> list[Step]:
    """Times without offset in a zone with summer time: the hour that is missing names no time, the double one two."""
    rows = list(good_rows(chance, day, COUNT, offsets=False))
    for place, row in enumerate(rows):
        texts, values = dict(row.texts), dict(row.published[0])
        for column in ("event_time", "known_at", "seen_at"):
            if values[column] is not None:
                texts[column] = values[column].astimezone(BERLIN).replace(tzinfo=None).isoformat(sep=" ")
        rows[place] = replace(row, texts=texts, published=(values,))
    hour = 2
    for place in chance.sample(range(COUNT), 8):
        local = datetime(day.year, day.month, day.day, hour, chance.randrange(60), chance.randrange(60))
        times = {local.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC) for fold in (0, 1)}
        real = {time for time in times if time.astimezone(BERLIN).replace(tzinfo=None) == local}
        row = rows[place]
        rows[place] = Row(
            {**row.texts, "event_time": local.isoformat()},
            tuple({**row.published[0], "event_time": time} for time in sorted(real)),
            frozenset() if len(real) == 1 else frozenset({"event_time", "known_at"}),
        )
    # The file of a day is that of the zone's day: two files make a UTC day.
    files = {f"berlin/{day}.csv": Dialect().file(rows), f"berlin/{day + timedelta(days=1)}.csv": Dialect().file(())}
    return [published(files, day, tuple(rows))]


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


def nested_json(chance: Random, day: date) -> list[Step]:
    """An object in the place of a text: its JSON is published, or it is refused or quarantined."""
    rows = tuple(replace(row, faulty=ANY_COLUMN, anything=True) for row in good_rows(chance, day, COUNT))
    lines = [json_line(row).replace('"note": ', '"note": {"a": [1, 2]}, "other": ') for row in rows]
    return [published({f"jsonl/{day}.jsonl": "\n".join([*lines, ""]).encode()}, day, rows, may_refuse=True)]


def nested_parquet(chance: Random, day: date) -> list[Step]:
    """The same in a column of Parquet."""
    rows = tuple(replace(row, faulty=ANY_COLUMN, anything=True) for row in good_rows(chance, day, COUNT))
    columns = parquet_columns(rows) | {"note": pa.array([{"a": 1}] * COUNT)}
    return [published({f"parquet/{day}.parquet": parquet_file(columns)}, day, rows, may_refuse=True)]


def other_format(form: str, chance: Random, day: date) -> list[Step]:
    """A file of one format under the name of another."""
    rows = good_rows(chance, day, COUNT)
    written = {"csv": Dialect().file(rows), "jsonl": json_lines(rows), "parquet": parquet_file(parquet_columns(rows))}
    del written[form]
    return [refused({f"{form}/{day}.{form}": written[chance.choice(sorted(written))]}, day)]


_SMALL = {"row_group_size": 7, "data_page_size": 64}

KINDS = (
    Kind("numbers_csv", "csv", partial(odd_values, NUMBERS, "csv")),
    Kind("numbers_jsonl", "jsonl", partial(odd_values, NUMBERS, "jsonl")),
    Kind("times_csv", "csv", partial(odd_values, TIMES_OF_ROWS, "csv")),
    Kind("times_jsonl", "jsonl", partial(odd_values, TIMES_OF_ROWS, "jsonl")),
    Kind("mostly_bad", "csv", mostly_bad),
    Kind("bad_then_mended", "csv", all_bad_then_mended),
    Kind("duplicates", "csv", duplicates),
    Kind("duplicates_of_days", "csv", duplicates_of_days, days=2),
    Kind("without_consent", "consented", without_consent),
    Kind("spring", "berlin", in_berlin, fixed=(date(2024, 3, 31), date(2025, 3, 30), date(2026, 3, 29))),
    Kind("autumn", "berlin", in_berlin, fixed=(date(2024, 10, 27), date(2025, 10, 26), date(2026, 10, 25))),
    Kind("any_day_in_berlin", "berlin", in_berlin, days=2),
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
    Kind("nested_json", "jsonl", nested_json),
    Kind("nested_parquet", "parquet", nested_parquet),
    Kind("no_csv", "csv", partial(other_format, "csv")),
    Kind("no_jsonl", "jsonl", partial(other_format, "jsonl")),
    Kind("no_parquet", "parquet", partial(other_format, "parquet")),
)
