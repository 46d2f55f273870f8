"""A tailed file: the lines of a day, and what becomes of lines that are none."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from resources.sources.readers import DayRows, SourceBroken, SourceUnavailable, json_object
from resources.sources.streams.stream_file import StreamFileReader
from resources.sources.streams.tails import FileTail

DAY = date(2026, 1, 2)
NO_ROWS = [
    b"{torn",
    b"[1, 2]",
    b"7",
    b"null",
    b'"text"',
    b"",
    b"\xff\xfe",
    b'{"known_at": "2026-01-02", "n": "\\ud800"}',
    b"[" * 5_000,
    "{torn\u2028 apart".encode(),
]


def read_all(reader: StreamFileReader, days: list[date]) -> list[DayRows]:
    with reader:
        return list(reader.read(days))


def line_of(day: date, number: int) -> bytes:
    return json.dumps({"known_at": f"{day}T10:00:00+00:00", "n": number}).encode()


def test_a_stream_file_is_parted_by_arrival_without_loss(tmp_path: Path) -> None:
    """Each line is in the day of its arrival, once, whichever days are asked for together."""
    chance, moment, lines = random.Random(3), datetime(2020, 1, 1, tzinfo=UTC), []
    for number in range(1500):
        moment += timedelta(minutes=chance.choice([0, 1, 60, 3000]))
        lines.append({"known_at": moment.isoformat(), "number": number, "pad": "x" * chance.randint(0, 60)})
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range((moment.date() - date(2020, 1, 1)).days + 1)]
    got = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), days)
    assert [number for day in got for number in day.rows.to_pydict().get("number", [])] == [str(n) for n in range(1500)]
    assert all(str(row["known_at"])[:10] == day.day.isoformat() for day in got for row in day.rows.to_pylist())
    assert sum(day.origin["lines"] for day in got) == 1500
    (again,) = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [days[len(days) // 2]])
    assert again == got[len(days) // 2]


def test_a_stream_that_is_not_there_may_be_asked_again(tmp_path: Path) -> None:
    """What writes the file may not have started yet."""
    with pytest.raises(SourceUnavailable, match="source s, day 2026-01-02: no stream file"):
        read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY])


@pytest.mark.parametrize("seed", range(4))
def test_lines_that_are_no_row_stay_with_the_day_before_them(tmp_path: Path, seed: int) -> None:
    """Wherever such lines stand, and however many, each is told once, in the day of the line before it."""
    chance, days = random.Random(seed), [DAY + timedelta(days=n) for n in range(-1, 9)]
    lines: list[bytes] = []
    rows: dict[date, list[str]] = {day: [] for day in days}
    broken: dict[date, list[str]] = {day: [] for day in days}
    filled = sorted(chance.sample(days[1:-1], 5))
    before = filled[0]  # the file may begin with lines that are no row
    for day in filled:
        for number in range(chance.randint(1, 20)):
            for bad in chance.choices(NO_ROWS, k=chance.choice([0, 0, 0, 1, 5, 200])):
                lines.append(bad)
                broken[before].append(bad.decode(errors="backslashreplace"))
            lines.append(line_of(day, number))
            rows[day].append(str(number))
            before = day
    lines.append(NO_ROWS[0])
    broken[before].append("{torn")
    (tmp_path / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    together = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), days)
    assert {got.day: got.rows.to_pydict().get("n", []) for got in together} == rows
    assert {got.day: list(got.malformed) for got in together} == broken
    for got in together:
        assert read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [got.day]) == [got]


def test_a_line_of_another_zone_is_in_the_utc_day_of_its_arrival(tmp_path: Path) -> None:
    """As it is for who follows the file: else it was valid in the stream and quarantined in the lake."""
    moments = ["2026-01-02T23:00:00+00:00", "2026-01-03T04:30:00+05:00", "2026-01-02T22:00:00-05:00"]
    lines = [json.dumps({"known_at": moment, "n": number}) + "\n" for number, moment in enumerate(moments)]
    (tmp_path / "s.jsonl").write_text("".join(lines))
    first, second = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY, DAY + timedelta(days=1)])
    assert (first.rows["n"].to_pylist(), second.rows["n"].to_pylist()) == (["0", "1"], ["2"])
    followed = FileTail("s", tmp_path, "s", "known_at").read({}, 9).messages
    assert [message.arrived_at.date() for message in followed if message.arrived_at] == [DAY, DAY, second.day]


@pytest.mark.parametrize("ahead", ["2026-01-03T09:00:00Z", "2085-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("count", [1, 5])
def test_a_line_whose_clock_is_ahead_ends_no_day(tmp_path: Path, ahead: str, count: int) -> None:
    """A clock that is a day ahead is of its own day; one that no clock shows is of the day in which it stands."""
    lines = [line_of(DAY - timedelta(days=1), -1), *(line_of(DAY, number) for number in range(325))]
    lines += [json.dumps({"known_at": ahead, "n": f"ahead{n}"}).encode() for n in range(count)]
    lines += [line_of(DAY, number) for number in range(325, 356)] + [line_of(DAY + timedelta(days=1), 356)]
    (tmp_path / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    days = [DAY, DAY + timedelta(days=1)]
    got = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), days)
    numbers = [[n for n in day.rows["n"].to_pylist() if not n.startswith("ahead")] for day in got]
    assert numbers == [[str(n) for n in range(356)], ["356"]]
    assert [day.rows.num_rows - len(n) for day, n in zip(got, numbers, strict=True)] == (
        [0, count] if ahead.startswith("2026") else [count, 0]
    )
    assert [read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [day]) for day in days] == [[day] for day in got]


def test_a_line_whose_clock_is_behind_is_of_its_own_day_and_is_told(tmp_path: Path) -> None:
    """A day that was read before its last line came is stale, and a day before the first is no day."""
    reader = StreamFileReader("s", tmp_path, "s", "known_at", DAY)
    (tmp_path / "s.jsonl").write_bytes(line_of(DAY, 0) + b"\n" + line_of(DAY + timedelta(days=1), 1) + b"\n")
    recorded = {day.day: day.origin for day in read_all(reader, [DAY, DAY + timedelta(days=1)])}
    assert reader.changed(recorded) == frozenset()
    with (tmp_path / "s.jsonl").open("ab") as stream:
        stream.write(line_of(DAY, 2) + b"\n" + line_of(date(1970, 1, 1), 3) + b"\n")
    assert reader.changed(recorded) == {DAY}
    (again,) = read_all(reader, [DAY])
    assert again.rows["n"].to_pylist() == ["0", "2", "3"]
    assert reader.changed(recorded | {DAY: again.origin}) == frozenset()


def test_a_row_without_its_arrival_is_a_row_of_the_day_before_it(tmp_path: Path) -> None:
    """An object whose arrival is missing or no day is left to the contract, with the line before it."""
    odd = [b'{"n": 1}', b'{"known_at": "soon", "n": 2}', b'{"known_at": null, "n": 3}', b'{"known_at": 5, "n": 4}']
    lines = [line_of(DAY, 0), *odd, line_of(DAY + timedelta(days=1), 5)]
    (tmp_path / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    first, second = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY, DAY + timedelta(days=1)])
    assert first.rows["n"].to_pylist() == ["0", "1", "2", "3", "4"]
    assert second.rows["n"].to_pylist() == ["5"]


def test_a_file_whose_lines_tell_no_day_is_the_owners_fault(tmp_path: Path) -> None:
    """When the arrival has another name now, no day is empty in silence."""
    (tmp_path / "s.jsonl").write_bytes(b'{"arrived": "2026-01-02", "n": 1}\n' * 3)
    with pytest.raises(SourceBroken, match="source s, day 2026-01-02: no line of .* with a day in 'known_at'"):
        read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY])


def test_an_empty_stream_file_has_empty_days(tmp_path: Path) -> None:
    """Nothing was written yet: that is no fault."""
    (tmp_path / "s.jsonl").write_bytes(b"")
    (got,) = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY])
    assert (got.rows.num_rows, got.malformed) == (0, ())


def test_a_file_that_ends_within_a_line_is_awaited(tmp_path: Path) -> None:
    """The day of the last line waits; the days before it do not, and an object that is whole needs no line break."""
    file, reader = tmp_path / "s.jsonl", StreamFileReader("s", tmp_path, "s", "known_at")
    before, whole = line_of(DAY - timedelta(days=1), 0) + b"\n", line_of(DAY, 1)
    for cut in (1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(before + line_of(DAY, 9) + b"\n" + whole[:cut])
        with pytest.raises(SourceUnavailable, match=f"source s, day {DAY}: .*ends within a line.*the day waits"):
            read_all(reader, [DAY])
        (got,) = read_all(reader, [DAY - timedelta(days=1)])
        assert got.rows["n"].to_pylist() == ["0"]
    file.write_bytes(before + whole)
    assert read_all(reader, [DAY])[0].rows["n"].to_pylist() == ["1"]


def test_lines_in_other_forms_keep_every_value(tmp_path: Path) -> None:
    """By the reader of days and by the follower: a byte order mark, long ids, a name that is there twice, Latin-1."""
    lines = [
        b'\xef\xbb\xbf{"known_at": "2026-01-02T10:00:00Z", "n": 9007199254740993}',
        b'{"known_at": "2026-01-02T10:00:00Z", "n": 9007199254740993.0}',
        b'{"known_at": "2026-01-02T10:00:00Z", "n": "00123"}',
        b'{"known_at": "2026-01-02T10:00:00Z", "n": "two\\nlines"}',
        b'{"known_at": "2026-01-02T10:00:00Z", "n": 1e400}',
        b'{"known_at": "2026-01-02T10:00:00Z", "n": 1, "n": 2}',
        b'{"known_at": "2026-01-02T10:00:00Z", "n": "M\xfcller"}',
    ]
    (tmp_path / "s.jsonl").write_bytes(b"\r\n".join(lines) + b"\r\n")
    (got,) = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), [DAY])
    assert got.rows["n"].to_pylist() == ["9007199254740993", "9007199254740993.0", "00123", "two\nlines", "1e400"]
    assert got.malformed == (lines[5].decode(), lines[6].decode("latin-1").replace("ü", "\\xfc"))
    followed = FileTail("s", tmp_path, "s", "known_at").read({}, 9).messages
    assert [json_object(message.text) is None for message in followed] == [False] * 5 + [True] * 2
