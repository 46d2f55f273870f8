"""Files of every format and of every way to choose a day: each row on exactly one day, none lost."""

import csv
import gzip
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.errors import LooplineError
from resources.naming import days_between
from resources.sources.calendars import DeliveryCalendar
from resources.sources.files.form import FileForm
from resources.sources.files.places import Folder
from resources.sources.files.reader import FilesReader
from resources.sources.readers import DayRows, SourceBroken, SourceError, SourceUnavailable

START, END = date(2026, 2, 26), date(2026, 3, 4)
DAYS = days_between(START, END)
Row = dict[str, Any]


def rows_of(day: date, count: int = 3) -> list[Row]:
    at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
    times = [at + timedelta(hours=7 * n) for n in range(count)]
    return [{"id": f"{day}/{n}", "amount": "1.50", "at": time.isoformat()} for n, time in enumerate(times)]


def csv_of(rows: list[Row], delimiter: str = ",") -> bytes:
    lines = [delimiter.join(rows[0]), *(delimiter.join("" if v is None else v for v in row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def jsonl_of(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet_of(rows: list[Row]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def zstd_of(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


FORMATS: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": csv_of,
    "tsv": lambda rows: csv_of(rows, "\t"),
    "csv.gz": lambda rows: gzip.compress(csv_of(rows)),
    "csv.zst": lambda rows: zstd_of(csv_of(rows)),
    "jsonl": jsonl_of,
    "ndjson.gz": lambda rows: gzip.compress(jsonl_of(rows)),
    "json": lambda rows: json.dumps(rows).encode(),
    "parquet": parquet_of,
}


def reader(folder: Path, pattern: str, **terms: Any) -> FilesReader:
    return FilesReader(FileForm("f", pattern, first_day=START, **terms), Folder(str(folder)))


def ids(read: Iterator[DayRows]) -> dict[date, list[str]]:
    return {day.day: day.rows["id"].to_pylist() if day.rows.num_rows else [] for day in read}


def write(folder: Path, name: str, content: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_by_day_by_week_by_month_and_whole(tmp_path: Path, suffix: str) -> None:
    """The same rows from files of a day, of a week, of a month, of several a day, and from one file for all."""
    written, expected = FORMATS[suffix], {day: [row["id"] for row in rows_of(day)] for day in DAYS}
    everything = [row for day in DAYS for row in rows_of(day)]
    for day in DAYS:
        write(tmp_path, f"d/{day}.{suffix}", written(rows_of(day)))
        write(tmp_path, f"s/{day}/a.{suffix}", written(rows_of(day)[:1]))
        write(tmp_path, f"s/{day}/b.{suffix}", written(rows_of(day)[1:]))
    for month in ("2026-02", "2026-03"):
        write(tmp_path, f"m/{month}.{suffix}", written([row for row in everything if row["at"].startswith(month)]))
    for week in {f"{day:%G-W%V}" for day in DAYS}:
        of_week = [row for day in DAYS if f"{day:%G-W%V}" == week for row in rows_of(day)]
        write(tmp_path, f"w/{week}.{suffix}", written(of_week))
    write(tmp_path, f"all.{suffix}", written(everything[::-1]))
    for pattern, terms in {
        f"d/{{day}}.{suffix}": {}, f"s/{{day}}/*.{suffix}": {}, f"m/{{month}}.{suffix}": {"day_column": "at"},
        f"w/{{week}}.{suffix}": {"day_column": "at"},
        f"m/*.{suffix}": {"day_column": "at"}, f"all.{suffix}": {"day_column": "at"},
    }.items():  # fmt: skip
        found = ids(reader(tmp_path, pattern, **terms).read(DAYS))
        assert {day: sorted(rows) for day, rows in found.items()} == expected, pattern
        alone = {day: ids(reader(tmp_path, pattern, **terms).read([day]))[day] for day in DAYS}
        assert alone == found, f"{pattern}: a day by itself has the rows that it has in a range"


def test_a_row_without_a_readable_time_is_delivered_on_one_day(tmp_path: Path) -> None:
    odd = [None, "", "yesterday", "1900-01-01", "9999-12-31T00:00:00Z", "2026-02-30", "0001-01-01"]
    rows = rows_of(START)[:1] + [{"id": f"odd{n}", "amount": "1", "at": at or ""} for n, at in enumerate(odd)]
    write(tmp_path, "all.csv", csv_of([*rows, *rows_of(END)]) + b"only one value\n")
    write(tmp_path, "m/2026-02.csv", csv_of([*rows, *rows_of(END)[:1]]))
    write(tmp_path, "m/2026-03.csv", csv_of([*rows_of(END)[1:], {"id": "x", "amount": "1", "at": "no"}]))
    whole = list(reader(tmp_path, "all.csv", day_column="at").read(DAYS))
    assert {day.day: day.rows.num_rows for day in whole if day.rows.num_rows} == {START: 1 + len(odd), END: 3}
    assert [day.malformed for day in whole] == [("only one value",), *[()] * 6]
    monthly = ids(reader(tmp_path, "m/{month}.csv", day_column="at").read(DAYS))
    assert len(monthly[START]) == 2 + len(odd), "the row of March in February's file is February's"
    assert (monthly[date(2026, 3, 1)], len(monthly[END])) == (["x"], 2)
    assert sum(map(len, monthly.values())) == len(rows) + 4


def test_labels_of_the_same_files_become_known_later(tmp_path: Path) -> None:
    for day in DAYS:
        write(tmp_path, f"{day}.parquet", parquet_of(rows_of(day)))
    write(tmp_path, "all.csv", csv_of([row for day in DAYS for row in rows_of(day)]))
    terms = {"day_column": "at", "known_after": timedelta(days=2)}
    for pattern in ("{day}.parquet", "all.csv"):
        read = {day.day: day for day in reader(tmp_path, pattern, **terms).read(DAYS)}
        assert [day.rows.num_rows for day in read.values()] == [0, 0, 3, 3, 3, 3, 3]
        (first, *_) = read[START + timedelta(days=2)].rows.to_pylist()
        assert first["id"] == f"{START}/0"
        assert datetime.fromisoformat(first["event_time"]) == datetime(2026, 2, 26, 1, tzinfo=UTC)
        assert datetime.fromisoformat(first["known_at"]) == datetime(2026, 2, 28, 1, tzinfo=UTC)


def test_times_without_an_offset_are_of_the_zone(tmp_path: Path) -> None:
    """Berlin's day begins an hour before UTC's: no row is lost at its edge, and none is there twice."""
    local = [{"id": f"{day}T{hour:02}", "at": f"{day} {hour:02}:30:00"} for day in DAYS for hour in range(24)]
    for day in DAYS:
        write(tmp_path, f"{day}.csv", csv_of([row for row in local if row["at"].startswith(str(day))]))
    write(tmp_path, "all.csv", csv_of(local))
    expected = {
        day: [f"{day}T{hour:02}" for hour in range(1, 24)] + [f"{day + timedelta(days=1)}T00"] for day in DAYS[:-1]
    }
    for pattern in ("{day}.csv", "all.csv"):
        berlin = reader(tmp_path, pattern, day_column="at", zone="Europe/Berlin")
        found = {day.day: day.rows for day in berlin.read(DAYS[:-1])}
        assert {day: rows["id"].to_pylist() for day, rows in found.items()} == expected
        assert found[START]["at"][0].as_py() == "2026-02-26T00:30:00.000000Z"


def test_of_several_files_one_is_replaced_by_an_older_one_of_its_size(tmp_path: Path) -> None:
    """As a copy that keeps times delivers it: neither the sum of sizes nor the newest time is another."""
    for name, age in (("a", 900), ("b", 300)):
        write(tmp_path, f"{START}-{name}.csv", csv_of(rows_of(START)))
        os.utime(tmp_path / f"{START}-{name}.csv", (1e9 - age, 1e9 - age))
    several = reader(tmp_path, "{day}-*.csv")
    recorded = {day.day: day.origin for day in several.read([START])}
    assert several.changed(recorded) == frozenset()
    older = {day: {name: value for name, value in origin.items() if name != "each"} for day, origin in recorded.items()}
    assert several.changed(older) == frozenset(), "what older code recorded"
    write(tmp_path, f"{START}-a.csv", csv_of(rows_of(START)).replace(b"1.50", b"2.50"))
    os.utime(tmp_path / f"{START}-a.csv", (1e9 - 600, 1e9 - 600))
    assert several.changed(recorded) == {START}


@pytest.mark.parametrize("beside", ["2026-03-29 12:00:00", "soon", "0001-01-01"])
def test_a_time_that_the_zone_skips_is_no_moment(tmp_path: Path, beside: str) -> None:
    """Neither that of the hour after it nor one of UTC; and the same whatever stands in the other rows."""
    local = [{"id": "1", "at": "2026-03-29 02:30:00"}, {"id": "2", "at": beside}]
    write(tmp_path, "all.csv", csv_of(local))
    write(tmp_path, "all.jsonl", jsonl_of(local))
    write(tmp_path, "all.parquet", parquet_of([{"id": "1", "at": datetime(2026, 3, 29, 2, 30)}]))
    for suffix in ("csv", "jsonl", "parquet"):
        form = reader(tmp_path, f"all.{suffix}", day_column="at", zone="Europe/Berlin")
        (first,) = (day.rows for day in form.read([START]) if day.rows.num_rows)
        assert first.to_pylist()[0]["at"].startswith("2026-03-29 02:30:00")
        assert first.to_pylist()[0]["at"].endswith("Europe/Berlin"), "validation takes it for no time"


def test_a_column_that_nobody_asked_for_may_hold_anything(tmp_path: Path) -> None:
    blob = {"id": "1", "at": "2026-02-26T01:00:00Z", "blob": b"\xff\x00"}
    write(tmp_path, f"{START}.parquet", parquet_of([blob]))
    (day,) = reader(tmp_path, "{day}.parquet", columns=("id", "at")).read([START])
    assert day.rows.to_pylist() == [{"id": "1", "at": "2026-02-26T01:00:00Z", "blob": None}]
    with pytest.raises(SourceBroken, match="column 'blob' of type binary whose values are no text"):
        list(reader(tmp_path, "{day}.parquet", columns=("id", "blob")).read([START]))


def test_rows_without_any_time_are_of_the_first_day(tmp_path: Path) -> None:
    write(tmp_path, "clients.csv", b"about,the,file\nid;amount\n1;2,5\n2;3\n")
    read = list(reader(tmp_path, "clients.csv", header_line=2, delimiter=";").read(DAYS))
    start = "2026-02-26T00:00:00.000000Z"
    assert read[0].rows.to_pylist() == [
        {"id": "1", "amount": "2,5", "event_time": start, "known_at": start},
        {"id": "2", "amount": "3", "event_time": start, "known_at": start},
    ]
    assert all(day.rows.num_rows == 0 for day in read[1:])


def test_a_folder_of_parquet_files_in_partitions_is_a_table(tmp_path: Path) -> None:
    for part in (0, 1):
        write(tmp_path, f"orders/day={START}/part-{part}.parquet", parquet_of(rows_of(START)[part : part + 1]))
    write(tmp_path, f"orders/day={END}/part-0.parquet", parquet_of(rows_of(END)))
    found = ids(reader(tmp_path, "orders/day={day}/*.parquet", optional=True).read(DAYS))
    assert [len(rows) for rows in found.values()] == [2, 0, 0, 0, 0, 0, 3]


def test_a_day_on_which_nothing_is_delivered_is_empty_and_not_missing(tmp_path: Path) -> None:
    """The first of March 2026 is a Sunday: its weekend is empty, its holiday has a file all the same."""
    calendar = DeliveryCalendar(closed=("saturday", "sunday"), holidays=(date(2026, 3, 3),))
    for day in (date(2026, 2, 26), date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3)):
        write(tmp_path, f"{day}.csv", csv_of(rows_of(day)))
    weekdays = reader(tmp_path, "{day}.csv", calendar=calendar)
    assert [len(rows) for rows in ids(weekdays.read(DAYS[:-1])).values()] == [3, 3, 0, 0, 3, 3]
    assert [weekdays.missing([day]) for day in DAYS[2:4]] == [(), ()]
    with pytest.raises(SourceBroken, match="day 2026-03-04: no file"):
        list(weekdays.read(DAYS))
    (tmp_path / "2026-03-03.csv").unlink()
    assert weekdays.missing([date(2026, 3, 3)]) == ()
    of_zone = reader(tmp_path, "{day}.csv", calendar=calendar, zone="Europe/Berlin", day_column="at")
    with pytest.raises(SourceBroken, match="2026-03-04.csv"):
        list(of_zone.read([date(2026, 3, 3)]))  # a UTC day has rows of two days of the zone


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"closed": "sunday"}, "write a tuple of monday"),
        ({"closed": ("Sunday",)}, r"closed is \('Sunday',\)"),
        ({"holidays": ("2026-12-25",)}, "write dates, as date"),
        ({"closed": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")}, "every day"),
    ],
)
def test_a_calendar_that_names_no_day_is_refused(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(LooplineError, match=said):
        DeliveryCalendar(**terms)


def test_an_optional_day_may_have_no_file(tmp_path: Path) -> None:
    write(tmp_path, f"{END}.csv", csv_of(rows_of(END)))
    with pytest.raises(SourceBroken, match="source f, day 2026-02-26: no file .*2026-02-26.csv; ask the owner"):
        list(reader(tmp_path, "{day}.csv").read(DAYS))
    found = ids(reader(tmp_path, "{day}.csv", optional=True).read(DAYS))
    assert [len(rows) for rows in found.values()] == [0] * 6 + [3]


@pytest.mark.parametrize(
    ("pattern", "terms", "said"),
    [
        ("a.csv", {"sheet": "Orders"}, "csv files have no sheets"),
        ("a", {}, "does not tell the format"),
        ("{month}.csv", {}, "a month has many days; write day_column="),
        ("{week}.csv", {}, "a week has many days; write day_column="),
        ("{week}/{day}.csv", {}, "it may hold one of {day}"),
        ("{year}.csv", {}, "it may hold one of {day}"),
        ("../a.csv", {}, "a path within the connection's folder"),
        ("a.csv", {"known_after": timedelta(days=1)}, "write day_column="),
        ("a.csv", {"zone": "Berlin"}, "zone 'Berlin' is unknown"),
        ("a.csv", {"encoding": "latin-99"}, "encoding 'latin-99' is unknown"),
        ("a.csv", {"delimiter": ";;"}, "write one character"),
        ("a.parquet", {"header_line": 2}, "header_line is 2"),
    ],
)
def test_a_form_that_contradicts_itself_is_refused(pattern: str, terms: dict[str, Any], said: str) -> None:
    with pytest.raises(LooplineError, match=f"source f: pattern '.*{said}"):
        FileForm("f", pattern, **terms)


CUT: dict[str, Callable[[bytes], bytes]] = {
    "csv.gz": lambda content: content[:-6], "csv.zst": lambda content: content[:-2],
    "parquet": lambda content: content[:-9], "jsonl": lambda content: content[:-6], "json": lambda c: c[:-3],
}  # fmt: skip


@pytest.mark.parametrize("suffix", CUT)
def test_a_file_that_is_cut_short_waits_in_every_format(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"all.{suffix}", CUT[suffix](FORMATS[suffix](rows_of(START))))
    with pytest.raises(SourceUnavailable, match=f"source f, day 2026-02-26: .*all.{suffix} .*the day waits"):
        list(reader(tmp_path, f"all.{suffix}", day_column="at").read(DAYS))


def test_files_of_a_day_with_other_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a/2026-02-26.csv", csv_of(rows_of(START)))
    write(tmp_path, "b/2026-02-26.csv", b"id,at,new\n1,2026-02-26T01:00:00Z,2\n")
    with pytest.raises(SourceBroken, match="day 2026-02-26: .*b/2026-02-26.csv lacks the column amount"):
        list(reader(tmp_path, "*/{day}.csv", columns=("id", "amount", "at")).read([START]))


def origins(found: FilesReader, days: tuple[date, ...] = DAYS) -> dict[date, Any]:
    return {day.day: json.loads(json.dumps(day.origin)) for day in found.read(days)}


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "parquet"])
def test_a_file_that_changed_after_it_was_read_makes_its_day_stale(tmp_path: Path, suffix: str) -> None:
    written, at = FORMATS[suffix], START + timedelta(days=2)
    for day in DAYS:
        write(tmp_path, f"{day}.{suffix}", written(rows_of(day)))
    by_day = reader(tmp_path, f"{{day}}.{suffix}")
    recorded = origins(by_day)
    assert by_day.changed(recorded) == frozenset()
    os.utime(tmp_path / f"{END}.{suffix}", (0, 0))
    (tmp_path / f"{START}.{suffix}").unlink()
    assert by_day.changed(recorded) == frozenset(), "another time is no other content, and a lost file is no change"
    write(tmp_path, f"{at}.{suffix}", written(rows_of(at, count=2)))
    assert by_day.changed(recorded) == {at}
    assert by_day.changed(recorded | origins(by_day, (at,))) == frozenset()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_of_a_file_of_all_days_only_the_days_whose_rows_changed_are_stale(tmp_path: Path, suffix: str) -> None:
    rows = [row for day in DAYS[:-1] for row in rows_of(day)]
    write(tmp_path, f"all.{suffix}", FORMATS[suffix](rows))
    whole = reader(tmp_path, f"all.{suffix}", day_column="at")
    recorded = origins(whole, DAYS[:-1])
    write(tmp_path, f"all.{suffix}", FORMATS[suffix]([*rows, *rows_of(END)]))
    assert whole.changed(recorded) == frozenset(), "a new day changes no other"
    late = {**rows[0], "id": "late", "at": "2026-02-28T00:00:00+00:00"}
    undated = {**rows[0], "id": "undated", "at": "no time"}
    write(tmp_path, f"all.{suffix}", FORMATS[suffix]([*rows, late, undated]))
    assert whole.changed(recorded) == {START, date(2026, 2, 28)}


def test_a_range_of_days_reads_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "all.csv", csv_of([row for day in DAYS for row in rows_of(day)]))
    opened: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read_bytes(path))
    assert sum(day.rows.num_rows for day in reader(tmp_path, "all.csv", day_column="at").read(DAYS)) == 3 * len(DAYS)
    assert len(opened) == 1


