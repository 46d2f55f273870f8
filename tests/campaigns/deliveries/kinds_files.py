"""Deliveries whose files are cut, grow, come late, come again, or lack something.

Belongs here: kinds about files as a whole, over one step or several. Does not belong here: their content (`rows.py`),
their columns (`kinds_columns.py`).
"""

import gzip
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from random import Random

from tests.campaigns.deliveries.cases import ANY_COLUMN, Day, Row, Step, published, refused
from tests.campaigns.deliveries.forms import (
    COMPRESSED,
    Compress,
    Dialect,
    as_is,
    gzipped,
    json_line,
    json_lines,
    parquet_columns,
    parquet_file,
)
from tests.campaigns.deliveries.kinds import Kind
from tests.campaigns.deliveries.product import START
from tests.campaigns.deliveries.rows import COLUMNS, ODD_NOTES, PLAIN_NOTES, good_rows

COUNT = 24
NOW = 0.0
NEXT = timedelta(days=1)
NOTES = (*PLAIN_NOTES, *ODD_NOTES)


def cut_compressed(name: str, compress: Compress, chance: Random, day: date) -> list[Step]:
    """A compressed file that ends anywhere before its end, its trailer included; then the whole one."""
    rows = good_rows(chance, day, COUNT, notes=NOTES)
    data = compress(Dialect().file(rows))
    place = chance.choice([chance.randrange(len(data)), len(data) - chance.randrange(1, 12), chance.randrange(1, 30)])
    file = f"{name}/{day}.csv.{name}"
    return [
        refused({file: data[:place]}, day, age=chance.choice([NOW, 86_400.0])),
        published({file: data}, day, rows),
    ]


def cut_in_transit(chance: Random, day: date) -> list[Step]:
    """A CSV that changed just now and ends anywhere: at the end of a row it may be whole, anywhere else it waits."""
    rows = good_rows(chance, day, COUNT, notes=NOTES)
    lines = Dialect().lines(rows)
    data = Dialect().file(rows)
    file = f"csv/{day}.csv"
    ends = [sum(len(line.encode()) for line in lines[: n + 1]) for n in range(len(lines))]
    place = chance.choice([chance.randrange(len(data)), chance.choice(ends), chance.randrange(ends[0])])
    if place in ends:
        kept = rows[: ends.index(place)]
        return [published({file: data[:place]}, day, kept, age=NOW)]
    return [refused({file: data[:place]}, day, age=NOW), published({file: data}, day, rows)]


def cut_long_ago(chance: Random, day: date) -> list[Step]:
    """A CSV that ends within a row, and changed long ago: only a cut in the last value leaves no trace."""
    rows = good_rows(chance, day, COUNT, notes=NOTES)
    lines = Dialect().lines(rows)
    last = chance.randrange(1, COUNT + 1)
    values = Dialect().line([rows[last - 1].texts[column] for column in COLUMNS[:-1]])
    keep = chance.randrange(1, len(lines[last]))
    file = f"csv/{day}.csv"
    data = ("".join(lines[:last]) + lines[last][:keep]).encode()
    if keep <= len(values):
        return [refused({file: data}, day), published({file: Dialect().file(rows)}, day, rows)]
    cut = replace(rows[last - 1], faulty=ANY_COLUMN, anything=True)
    return [published({file: data}, day, (*rows[: last - 1], cut), may_refuse=True)]


def cut_jsonl(chance: Random, day: date) -> list[Step]:
    """JSON lines that end within an object."""
    rows = good_rows(chance, day, COUNT, notes=NOTES)
    lines = [json_line(row) + "\n" for row in rows]
    last = chance.randrange(COUNT)
    keep = chance.randrange(1, len(lines[last]) - 1)
    data = ("".join(lines[:last]) + lines[last][:keep]).encode()
    file = f"jsonl/{day}.jsonl"
    return [
        refused({file: data}, day, age=chance.choice([NOW, 86_400.0])),
        published({file: json_lines(rows)}, day, rows),
    ]


def cut_parquet(chance: Random, day: date) -> list[Step]:
    """A Parquet file that ends before its end, or lost its beginning."""
    data = parquet_file(parquet_columns(good_rows(chance, day, COUNT)))
    place = chance.randrange(len(data))
    return [refused({f"parquet/{day}.parquet": chance.choice([data[:place], data[len(data) - place :]])}, day)]


def empty(path: str, chance: Random, day: date) -> list[Step]:
    """A file without a byte, or with blanks alone, is no delivery."""
    return [refused({path.format(day=day): chance.choice([b"", b"\n", b" \n"]) if path.endswith("csv") else b""}, day)]


