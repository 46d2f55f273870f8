"""Typing: a text has the same value whatever stands beside it, and an unreadable one is marked."""

import random
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from assets.product import Column, ColumnType
from assets.validation.rules.typing import TypedColumn, typed

NOT_READ = "n/a"


def read(kind: ColumnType, *texts: str | None) -> TypedColumn:
    return typed(Column("c", kind, ""), pa.chunked_array([pa.array(texts, pa.string())]))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "1234567890123456789", 1234567890123456789),
        ("integer", "-9223372036854775808", -(2**63)),
        ("integer", "007", 7),
        ("integer", " +5.00", 5),
        ("integer", "1e3", 1000),
        ("number", "0.13436424411240122", 0.13436424411240122),
        ("number", "9223372036854775808", 2.0**63),
        ("number", " 1.5e-3", 0.0015),
        ("boolean", "TRUE", True),
        ("boolean", "0", False),
        ("timestamp", "2026-01-02T10:00:00.123456Z", datetime(2026, 1, 2, 10, 0, 0, 123456, UTC)),
        ("timestamp", "2026-01-02 10:00:00+02:00", datetime(2026, 1, 2, 8, tzinfo=UTC)),
        ("timestamp", "2026-01-02T10:00", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("timestamp", "2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("timestamp", "20260102T101500.5", datetime(2026, 1, 2, 10, 15, 0, 500000, UTC)),
        ("timestamp", "2026-01-02T10:00:00.123456789Z", datetime(2026, 1, 2, 10, 0, 0, 123456, UTC)),
        ("timestamp", "2300-01-01T00:00:00Z", datetime(2300, 1, 1, tzinfo=UTC)),
        ("timestamp", "2300-01-01 00:00:00", datetime(2300, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_value_is_the_same_alone_and_beside_one_that_cannot_be_read(
    kind: ColumnType, text: str, value: object
) -> None:
    """The typed value is that of the text alone, to the last bit."""
    assert read(kind, text).values.to_pylist() == [value]
    beside = read(kind, NOT_READ, text, None, text)
    assert beside.values.to_pylist() == [None, value, None, value]
    assert beside.unreadable.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "9223372036854775808"),
        ("integer", "1e30"),
        ("integer", "0x1F"),
        ("integer", "1_000"),
        ("number", "1e999"),
        ("number", "nan"),
        ("number", "1,5"),
        ("boolean", "yes"),
        ("timestamp", "now"),
        ("timestamp", "2026"),
        ("timestamp", "2026-02-30T00:00:00Z"),
        ("timestamp", "0001-01-01T00:00:00+05:00"),
        ("timestamp", "9999-12-31T23:59:59-05:00"),
    ],
)
def test_what_is_not_of_the_type_is_unreadable_and_nothing_else_is(kind: ColumnType, text: str) -> None:
    """A text that is no value of the type is marked, alone and beside a good one, and never raises."""
    good = {"integer": "1", "number": "1", "boolean": "1", "timestamp": "2026-01-01T00:00:00Z"}[kind]
    assert read(kind, text).unreadable.tolist() == [True]
    column = read(kind, good, text)
    assert column.unreadable.tolist() == [False, True]
    assert column.values.null_count == 1


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "timestamp"])
def test_any_text_is_read_alike_in_any_company(kind: ColumnType) -> None:
    """Texts made of the characters that values are written with: each alone, and all of them at once."""
    chance = random.Random(7)
    starts = ("", "2026-01-0", "2026-01-02T10:0", "20260102", "true", "12")
    texts = [
        chance.choice(starts) + "".join(chance.choices("0123459 -+.:eETZxtrufalsn", k=chance.randrange(7)))
        for _ in range(2_000)
    ]
    together = read(kind, *texts).values.to_pylist()
    assert together == [read(kind, text).values.to_pylist()[0] for text in texts]
    assert sum(value is not None for value in together) > 20


def test_full_precision_doubles_keep_their_last_bit_beside_a_bad_one() -> None:
    """A number is what Python reads from the same text."""
    chance = random.Random(1)
    texts = [repr(chance.random()) for _ in range(5_000)]
    assert read("number", *texts, NOT_READ).values.to_pylist()[:-1] == [float(text) for text in texts]
