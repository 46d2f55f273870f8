"""Good rows of the campaign, and values that are odd.

Belongs here: columns, texts and what each must become, from the words of the documentation alone. Does not belong here:
the form in which they are delivered (`forms.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from tests.campaigns.deliveries.cases import Row

COLUMNS = ("id", "customer", "event_time", "known_at", "amount", "share", "count", "flag", "note", "seen_at")
TIMES = ("event_time", "known_at", "seen_at")

PLAIN_NOTES = (
    "plain", "007", "1e5", "true", "NULL", "NaN", "null", "N/A", "None", "2024-01-01", "2024-01-01T00:00:00Z", "0",
    " leading and trailing ", "'", "\\", "\\n", "\\N", "#hash", "=1+1", "umlaut äöü", "price €", "{}", "[1]", "-", ".",
)  # fmt: skip
ODD_NOTES = (
    'a "quoted" word', '"', '""', "comma, semicolon; pipe| tab\t.", "two\nlines", "two\r\nlines", "\n", "a\rb",
    'ends with quote"', ",", ';"\n",', "\t",
)  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """A text that is no ordinary value of its column.

    Attributes:
        text: May hold {day}, {before} and {after}: the day, and its neighbours.
        values: What may be published instead of a quarantine; a text among them is a time, with the same places.
        keep: Whether it must be published.
        columns: For which it may be quarantined; by default its own.
    """

    column: str
    text: str
    values: tuple[Any, ...] = ()
    keep: bool = False
    columns: tuple[str, ...] = ()


def _all(column: str, *texts: str, columns: tuple[str, ...] = ()) -> tuple[Odd, ...]:
    return tuple(Odd(column, text, columns=columns) for text in texts)


_TIME_PAIR = ("event_time", "known_at")

NUMBERS: tuple[Odd, ...] = (
    *_all("amount", "much", "NaN", "nan", "inf", "-inf", "Infinity", "1,5", "1.234", "0.001", "1e17", "1E17", "1e400",
          "-0.01", "12.5.0", "0x10", "--5", "99999999999999999.99", "100000000000000000.01", "90000000000000.01",
          "22517998136852.48", "1000000000000.005", "4.9999999", ""),
    Odd("amount", " 5.00 ", (5.0,)), Odd("amount", "+5.00", (5.0,)), Odd("amount", "1e3", (1000.0,)),
    Odd("amount", "5.", (5.0,)), Odd("amount", ".5", (0.5,)), Odd("amount", "005.10", (5.1,)),
    Odd("amount", "5.1000000000", (5.1,), keep=True), Odd("amount", "-0", (0.0,)), Odd("amount", "1_000", (1000.0,)),
    # Within a millionth of a step: what the arithmetic of a source leaves behind.
    Odd("amount", "4.999999999999", (5.0, 4.999999999999)), Odd("amount", "22517998136852.47", (22517998136852.47,)),
    Odd("amount", "0.10", (0.1,), keep=True), Odd("amount", "4503599627.29", (4503599627.29,), keep=True),
    *_all("share", "NaN", "inf", "-Infinity", "1e999", "half"),
    Odd("share", "1e-320", (1e-320,)), Odd("share", "1e308", (1e308,)), Odd("share", "-0.0", (0.0,)),
    Odd("share", "0.1000000000000000055511151231257827", (0.1,)),
    *_all("count", "1.5", "many", "9223372036854775808", "-9223372036854775809", "1e30", "0x1F", "NaN"),
    Odd("count", "1.0", (1,)), Odd("count", "+7", (7,)), Odd("count", " 7 ", (7,)), Odd("count", "1e2", (100,)),
    Odd("count", "007", (7,)), Odd("count", "1_0", (10,)),
    Odd("count", "9007199254740993", (9007199254740993,)), Odd("count", "-9007199254740993", (-9007199254740993,)),
    Odd("count", "9223372036854775807", (9223372036854775807,)),
    *_all("flag", "maybe", "2", "-1", "truefalse"),
    Odd("flag", "True", (True,)), Odd("flag", "FALSE", (False,)), Odd("flag", "1", (True,)), Odd("flag", "0", (False,)),
    Odd("flag", "yes", (True,)), Odd("flag", "t", (True,)), Odd("flag", " true", (True,)),
)  # fmt: skip

DEFAULT_DATES = (
    "0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00.000", "0000-00-00", "0000-00-00 00:00:00", "1601-01-01",
    "1753-01-01", "1858-11-17", "1899-12-30", "1899-12-31", "1900-01-01", "1900-01-01T00:00:00", "1904-01-01",
    "1969-12-31T23:59:59Z", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.000Z",
    "1970-01-01T01:00:00+01:00", "9999-12-31", "9999-12-31T23:59:59", "9999-12-31T23:59:59.999999Z",
)  # fmt: skip
FAR_TIMES = (
    "2262-04-11T23:47:16.854775Z", "2262-04-11T23:47:16.854776Z", "2999-12-31", "10000-01-01", "275760-09-13",
    "+012024-01-01T00:00:00Z", "-0001-01-01", "-2000-01-01T00:00:00Z", "292278-01-01T00:00:00Z",
)  # fmt: skip
NO_TIMES = (
    "2024-02-30T10:00:00", "{day}T23:59:60", "{day}T25:00:00", "{day}T10:61:00", "{day}T10:00:00+99:00", "1709251200",
    "1709251200000", "03/04/2024", "yesterday", "{day}T10:00:00 Europe/Berlin", "", "{day}T10:00:00ZZ", "now", "45352",
)  # fmt: skip

TIMES_OF_ROWS: tuple[Odd, ...] = (
    *_all("event_time", *DEFAULT_DATES, *FAR_TIMES, *NO_TIMES, columns=_TIME_PAIR),
    *_all("known_at", *DEFAULT_DATES, *FAR_TIMES, *NO_TIMES, columns=_TIME_PAIR),
    *_all("known_at", "{after}T00:00:00Z", "{before}T23:59:59.999999Z", "{after}T00:00:00.000001Z",
          "{day}T00:30:00+01:00", "{day}T23:30:00-01:00", "{before}", "{after}", columns=_TIME_PAIR),
    Odd("known_at", "{day}T23:59:59.999999Z", ("{day}T23:59:59.999999",), keep=True),
    Odd("known_at", "{after}T00:30:00+02:00", ("{day}T22:30:00",), keep=True),
    Odd("known_at", "{day}T23:59:59.9999999Z", ("{day}T23:59:59.999999",)),
    Odd("event_time", "{day}", ("{day}T00:00:00",)), Odd("event_time", "{day}T00", ("{day}T00:00:00",)),
    Odd("event_time", "{day}T00:00:00,5", ("{day}T00:00:00.5",)),
    Odd("event_time", "{day}T00:00:00.000001Z", ("{day}T00:00:00.000001",), keep=True),
    Odd("event_time", "{day}T00:00:00.1234567Z", ("{day}T00:00:00.123456",)),
    Odd("event_time", "{day}T00:00:00.100000000Z", ("{day}T00:00:00.1",)),
    Odd("event_time", "{day}T02:00:00+02:00", ("{day}T00:00:00",), keep=True),
    Odd("event_time", "{before}T19:00:00-05:00", ("{day}T00:00:00",), keep=True),
    Odd("event_time", "{day}T05:45:00+05:45", ("{day}T00:00:00",), keep=True),
    Odd("event_time", " {day}T00:00:00Z ", ("{day}T00:00:00",)),
    Odd("event_time", "{day}T24:00:00", ()),
    Odd("event_time", "{day}t00:00:00z", ("{day}T00:00:00",)),
    Odd("seen_at", "0001-01-01T00:00:00Z", ("0001-01-01T00:00:00",)),
    Odd("seen_at", "9999-12-31T23:59:59.999999Z", ("9999-12-31T23:59:59.999999",)),
    Odd("seen_at", "1677-09-21T00:12:43Z", ("1677-09-21T00:12:43",), keep=True),
    Odd("seen_at", "1969-12-31T23:59:59.999999Z", ("1969-12-31T23:59:59.999999",), keep=True),
    Odd("seen_at", "1582-10-10T00:00:00Z", ("1582-10-10T00:00:00",), keep=True),
    Odd("seen_at", "2016-02-29T12:00:00+14:00", ("2016-02-28T22:00:00",), keep=True),
    *_all("seen_at", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "10000-01-01", "2023-02-29"),
)  # fmt: skip


def utc(text: str, day: date) -> datetime:
    """The time that a text with {day}, {before} or {after} names, in UTC."""
    return datetime.fromisoformat(filled(text, day)).replace(tzinfo=UTC)


def filled(text: str, day: date) -> str:
    """The text for that day."""
    one = timedelta(days=1)
    named = (("{day}", day), ("{before}", day - one), ("{after}", day + one))
    for name, there in named:
        text = text.replace(name, str(there))
    return text


def good_rows(
    chance: Random, day: date, count: int, *, notes: Sequence[str] = PLAIN_NOTES, offsets: bool = True
) -> tuple[Row, ...]:
    """Rows that must be published with exactly their values; their ids are unique over all days.

    Args:
        offsets: Whether times are written with offsets, or without any.
    """
    return tuple(_good_row(chance, day, number, notes, offsets) for number in range(count))


def _good_row(chance: Random, day: date, number: int, notes: Sequence[str], offsets: bool) -> Row:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    event = midnight + timedelta(microseconds=chance.randrange(12 * 3600 * 10**6) + 6 * 3600 * 10**6)
    known = event + timedelta(microseconds=chance.randrange(3600 * 10**6))
    seen = event - timedelta(days=chance.randrange(9_000), microseconds=chance.randrange(10**6))
    cents, share = chance.randrange(10**7), chance.random()
    note = chance.choice([*notes, ""])
    count, flag = chance.choice([0, 1, -5, chance.randrange(-(2**40), 2**40)]), chance.random() < 0.5
    texts: dict[str, str | None] = {
        "id": f"{day}-{number:05}",
        "customer": f"C{chance.randrange(12):03}",
        "event_time": _written(chance, event, offsets),
        "known_at": _written(chance, known, offsets),
        "amount": f"{cents // 100}.{cents % 100:02}",
        "share": repr(share),
        "count": str(count),
        "flag": "true" if flag else "false",
        "note": note or None,
        "seen_at": _written(chance, seen, offsets),
    }
    values = {
        **texts, "event_time": event, "known_at": known, "seen_at": seen, "amount": cents / 100, "share": share,
        "count": count, "flag": flag,
    }  # fmt: skip
    row = Row(texts, (values,))
    for optional in ("share", "count", "flag", "seen_at"):
        if chance.random() < 0.05:
            row = Row({**row.texts, optional: None}, ({**row.published[0], optional: None},))
    return row


def _written(chance: Random, time: datetime, offsets: bool) -> str:
    """The time in one of the forms of ISO-8601."""
    shift = timedelta(hours=chance.choice([0, 0, 1, -5, 5.75])) if offsets else timedelta(0)
    text = (time + shift).replace(tzinfo=None).isoformat(sep=chance.choice("T "))
    if not offsets:
        return text
    if not shift:
        return text + chance.choice(["", "Z", "+00:00"])
    sign, minutes = "-" if shift < timedelta(0) else "+", int(abs(shift).total_seconds()) // 60
    return f"{text}{sign}{minutes // 60:02}:{minutes % 60:02}"


def odd_row(row: Row, odd: Odd, day: date) -> Row:
    """A good row with one odd value; the other time of the row allows it."""
    texts = {**row.texts, odd.column: filled(odd.text, day)}
    base = dict(row.published[0])
    if odd.column == "known_at" and odd.values:
        texts["event_time"], base["event_time"] = f"{day}T00:00:00Z", utc("{day}T00:00:00", day)
    values = [utc(value, day) if isinstance(value, str) else value for value in odd.values]
    faulty = frozenset() if odd.keep else frozenset(odd.columns or (odd.column,))
    return replace(row, texts=texts, published=tuple({**base, odd.column: value} for value in values), faulty=faulty)


def some_odd(
    chance: Random, rows: Sequence[Row], odds: Sequence[Odd], day: date, share: float = 0.35
) -> tuple[Row, ...]:
    """The rows, some of them with an odd value; fewer than the contract lets be quarantined."""
    chosen = set(chance.sample(range(len(rows)), int(len(rows) * share)))
    picks = iter(chance.sample(list(odds), min(len(odds), len(chosen))) + [chance.choice(odds) for _ in chosen])
    return tuple(odd_row(row, next(picks), day) if n in chosen else row for n, row in enumerate(rows))