def header_alone(chance: Random, day: date) -> list[Step]:
    """A header without rows is a day without rows."""
    return [published({f"csv/{day}.csv": Dialect().file(())}, day, ())]


def no_file(chance: Random, day: date) -> list[Step]:
    """A day without its file."""
    return [refused({f"csv/{day}.csv": None}, day, "no file")]


def optional_file(chance: Random, day: date) -> list[Step]:
    """A day whose file may be absent; when it comes the day is stale."""
    rows = good_rows(chance, day, COUNT)
    file = f"optional/{day}.csv"
    come = published({file: Dialect().file(rows)}, day, rows, stale=frozenset({day}))
    return [published({file: None}, day, ()), come]


def grown(name: str, compress: Compress, chance: Random, day: date) -> list[Step]:
    """A file that was whole when it was read, and has more rows now: the day is stale and read again."""
    rows = good_rows(chance, day, COUNT, notes=NOTES)
    some = rows[: chance.randrange(1, COUNT)]
    file = f"{name}/{day}.csv" + (f".{name}" if compress is not as_is else "")
    first, all_ = compress(Dialect().file(some)), compress(Dialect().file(rows))
    if name == "gz":
        all_ = first + compress(Dialect().file(rows)[len(gzip.decompress(first)) :])
    more = published({file: all_}, day, rows, stale=frozenset({day}))
    return [published({file: first}, day, some), more, published({file: all_}, day, rows)]