def test_a_file_that_was_optional_and_comes_late_makes_its_day_stale(tmp_path: Path) -> None:
    by_day = reader(tmp_path, "{day}.csv", optional=True)
    recorded = origins(by_day)
    assert by_day.changed(recorded) == frozenset()
    write(tmp_path, f"{END}.csv", csv_of(rows_of(END)))
    assert by_day.changed(recorded) == {END}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "csv.gz"])
def test_a_file_is_whole_by_a_marker_or_after_a_time(tmp_path: Path, suffix: str) -> None:
    """45 of 89 rows end at a line break too: only who writes the file knows that more will come."""
    write(tmp_path, f"{START}.{suffix}", FORMATS[suffix](rows_of(START)))
    marked = reader(tmp_path, f"{{day}}.{suffix}", marker="{day}.done")
    with pytest.raises(SourceUnavailable, match=f"day {START}: .*{START}.done is not there, .*the day waits"):
        list(marked.read([START]))
    assert f"{START}.done is not there" in marked.unfinished([START])
    write(tmp_path, f"{START}.done", b"")
    assert (len(ids(marked.read([START]))[START]), marked.unfinished([START])) == (3, "")
    settled = reader(tmp_path, f"{{day}}.{suffix}", settled=timedelta(minutes=5))
    with pytest.raises(SourceUnavailable, match=f"{START}.{suffix} changed . s ago, .* after 0:05:00; the day waits"):
        list(settled.read([START]))
    os.utime(tmp_path / f"{START}.{suffix}", (0, 0))
    assert len(ids(settled.read([START]))[START]) == 3


