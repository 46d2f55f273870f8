"""Hours of APIs, streams, posted rows, tables of others and snapshots: each row in exactly one, as it is in one day."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
import sqlalchemy as sa
from deltalake import write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from resources.slots import checked_slot, days_of, hours_of
from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.reader import DatabaseReader
from resources.sources.http.api import ApiForm, HttpReader
from resources.sources.lake_tables.delta import DeltaFormat
from resources.sources.lake_tables.iceberg import IcebergFormat
from resources.sources.lake_tables.reader import LakeTableReader
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.posted import PostedReader
from resources.sources.readers import Reader, SourceBroken
from resources.sources.snapshots import SnapshotReader
from resources.sources.streams.stream_file import StreamFileReader
from tests.support.data.hour_samples import HOURS, START, TIMES, expected, found, ids_of
from tests.support.servers.http_server import QuietHandler, serving

LATE = "2026-03-29T01:59:00Z"
LATE_HOUR = checked_slot("2026-03-29-01:00")


def rows_of_days(reader: Reader) -> list[int]:
    return sorted(number for part in reader.read(days_of(HOURS)) for number in ids_of(part))


def of_hours(known: dict[str, list[int]]) -> list[int]:
    return sorted(number for ids in known.values() for number in ids)


def line(number: int, at: str) -> str:
    return json.dumps({"id": number, "at": at}) + "\n"


def test_lines_of_a_stream_are_divided_by_their_arrival(tmp_path: Path) -> None:
    """The line without a time is in the hour of the line before it."""
    file = tmp_path / "s.jsonl"
    file.write_text("".join(line(n, at) for n, at in enumerate(TIMES)))
    reader = StreamFileReader("s", tmp_path, "s", "at", START)
    known = found(reader, HOURS)
    assert known == {**expected(), "2026-03-28-00:00": [0, 1], "2026-03-30-12:00": [6, 7]}
    assert of_hours(known) == rows_of_days(reader)
    origins = {part.day: part.origin for part in reader.read(HOURS)}
    assert reader.changed(origins) == frozenset()
    with file.open("a") as stream:
        stream.write(line(8, LATE))
    assert reader.changed(origins) == {LATE_HOUR}


def test_a_line_that_is_being_written_holds_up_the_last_hour_alone(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(line(0, TIMES[0]) + line(1, TIMES[2]) + '{"id": 2, ')
    reader = StreamFileReader("s", tmp_path, "s", "at", START)
    assert [ids_of(part) for part in reader.read(HOURS[:1])] == [[0]]
    with pytest.raises(Exception, match="source s, hour 2026-03-28-01:00: .* ends within a line"):
        list(reader.read(HOURS[:2]))


def test_posted_rows_are_divided_by_the_time_at_which_they_were_taken(tmp_path: Path) -> None:
    """A line whose time is lost is in the first hour of its day's folder."""
    for day in days_of(HOURS):
        (tmp_path / str(day)).mkdir()
    for n, at in enumerate(TIMES):
        day = START if at == "no time" else datetime.fromisoformat(at).astimezone(UTC).date()
        with (tmp_path / str(day) / f"process{n % 2}.jsonl").open("a") as file:
            file.write(line(n, at))
    reader = PostedReader("t", tmp_path, "at")
    known = found(reader, HOURS)
    assert known == expected()
    assert of_hours(known) == rows_of_days(reader)
    origins = {part.day: part.origin for part in reader.read(HOURS)}
    assert reader.changed(origins) == frozenset()
    (tmp_path / "2026-03-29" / "late.jsonl").write_text(line(8, LATE))
    assert reader.changed(origins) == {LATE_HOUR}


def table(times: dict[int, str]) -> pa.Table:
    at = [None if text == "no time" else datetime.fromisoformat(text) for text in times.values()]
    return pa.table({"id": pa.array(list(times), pa.int64()), "at": pa.array(at, pa.timestamp("us", "UTC"))})