def replaced(chance: Random, day: date) -> list[Step]:
    """A file delivered again: other rows of the same number of bytes, fewer rows, then broken, then gone."""
    rows = good_rows(chance, day, COUNT)
    file, stale = f"csv/{day}.csv", frozenset({day})
    other = tuple(_of_customer(row, "C999") for row in rows)
    fewer = other[: COUNT // 2]
    return [
        published({file: Dialect().file(rows)}, day, rows),
        published({file: Dialect().file(other)}, day, other, stale=stale),
        published({file: Dialect().file(fewer)}, day, fewer, stale=stale),
        refused({file: Dialect().file(fewer)[:-9]}, day, age=NOW, stale=stale),
        refused({file: None}, day, "no file"),
    ]


def marked(chance: Random, day: date) -> list[Step]:
    """A file counts as whole when its marker is there, not before."""
    rows = good_rows(chance, day, COUNT)
    file, done = f"marked/{day}.csv", f"marked/{day}.done"
    return [
        refused({file: Dialect().file(rows[:9]), done: None}, day, age=chance.choice([NOW, 86_400.0])),
        published({file: Dialect().file(rows), done: b""}, day, rows, age=NOW),
    ]


def settled(chance: Random, day: date) -> list[Step]:
    """A file counts as whole when it has not changed for ten minutes."""
    rows = good_rows(chance, day, COUNT)
    file = f"settled/{day}.csv"
    return [
        refused({file: Dialect().file(rows[:9])}, day, age=chance.choice([NOW, 60.0, 590.0])),
        published({file: Dialect().file(rows)}, day, rows, age=700.0),
    ]


def parts(chance: Random, day: date) -> list[Step]:
    """A day of several files, then one more; one of them broken breaks the day."""
    rows = good_rows(chance, day, COUNT)
    files = {
        f"parts/{day}-{n}.csv": Dialect(bom=n == 1, last_line_end=n != 0).file(rows[n * 8 : n * 8 + 8])
        for n in range(3)
    }
    two = {name: data for name, data in files.items() if not name.endswith("2.csv")}
    last = f"parts/{day}-2.csv"
    # The first file comes again, of the same size and from before the others.
    other = tuple(_of_customer(row, "C999") if n < 8 else row for n, row in enumerate(rows))
    first = f"parts/{day}-0.csv"
    again = {first: Dialect(last_line_end=False).file(other[:8])}
    return [
        published(two, day, rows[:16]),
        refused({last: files[last][:-9]}, day, age=NOW, stale=frozenset({day})),
        published(files, day, rows, stale=frozenset({day})),
        published(again, day, other, stale=frozenset({day}), age=2 * 86_400.0),
    ]


def _of_customer(row: Row, customer: str) -> Row:
    values = {**row.published[0], "customer": customer}
    return replace(row, texts={**row.texts, "customer": customer}, published=(values,))


def late(chance: Random, day: date) -> list[Step]:
    """Of three days the first comes last."""
    there = {day + n * NEXT: good_rows(chance, day + n * NEXT, COUNT) for n in range(3)}
    files = {at: {f"csv/{at}.csv": Dialect().file(rows)} for at, rows in there.items()}
    return [published(files[at], at, there[at]) for at in (day + 2 * NEXT, day + NEXT, day)]


def range_with_a_bad_day(chance: Random, day: date) -> list[Step]:
    """A run over three days of which one is refused publishes none of them."""
    there = {day + n * NEXT: good_rows(chance, day + n * NEXT, COUNT) for n in range(3)}
    files = {f"csv/{at}.csv": Dialect().file(rows) for at, rows in there.items()}
    wrong = day + chance.randrange(3) * NEXT
    days = (day, day + 2 * NEXT)
    broken = {**files, f"csv/{wrong}.csv": chance.choice([None, b"", b"id\n1\n", files[f"csv/{wrong}.csv"][:-25]])}
    return [
        Step(broken, days, refused="", refused_day=wrong, age=NOW),
        Step(files, days, outcome={at: Day(rows) for at, rows in there.items()}),
    ]


def file_of_many_days(path: str, chance: Random, day: date) -> list[Step]:
    """One file holds several days, by a column; a row without a readable time is on the product's first day."""
    days = [day + n * NEXT for n in range(3)]
    there: dict[date, list[Row]] = {at: list(good_rows(chance, at, COUNT)) for at in days}
    all_rows = [row for rows in there.values() for row in rows]
    lost = [
        replace(row.bad("known_at", known_at=text), texts={**row.texts, "id": f"lost-{n}", "known_at": text})
        for n, (row, text) in enumerate(zip(chance.sample(all_rows, 3), ("", "soon", "2024-02-30"), strict=True))
    ]
    mixed = [*all_rows, *(lost if path == "whole.csv" else [])]
    chance.shuffle(mixed)
    # Within a day the rows keep the order of the file.
    outcome = {at: Day(tuple(row for row in mixed if row in there[at])) for at in days}
    file = {path.format(month=f"{day:%Y-%m}"): Dialect().file(mixed)}
    steps = [Step(file, (days[0], days[-1]), outcome=outcome)]
    if path == "whole.csv":
        # The other rows of the first day are good ones of its own, so that it is not refused.
        first = list(good_rows(chance, START, 8))
        mixed = [*first, *mixed]
        outcome = {START: Day(tuple(row for row in mixed if row in first or row in lost))}
        steps = [Step({path: Dialect().file(mixed)}, (START, START), outcome=outcome), *[replace(steps[0], files={})]]
    return steps


def backwards_clock(chance: Random, day: date) -> list[Step]:
    """A file whose time of change lies in the future is read where nothing must settle."""
    rows = good_rows(chance, day, COUNT)
    return [published({f"csv/{day}.csv": Dialect().file(rows)}, day, rows, age=-3600.0)]


KINDS = (
    *(Kind(f"cut_{name}", name, partial(cut_compressed, name, compress)) for name, compress in COMPRESSED.items()),
    Kind("cut_in_transit", "csv", cut_in_transit),
    Kind("cut_long_ago", "csv", cut_long_ago),
    Kind("cut_jsonl", "jsonl", cut_jsonl),
    Kind("cut_parquet", "parquet", cut_parquet),
    Kind("empty_csv", "csv", partial(empty, "csv/{day}.csv")),
    Kind("empty_gz", "gz", partial(empty, "gz/{day}.csv.gz")),
    Kind("empty_parquet", "parquet", partial(empty, "parquet/{day}.parquet")),
    Kind("header_alone", "csv", header_alone),
    Kind("no_file", "csv", no_file),
    Kind("optional_file", "optional", optional_file),
    Kind("grown_csv", "csv", partial(grown, "csv", as_is)),
    Kind("grown_gz", "gz", partial(grown, "gz", gzipped)),
    Kind("replaced", "csv", replaced),
    Kind("marked", "marked", marked),
    Kind("settled", "settled", settled),
    Kind("parts", "parts", parts),
    Kind("late", "csv", late, days=3),
    Kind("range_with_a_bad_day", "csv", range_with_a_bad_day, days=3),
    Kind(
        "monthly",
        "monthly",
        partial(file_of_many_days, "monthly/{month}.csv"),
        fixed=tuple(date(2024, n, 5) for n in range(1, 13)),
    ),
    Kind("whole", "whole", partial(file_of_many_days, "whole.csv"), days=3),
    Kind("backwards_clock", "csv", backwards_clock),
)
