"""The stretches of a growing file by day: those of a file read whole, each line asked of once."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.slots import Slot
from resources.sources.streams.line_spans import LineSpans, Span
from resources.sources.streams.stream_file import StreamFileReader, new_spans
from tests.unit.resources.sources.streams.test_stream_file import DAY, NO_ROWS, line_of, read_all

NEVER_AHEAD = False


def day_of(line: bytes) -> tuple[Slot | None, bool]:
    return (None, NEVER_AHEAD) if line[:1] == b"-" else (DAY + timedelta(days=int(line[:1])), NEVER_AHEAD)


@pytest.mark.parametrize("seed", range(6))
def test_a_file_that_grows_gives_what_the_whole_file_gives(tmp_path: Path, seed: int) -> None:
    """It grows by any number of bytes, so its end lies within lines; some say no day, some an earlier one."""
    chance = random.Random(seed)
    lines = [chance.choice([b"-", b"0", b"1", b"1", b"2"]) + b"x" * chance.randrange(9) + b"\n" for _ in range(60)]
    content, asked = b"".join(lines), list[bytes]()

    def heard(line: bytes) -> tuple[Slot | None, bool]:
        asked.append(line)
        return day_of(line)

    path, known, size = tmp_path / "s.jsonl", LineSpans(), 0
    while size < len(content):
        size = min(size + chance.randrange(1, 60), len(content))
        path.write_bytes(b"") if not path.exists() else None
        with path.open("ab") as stream:
            stream.write(content[path.stat().st_size : size])
        assert known.up_to(path, size, heard) == LineSpans().up_to(path, size, day_of)
    assert [line for line in asked if line.endswith(b"\n")] == lines, "each whole line was asked of once"


def test_a_file_that_was_written_anew_is_gone_through_anew(tmp_path: Path) -> None:
    path, known = tmp_path / "s.jsonl", LineSpans()
    path.write_bytes(b"0\n1\n")
    known.up_to(path, 4, day_of)
    path.write_bytes(b"2\n2\n2\n")
    assert known.up_to(path, 6, day_of) == [Span(DAY + timedelta(days=2), 0, 6, 4)]
    other = tmp_path / "other"
    other.write_bytes(b"1\n2\n2\n0\n")
    other.replace(path)
    assert [span.start for span in known.up_to(path, 8, day_of)] == [0, 2, 6]


def test_lines_that_are_ahead_of_the_clock_are_asked_of_again(tmp_path: Path) -> None:
    path, known = tmp_path / "s.jsonl", LineSpans()
    path.write_bytes(b"0\n1\n")
    ahead = known.up_to(path, 4, lambda line: (DAY, False) if line == b"0\n" else (None, True))
    assert ahead == [Span(DAY, 0, 4, 2)]
    assert [span.slot for span in known.up_to(path, 4, day_of)] == [DAY, DAY + timedelta(days=1)]


def test_readers_that_know_the_file_read_the_same_days(tmp_path: Path) -> None:
    known, path, days = new_spans(), tmp_path / "s.jsonl", [DAY + timedelta(days=n) for n in range(4)]
    future = f'{{"known_at": "{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT%H:%M:%S}+00:00"}}'.encode()
    for number, day in enumerate(days):
        with path.open("ab") as stream:
            stream.write(b"\n".join([line_of(day, number), *NO_ROWS, line_of(days[0], 9), future]) + b"\n")
        fresh = read_all(StreamFileReader("s", tmp_path, "s", "known_at"), days)
        assert read_all(StreamFileReader("s", tmp_path, "s", "known_at", known=known), days) == fresh