def test_the_lines_in_a_message_are_the_file_s(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", b"about\nthe file\nid;name\n1;J\xf6hn\n")
    terms = {"header_line": 3, "delimiter": ";"}
    with pytest.raises(SourceBroken, match="not a CSV file in UTF-8 .line 4 has the byte 0xf6.; .*encoding='latin-1'"):
        list(reader(tmp_path, "a.csv", **terms).read([START]))
    (day,) = reader(tmp_path, "a.csv", encoding="latin-1", **terms).read([START])
    assert day.rows["name"].to_pylist() == ["Jöhn"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "csv.gz", "json"])
def test_no_row_is_lost_where_the_blocks_of_a_parser_end(tmp_path: Path, suffix: str, seed: int) -> None:
    """Values with line breaks, quotes and delimiters, of all lengths up to one that is longer than a block."""
    chance = random.Random(seed)
    words = ["two\nlines", "two\r\nlines", "\n\nx,y\n", 'say "\n"', "ü\n" * 3, "", "plain", "\u2028", "[{", "\\n"]
    at, rows = f"{START}T01:00:00Z", []
    for number in range(1_200):
        word = chance.choice(words)
        rows.append({"id": str(number), "at": at, "word": word + "x" * chance.choice([0, 3, 1_000, 4_000]) + word})
    rows[chance.randrange(1_200)]["word"] = "a\n" * 2**20
    if suffix.startswith("csv"):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([["id", "at", "word"], *(row.values() for row in rows)])
        content = text.getvalue().encode()
        content = gzip.compress(content, 1) if suffix == "csv.gz" else content
    else:
        content = FORMATS[suffix](rows)
    write(tmp_path, f"all.{suffix}", content)
    (day,) = reader(tmp_path, f"all.{suffix}", day_column="at").read([START])
    assert (day.rows.num_rows, day.malformed) == (1_200, ())
    assert [value or "" for value in day.rows["word"].to_pylist()] == [row["word"] for row in rows]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "csv.gz", "csv.zst", "json"])
