"""Deliveries with odd values: numbers, times, duplicates.

Belongs here: kinds whose form is ordinary text and whose values are odd. Does not belong here: the list of odd values
(`rows.py`), odd forms (`kinds_text.py`), columns of Parquet (`kinds_parquet.py`).
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

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


def nested_json(chance: Random, day: date) -> list[Step]:
    """An object in the place of a text: its JSON is published, or it is refused or quarantined."""
    rows = tuple(replace(row, faulty=ANY_COLUMN, anything=True) for row in good_rows(chance, day, COUNT))
    lines = [json_line(row).replace('"note": ', '"note": {"a": [1, 2]}, "other": ') for row in rows]
    return [published({f"jsonl/{day}.jsonl": "\n".join([*lines, ""]).encode()}, day, rows, may_refuse=True)]


def other_format(form: str, chance: Random, day: date) -> list[Step]:
    """A file of one format under the name of another."""
    rows = good_rows(chance, day, COUNT)
    written = {"csv": Dialect().file(rows), "jsonl": json_lines(rows), "parquet": parquet_file(parquet_columns(rows))}
    del written[form]
    return [refused({f"{form}/{day}.{form}": written[chance.choice(sorted(written))]}, day)]


def table_rows(chance: Random, day: date) -> list[Step]:
    """Rows of a database, as texts or as numbers of its own, some of them odd."""
    odds = [odd for odd in (*NUMBERS, *TIMES_OF_ROWS) if odd.column != "known_at"]
    rows = some_odd(chance, good_rows(chance, day, COUNT), odds, day)
    names = list(rows[0].texts)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE deliveries ({', '.join(names)})")
        marks = ", ".join("?" * len(names))
        stored = [[_stored(chance, name, row.texts[name]) for name in names] for row in rows]
        database.executemany(f"INSERT INTO deliveries VALUES ({marks})", stored)
        database.commit()
        # The environment's own database is beside the landing zone.
        return [published({"../bank.db": database.serialize()}, day, rows)]


def _stored(chance: Random, column: str, text: str | None) -> object:
    """A good number in its own type, now and then."""
    if text is None or column not in ("amount", "count", "share") or chance.random() < 0.5:
        return text
    kind = int if column == "count" else float
    try:
        value = kind(text)
    except ValueError:
        return text
    return value if str(value) == text and abs(value) < 2**63 else text


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
    Kind("table_rows", "rows", table_rows),
    Kind("nested_json", "jsonl", nested_json),
    Kind("no_csv", "csv", partial(other_format, "csv")),
    Kind("no_jsonl", "jsonl", partial(other_format, "jsonl")),
    Kind("no_parquet", "parquet", partial(other_format, "parquet")),
)