class Theirs:
    """A table of others, in a format."""

    def __init__(self, folder: Path, kind: Literal["delta", "iceberg"]) -> None:
        self._folder, self._kind = folder, kind
        if kind == "iceberg":
            self._catalog = SqlCatalog("bank", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/w")
            self._catalog.create_namespace("sales")

    def add(self, rows: pa.Table) -> None:
        if self._kind == "delta":
            write_deltalake(self._folder / "t", rows, mode="append")
        else:
            self._catalog.create_table_if_not_exists("sales.orders", schema=rows.schema).append(rows)

    def reader(self, **terms: Any) -> LakeTableReader:
        wanted = LakeRows("t", "at", first_day=START, **terms)
        if self._kind == "delta":
            return LakeTableReader(DeltaFormat(str(self._folder / "t")), wanted)
        address = f"iceberg+sqlite:///{self._folder}/catalog.db?catalog=bank"
        return LakeTableReader(IcebergFormat(address, "sales.orders", secret=None, variable=""), wanted)


@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_rows_of_a_table_of_others_are_divided_by_their_time(tmp_path: Path, kind: Literal["delta", "iceberg"]) -> None:
    theirs = Theirs(tmp_path, kind)
    for numbers in ((0, 4, 7), (6, 1), (2, 3, 5)):
        theirs.add(table({n: TIMES[n] for n in numbers}))
    known = found(theirs.reader(), HOURS)
    assert known == expected()
    assert of_hours(known) == rows_of_days(theirs.reader())
    origins = {part.day: part.origin for part in theirs.reader().read(HOURS)}
    assert theirs.reader().changed(origins) == frozenset()
    theirs.add(table({8: LATE}))
    assert theirs.reader().changed(origins) == {LATE_HOUR}
    later = found(theirs.reader(known_after=timedelta(minutes=90)), HOURS)
    assert later == {
        "2026-03-28-00:00": [7], "2026-03-28-01:00": [0], "2026-03-28-02:00": [1, 2], "2026-03-29-01:00": [3, 4],
        "2026-03-29-02:00": [5], "2026-03-29-03:00": [8], "2026-03-30-13:00": [6],
    }  # fmt: skip


def test_the_clocks_of_a_zone_leave_no_hour_twice_and_none_out(tmp_path: Path) -> None:
    """In spring 02:30 is skipped, and is of the product's first hour; in autumn 02:30 comes twice, and is the first."""
    at = [datetime(2026, 3, 29, hour, 30) for hour in (1, 2, 3)] + [datetime(2026, 10, 25, hour, 30) for hour in (2, 3)]
    write_deltalake(tmp_path, pa.table({"id": list(range(5)), "at": pa.array(at, pa.timestamp("us"))}))
    wanted = LakeRows("t", "at", zone="Europe/Berlin", times=("at",), first_day=START)
    reader = LakeTableReader(DeltaFormat(str(tmp_path)), wanted)
    spring = {"2026-03-28-00:00": [1], "2026-03-29-00:00": [0], "2026-03-29-01:00": [2]}
    assert found(reader, HOURS) == spring
    assert found(reader, hours_of(datetime(2026, 10, 25).date())) == {"2026-10-25-00:00": [3], "2026-10-25-02:00": [4]}


class _Api(QuietHandler):
    """Answers `/days?day=` with the rows of a UTC day, `/windows?since=&until=` with a window's; `/deaf` with all."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/deaf":
            self.answer(200, json.dumps([{"id": n, "at": at} for n, at in server.rows]).encode())
            return
        if parts.path == "/days":
            first = datetime.fromisoformat(f"{query['day']}T00:00:00Z")
            end = first + timedelta(days=1)
        else:
            first, end = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
        rows = [{"id": n, "at": at} for n, at in server.rows if at != "no time" and first <= moment(at) < end]
        rows += [{"id": n, "at": at} for n, at in server.rows if at == "no time" and first.date() == START]
        tag = f'"{hash(json.dumps(rows))}"'
        if self.headers["If-None-Match"] == tag:
            server.spared += 1
            self.answer(304, headers={"ETag": tag})
            return
        self.answer(200, json.dumps(rows).encode(), {"ETag": tag})


def moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


@pytest.fixture
def api() -> Iterator[Any]:
    with serving(_Api) as running:
        server: Any = running
        server.rows, server.asked, server.spared = list(enumerate(TIMES)), [], 0
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server


def by_days(api: Any, **terms: Any) -> HttpReader:
    return HttpReader(api.url, ApiForm("t", "/days", day_column="at", **terms), wait=0.01)


def by_windows(api: Any, **terms: Any) -> HttpReader:
    form = ApiForm("t", "/windows", day_parameter="since", until_parameter="until", **terms)
    return HttpReader(api.url, form, wait=0.01)


def test_an_answer_for_a_day_is_divided_by_the_time_of_its_rows(api: Any) -> None:
    """The API is asked once for the hours of a day, and again about a day whose answer is another now."""
    with by_days(api) as reader:
        origins = {part.day: part.origin for part in reader.read(HOURS)}
        assert [path.rpartition("=")[2] for path in api.asked] == [str(day) for day in days_of(HOURS)]
        assert (reader.changed(origins), api.spared) == (frozenset(), 3)
        api.rows.append((8, LATE))
        assert (reader.changed(origins), api.spared) == ({LATE_HOUR}, 5)
        api.rows.pop()
        assert of_hours(expected()) == rows_of_days(reader)
    assert found(by_days(api), HOURS) == expected()


def test_hours_of_a_day_that_were_read_one_after_the_other_are_compared_by_their_rows(api: Any) -> None:
    """The answer for a day grows with each hour, which changes nothing of an hour that is over."""
    with by_days(api) as reader:
        whole, origins = list(api.rows), {}
        for hour in HOURS[:3]:
            api.rows = [(n, at) for n, at in whole if at == "no time" or moment(at) < hour + timedelta(hours=1)]
            (part,) = reader.read([hour])
            origins[part.day] = part.origin
        api.rows = whole
        assert reader.changed(origins) == frozenset()
        api.rows = [(n, at) for n, at in whole if n != 2]
        assert reader.changed(origins) == {HOURS[1]}


def test_a_window_of_an_api_is_an_hour(api: Any) -> None:
    """It is asked for each by itself, and says which rows are of it: they need no time."""
    api.rows = api.rows[:-1]
    hours = HOURS[:2]
    with by_windows(api) as reader:
        assert [ids_of(part) for part in reader.read(hours)] == [[0, 1], [2]]
    first, second = (parse_qs(urlsplit(path).query) for path in api.asked)
    assert first == {"since": ["2026-03-28T00:00:00Z"], "until": ["2026-03-28T01:00:00Z"]}
    assert second == {"since": ["2026-03-28T01:00:00Z"], "until": ["2026-03-28T02:00:00Z"]}
    assert found(by_windows(api), HOURS[20:30]) == {"2026-03-28-23:00": [3, 4], "2026-03-29-01:00": [5]}
    with by_windows(api, day_column="at") as reader:
        origins = {part.day: part.origin for part in reader.read(HOURS[23:27])}
        api.rows.append((8, LATE))
        assert reader.changed(origins) == {LATE_HOUR}


@pytest.mark.parametrize("reader", [by_days, by_windows])
def test_what_an_api_says_later_is_of_a_later_hour(api: Any, reader: Any) -> None:
    api.rows = api.rows[:-1]
    terms = {"known_after": timedelta(hours=2)} | ({} if reader is by_days else {"day_column": "at"})
    assert found(reader(api, **terms), HOURS) == {
        "2026-03-28-02:00": [0, 1], "2026-03-28-03:00": [2], "2026-03-29-01:00": [3, 4], "2026-03-29-03:00": [5],
        "2026-03-30-14:00": [6],
    }  # fmt: skip


def test_an_api_that_answers_with_rows_of_another_hour_is_refused(api: Any) -> None:
    form = ApiForm("t", "/deaf", day_parameter="since", until_parameter="until", day_column="at")
    with (
        HttpReader(api.url, form, wait=0.01) as reader,
        pytest.raises(
            SourceBroken, match="hour 2026-03-28-23:00: .*a row of 2026-03-28-00:00, and was asked for .*23:00"
        ),
    ):
        list(reader.read([checked_slot("2026-03-28-23:00")]))


def test_a_snapshot_is_of_the_hour_in_which_it_was_taken(tmp_path: Path) -> None:
    """Compared with the one before it, however long ago that was; the hours between have nothing."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    taken = {"2026-03-28T03:10:00Z": "ab", "2026-03-29T03:10:00Z": "abc", "2026-03-29T15:10:00Z": "xbc"}
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("CREATE TABLE states (id INTEGER, state TEXT, at TEXT)"))
        for at, states in taken.items():
            for n, state in enumerate(states):
                connection.execute(sa.text("INSERT INTO states VALUES (:n, :s, :at)"), {"n": n, "s": state, "at": at})
    wanted = DatabaseRows("t", "states", "at", first_day=START)
    reader = SnapshotReader(DatabaseReader(url, wanted), first_day=START, times={"at"})
    known = found(reader, HOURS)
    assert known == {"2026-03-28-03:00": [0, 1], "2026-03-29-03:00": [2], "2026-03-29-15:00": [0]}
    alone = {hour: ids_of(next(iter(reader.read([checked_slot(hour)])))) for hour in known}
    assert alone == known
    origins = {part.day: part.origin for part in reader.read(HOURS)}
    assert origins[checked_slot("2026-03-29-15:00")]["before"] == "2026-03-29-03:00"
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE states SET state = 'z' WHERE at = '2026-03-29T03:10:00Z' AND id = 1"))
    assert reader.changed(origins) == {checked_slot("2026-03-29-03:00"), checked_slot("2026-03-29-15:00")}