def test_a_damaged_file_is_read_or_refused_and_never_a_traceback(tmp_path: Path, suffix: str) -> None:
    """Bits that flipped, bytes that are lost, twice there or new: the source, the day and the file are named."""
    content, told = FORMATS[suffix]([row for day in DAYS for row in rows_of(day)]), list[str]()
    for seed in range(150):
        chance, odd = random.Random(seed), bytearray(content)
        at = chance.randrange(len(odd))
        match chance.choice(["flip", "cut", "twice", "new"]):
            case "flip":
                odd[at] ^= 1 << chance.randrange(8)
            case "cut":
                del odd[at:]
            case "twice":
                odd[at:at] = odd[at : at + 40]
            case _:
                odd[at:at] = chance.choice([b'"', b"\0", b"\xb6\xff", b"\n"])
        write(tmp_path, f"all.{suffix}", bytes(odd))
        terms = chance.choice([{"day_column": "at"}, {"day_column": "at", "zone": "Europe/Berlin"}, {}])
        try:
            list(reader(tmp_path, f"all.{suffix}", **terms).read(DAYS))
        except SourceError as error:
            told.append(str(error))
    assert told
    assert all(one.startswith(f"source f, day {START}: {tmp_path}/all.{suffix} ") for one in told)


def test_text_that_is_no_utf8_in_a_parquet_file_is_the_owners_fault(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\4\0\0\0"), pa.py_buffer(b"J\xf6hn"))
    pq.write_table(pa.table({"at": ["2026-02-26"], "name": broken}), tmp_path / "all.parquet")
    with pytest.raises(SourceBroken, match="source f, day 2026-02-26: .*all.parquet is damaged, or not a Parquet file"):
        list(reader(tmp_path, "all.parquet", day_column="at").read([START]))
